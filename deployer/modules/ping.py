"""ping: the host answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Observed
from deployer.modules.shared.only_answers import OnlyAnswers


@dataclass(frozen=True, kw_only=True)
class Ping(OnlyAnswers):
    """The host answers: its probe has run. A host that cannot be reached fails before any task."""

    EXAMPLE: ClassVar[str] = """\
- name: is there anybody
  ping: {data: pong}
"""

    data: Annotated[str, Doc("what comes back", example="pong")] = "pong"

    def __post_init__(self) -> None:
        if self.data == "crash":
            raise ConfigError("Ansible's ping raises an exception when it is told to crash", hint="fail: says it")

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return what was to come back."""
        del observed
        return {"ping": self.data}


MODULE = Ping

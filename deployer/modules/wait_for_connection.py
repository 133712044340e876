"""wait_for_connection: the host lets the run in, which holds wherever the task is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.fields import Doc
from deployer.modules.base import Observed
from deployer.modules.shared.only_answers import OnlyAnswers


@dataclass(frozen=True, kw_only=True)
class WaitForConnection(OnlyAnswers):
    """The host lets the run in. It always does where this is asked: the run has connected before, or has ended.

    It waits for nothing, so its times are accepted and mean nothing. deployer reboots no host.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the host lets us in
  wait_for_connection: {timeout: 60}
"""

    timeout: Annotated[int, Doc("accepted")] = 600
    delay: Annotated[int, Doc("accepted")] = 0
    sleep: Annotated[int, Doc("accepted")] = 1
    connect_timeout: Annotated[int, Doc("accepted")] = 5

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return for how many seconds it has waited."""
        del observed
        return {"elapsed": 0}


MODULE = WaitForConnection

"""slurp: the content of a file, for ``register``. It changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Observed, Present, Sh, records
from deployer.modules.shared.content import LARGEST_READ, read_whole
from deployer.modules.shared.only_reads import OnlyReads


@dataclass(frozen=True, kw_only=True)
class Slurp(OnlyReads):
    """The content of a file, in base64: ``content | b64decode`` is its text. At most one MiB.

    The probe reads it before a plan is made, so later tasks may use it (docs/playbooks.md).
    """

    EXAMPLE: ClassVar[str] = """\
- name: the host's own name
  slurp:
    src: /etc/hostname
  register: own_name
"""

    src: Annotated[str, Doc("the file on the host", check=check.absolute, example="/etc/hostname", alias="path")]

    def probe(self) -> Sh:
        """Print its content."""
        return read_whole(self.src)

    def parse(self, out: str) -> Observed:
        """Return it as keys; none where no file is there.

        Raises:
            ConfigError: it is larger than what is kept.
        """
        found = records(out, "type", "at") if out else {"type": ""}
        if found["type"] != "file":
            return Present({})
        found = records(out, "size")
        if "content" not in found:
            raise ConfigError(f"{self.src} has {found['size']} bytes", hint=f"slurp reads at most {LARGEST_READ}")
        return Present(found)

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does."""
        if not isinstance(observed, Present) or not observed.keys:
            return {"failed": True, "msg": f"there is no file {self.src}"}
        return {"content": observed.keys["content"], "encoding": "base64", "source": self.src}


MODULE = Slurp

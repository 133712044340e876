"""A file that only root can read: compared by a salted digest, never shown, replaced by a rename."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

from deployer.checks import absolute
from deployer.errors import ProbeError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Absent, Blob, Changes, Known, Module, Observed, Present, Step, records
from deployer.releases.generations import draft_place, in_force
from deployer.salts import salt
from deployer.sh import Sh, lines, sh

_STEP = 64 * 1024
"""The length of the reading is rounded up to such steps, because the file's length is secret."""

_PROBE = """path={}
if [ -e "$path" ] || [ -L "$path" ]; then
  stat --printf 'type=%F\\036mode=%a\\036owner=%U:%G\\036' -- "$path"
  if [ -f "$path" ] && [ ! -L "$path" ]; then
    {}
  fi
fi"""

_CONTENT = """\
sum=$({{ printf %s {}; taste "$path" {}; }} | sha256sum)
emit content "${{sum%"${{sum#????????????????}}"}}"
"""

_WRITE = """path={}
make_above "$path"
draft "$1" "$path" 0400 0 0
settle "$path"
"""


def salted(text: str) -> str:
    """Return what a probe prints for a secret content."""
    return hashlib.sha256((salt() + text).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class PrivateFile(Module):
    """What the kinds that write one secret file share."""

    path: Annotated[
        str, Doc("the file on the host; root's, mode 0400", check=absolute, example="/etc/beam/shop/private/cookie")
    ]

    @property
    def _generations(self) -> str:
        """Where the file belongs to a release, the directory of its generations."""
        return ""

    @abstractmethod
    def text(self) -> Secret:
        """Return what the file should hold."""

    def desired(self) -> Present:
        """Return type, owner, mode and the salted digest of the content."""
        return Present({"type": "file", "owner": "root:root", "mode": "0400", "content": salted(self.text().reveal())})

    def probe(self) -> Sh:
        """Print them as they are, without following a link."""
        before, place = in_force(self.path, self._generations)
        return lines(*before, sh(_PROBE, place, self.tell()))

    def known(self) -> Known | None:
        """Return what the probe would say of a file that holds just this, by a salted digest of its digest."""
        digest = hashlib.sha256(self.text().reveal().encode()).hexdigest()
        said = f"content={self.desired().keys['content']}"
        return Known(self.path, held=self._generations, salt=salt(), proof=f"{salt()}{digest}\n", said=said)

    def tell(self) -> Sh:
        """Return text that prints the content of the file ``"$path"``."""
        return sh(_CONTENT, salt(), self.most())

    def most(self) -> int:
        """Return how many bytes of the file are looked at, so that an endless one takes no time."""
        return (len(self.text().reveal().encode()) // _STEP + 1) * _STEP

    def parse(self, out: str) -> Observed:
        """Return them."""
        found = records(out)
        if not found:
            return Absent()
        if not {"type", "owner", "mode"} <= found.keys():
            raise ProbeError(f"the host's answer about {self.path} is incomplete")
        kind = "file" if found["type"].startswith("regular") else found["type"]
        return Present({**found, "type": kind, "mode": found["mode"].rjust(4, "0")})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write the file; at no moment does it have a wider mode."""
        if not changes:
            return ()
        before, place = draft_place(self.path, self._generations)
        staged = bool(self._generations)
        what = f"{'stage' if staged else 'write'} {self.path}"
        return (Step(what, lines(*before, sh(_WRITE, place)), (Blob.of(self.text()),), ahead=staged),)

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.path,)

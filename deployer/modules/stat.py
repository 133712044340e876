"""stat: the state of a path, for ``register``. It changes nothing."""

from __future__ import annotations

import base64
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ProbeError
from deployer.fields import Doc
from deployer.modules.base import Observed, Present, Sh, lines, records, sh
from deployer.modules.shared.only_reads import OnlyReads
from deployer.modules.shared.permissions import kinds, permissions
from deployer.sh import script

_NUMBERS = ("uid", "gid", "size", "nlink", "inode", "dev", "atime", "mtime", "ctime")


@dataclass(frozen=True, kw_only=True)
class Stat(OnlyReads):
    """What is at a path: ``exists``, ``isdir``, ``isreg``, ``islnk``, ``mode``, ``size``, ``checksum`` and so on.

    The probe reads it before a plan is made, so ``when`` of a later task may use it (docs/playbooks.md). Ansible's
    ``mimetype``, ``charset``, ``attributes`` and ``version`` are not supported; times are whole seconds.
    """

    EXAMPLE: ClassVar[str] = """\
- name: whether the shop has a database
  stat:
    path: /srv/shop.db
  register: database
"""

    path: Annotated[str, Doc("the path on the host", check=check.absolute, example="/srv/shop.db", alias="dest")]
    follow: Annotated[bool, Doc("follow a link, and report what it points to")] = False
    get_checksum: Annotated[bool, Doc("report a digest of a file's content")] = True
    checksum_algorithm: Annotated[
        Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"], Doc("which digest", alias="checksum")
    ] = "sha1"
    get_mime: Annotated[bool, Doc("accepted; no type is reported", alias="mime")] = True
    get_attributes: Annotated[bool, Doc("accepted; none are reported", alias="attr")] = True
    get_md5: Annotated[bool, Doc("accepted; Ansible has removed it")] = False

    def probe(self) -> Sh:
        """Print what stat says of it, and a digest."""
        kind = self.checksum_algorithm if self.get_checksum else ""
        given = sh("path={} follow={} kind={}", self.path, "yes" if self.follow else "no", kind)
        return lines(given, script("stat.sh"))

    def parse(self, out: str) -> Observed:
        """Return it as keys; none where nothing is there."""
        return Present(records(out, "at", "can") if out else {})

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does, under ``stat``."""
        if not isinstance(observed, Present) or not observed.keys:
            return {"stat": {"exists": False}}
        keys = observed.keys
        try:
            raw, *rest = keys["at"].split(":")
            *numbers, owner, group = rest
            mode = int(raw, 16)
            found: dict[str, object] = dict(zip(_NUMBERS, map(int, numbers), strict=True))
        except ValueError:
            raise ProbeError(f"the host's answer about {self.path} cannot be read: {keys['at'][:80]!r}") from None
        found |= {"exists": True, "path": self.path, "mode": f"{stat.S_IMODE(mode):04o}"}
        found |= {"pw_name": owner, "gr_name": group, **kinds(mode), **permissions(mode)}
        ways = {"readable": "r", "writeable": "w", "executable": "x"}
        found |= {name: way in keys["can"] for name, way in ways.items()}
        if "checksum" in keys:
            found["checksum"] = keys["checksum"]
        if "target" in keys:
            found |= {"lnk_target": _text(keys["target"]), "lnk_source": _text(keys["source"])}
        return {"stat": found}


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace").rstrip("\n")


MODULE = Stat

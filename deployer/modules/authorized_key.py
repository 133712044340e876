"""authorized_key: keys that may log in as a user."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Sh, lines, sh
from deployer.modules.shared.rewritten import Rewritten
from deployer.sh.text import script

_TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")
_PARTS = re.compile(rf'(?:((?:[^\s"]|"(?:\\.|[^"\\])*")+)\s+)?({_TYPE.pattern})\s+([A-Za-z0-9+/]+=*)(?:\s+(.*?))?\s*')


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of authorized_keys (sshd(8))."""

    options: str
    kind: str
    key: str
    comment: str

    @classmethod
    def of(cls, line: str) -> Grant | None:
        """Read a line; None where it is empty, a comment or something else."""
        found = None if line.lstrip().startswith("#") else _PARTS.fullmatch(line.strip())
        return found and cls(found[1] or "", found[2], found[3], " ".join((found[4] or "").split()))

    def __str__(self) -> str:
        return " ".join(part for part in (self.options, self.kind, self.key, self.comment) if part)


@dataclass(frozen=True, kw_only=True)
class AuthorizedKey(Rewritten):
    """Keys in a user's authorized_keys.

    The file is ~/.ssh/authorized_keys of the account, or ``path``. It is written with mode 0600 and belongs to the
    user; so does a directory that has to be made for it (0700). An existing directory stays as it is, while Ansible
    sets its owner and mode. No part of the path may be a link that the user can change. A key that exists with other
    options or another comment is replaced, at the end of the file. ``exclusive`` removes every other line.

    A change of root's file, or of one that ``path`` names, can be undone, so it waits for a login if it could cut off
    the next one (``confirm``). Only the host knows where another user's home is, so such a change is not confirmed.
    """

    EXAMPLE: ClassVar[str] = """\
- name: who may log in as the shop
  authorized_key:
    user: shop
    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1f0nLPpOzDGRhLkMJ8kWCqXhQ4lK0yU8Lx8kZbYc8h ann@example.org
"""

    user: Annotated[str, Doc("whose account", check=check.name, example="shop")]
    key: Annotated[str, Doc("the keys, one a line, as in a .pub file", check=check.filled)]
    path: Annotated[
        str | None, Doc("the file, instead of the user's own", check=check.absolute, example="/etc/ssh/keys/shop")
    ] = None
    state: Annotated[Literal["present", "absent"], Doc("whether they are there")] = "present"
    key_options: Annotated[
        str, Doc("options of each key, instead of those before it", check=check.one_line, example="no-pty")
    ] = ""
    comment: Annotated[
        str | None, Doc("the comment of each key, instead of its own", check=check.one_line, example="ann")
    ] = None
    exclusive: Annotated[bool, Doc("no other keys are there")] = False
    manage_dir: Annotated[bool, Doc("make the directory if it is missing")] = True
    follow: Annotated[bool, Doc("refused when true: root follows no link that others can change")] = False
    validate_certs: Annotated[bool, Doc("accepted; no key is fetched")] = True

    def __post_init__(self) -> None:
        if re.match(r"\w+://", self.key):
            raise ConfigError("a plan needs the keys, and does not fetch them", hint="write the keys themselves")
        if self.follow:
            raise ConfigError(
                "follow is not supported: root follows no link that other users can change",
                hint="write the path of the file itself",
            )
        for line in self.key.splitlines():
            if line.strip() and not line.lstrip().startswith("#") and not Grant.of(line):
                raise ConfigError(f"{line[:40]!r} is not a public key", hint="TYPE BASE64 COMMENT, as in a .pub file")
        if not self._grants:
            raise ConfigError("key contains no key")
        if self.exclusive and self.state == "absent":
            raise ConfigError("exclusive needs state: present")

    @property
    def _grants(self) -> list[Grant]:
        found = [grant for line in self.key.splitlines() if (grant := Grant.of(line))]
        return [
            Grant(
                self.key_options or grant.options,
                grant.kind,
                grant.key,
                grant.comment if self.comment is None else self.comment,
            )
            for grant in dict.fromkeys(found)
        ]

    @property
    def called(self) -> str:
        """The file, or whose keys."""
        return next(iter(self.touches()), f"the keys of {self.user}")

    @property
    def label(self) -> str:
        """Whose keys."""
        return f"{'remove' if self.state == 'absent' else 'write'} keys of {self.user}"

    def place(self) -> Sh:
        """Return how the file is read and written."""
        manages = "yes" if self.manage_dir else ""
        return lines(sh("user={} file={} manages={}", self.user, self.path or "", manages), script("authorized_key.sh"))

    def touches(self) -> tuple[str, ...]:
        """Return the file, where it is known which it is."""
        return (self.path,) if self.path else ("/root/.ssh/authorized_keys",) if self.user == "root" else ()

    def edited(self, text: str) -> str:
        """Return the file's text with the keys, or without them."""
        wanted = {grant.key: grant for grant in self._grants}
        if self.state == "absent":
            return "".join(row for row in text.splitlines(keepends=True) if (Grant.of(row) or _NONE).key not in wanted)
        kept, there = [], set()
        for row in text.splitlines():
            grant = Grant.of(row)
            if grant and grant.key in wanted:
                if grant == wanted[grant.key] and grant.key not in there:
                    kept.append(row)
                    there.add(grant.key)
            elif not self.exclusive:
                kept.append(row)
        kept += [str(grant) for key, grant in wanted.items() if key not in there]
        made = "".join(f"{row}\n" for row in kept)
        return text if made == f"{text}\n" else made


_NONE = Grant("", "", "", "")

MODULE = AuthorizedKey

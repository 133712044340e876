"""A file with content: what copy, template and systemd_unit have in common."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.errors import ConfigError, ProbeError
from deployer.model import Secret
from deployer.modules.base import Absent, Blob, Changes, Known, Observed, Present, Sh, Step, lines, records, sh
from deployer.releases.generations import draft_place, in_force
from deployer.salts import salt

SHOWN = 64 * 1024
"""Bytes up to which a plan shows the difference of a text; beyond, it shows digests."""

_OPEN = """look {0}
if [ "$type" = file ]; then
  readable {0}
  size=$(stat -c %s -- {0})
  if [ "$size" -gt {3} ]; then # no digest is needed to tell that it is another one, and it may be endless
    emit size "$size"
  else
    sum=$(taste {0} {3} | sha256sum)
    sum=${{sum%% *}}
    emit sha "$sum"
    if [ "$sum" != {1} ] && [ "$size" -lt {2} ]; then emit old "$(taste {0} {2} | base64 -w 0)"; fi
  fi
fi"""

_SALTED = """look {0}
if [ "$type" = file ]; then
  readable {0}
  sum=$({{ printf %s {1}; taste {0} {2}; }} | sha256sum)
  emit sha "${{sum%% *}}"
fi"""


LARGEST_READ = 1024 * 1024
"""Bytes that a file may have whose whole content is read."""

_WHOLE = """look {0}
if [ "$type" = file ]; then
  readable {0}
  size=$(stat -c %s -- {0})
  emit size "$size"
  [ "$size" -gt {1} ] || emit content "$(taste {0} {1} | base64 -w 0)"
fi"""


def read_whole(path: str) -> Sh:
    """Return text that emits what ``look`` does, and of a file its ``size`` and, unless too large, its ``content``."""
    return sh(_WHOLE, path, LARGEST_READ)


def octal(mode: str | None) -> str | None:
    """Return a mode as four digits, so that ``644`` and ``0644`` are one."""
    return None if mode is None else f"{int(mode, 8):04o}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Owner, group and mode; None leaves one unmanaged. Names and numbers of users are both understood."""

    owner: str | None = None
    group: str | None = None
    mode: str | None = None

    def desired(self) -> dict[str, str]:
        """Return the managed ones as keys."""
        all_three = {"owner": self.owner, "group": self.group, "mode": octal(self.mode)}
        return {key: value for key, value in all_three.items() if value is not None}

    def observed(self, at: str) -> dict[str, str]:
        """Read what ``look`` emits under ``at``.

        Raises:
            ProbeError: it is something else.
        """
        try:
            owner, uid, group, gid, mode = at.split(":")
            digits = f"{int(mode, 8):04o}"
        except ValueError:
            raise ProbeError(f"owner, group and mode cannot be read from {at[:60]!r}") from None
        named = uid if (self.owner or "").isdigit() else owner
        return {"owner": named, "group": gid if (self.group or "").isdigit() else group, "mode": digits}

    def fix(self, path: str | Sh) -> Sh:
        """Return text that sets all managed ones; the mode last, because chown takes setuid away."""
        given = (self.owner or "", self.group or "", octal(self.mode) or "")
        return sh("adorn {} {} {} {}", path, *given) if any(given) else sh(":")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A regular file that holds exactly these bytes.

    Secret content is never printed and never in a text that travels: the host is asked for a digest salted afresh in
    each run, and an unnamed mode is 0600.

    Attributes:
        generations: where the file belongs to a release, the directory of that one's generations: it is written as a
            draft, and read where a start would read it.
    """

    path: str
    blob: Blob
    owner: str | None = None
    group: str | None = None
    mode: str | None = None
    generations: str = ""

    @property
    def attributes(self) -> Attributes:
        """Owner, group and mode as managed."""
        secret = isinstance(self.blob.text, Secret)
        return Attributes(owner=self.owner, group=self.group, mode=self.mode or ("0600" if secret else None))

    def desired(self) -> dict[str, str]:
        """Return the keys: type, content and the managed attributes."""
        return {"type": "file", "content": self._key(), **self.attributes.desired()}

    def probe(self) -> Sh:
        """Return text that looks at the file."""
        before, place = in_force(self.path, self.generations)
        if isinstance(self.blob.text, Secret):
            return lines(*before, sh(_SALTED, place, salt(), (self.blob.size // SHOWN + 1) * SHOWN))
        shown = SHOWN if self.text is not None else 0
        return lines(*before, sh(_OPEN, place, self.blob.sha256, shown, max(self.blob.size, SHOWN)))

    def known(self) -> Known | None:
        """Return what the probe would find; nothing of a secret, whose digest is salted."""
        if isinstance(self.blob.text, Secret) or not self.blob.size:
            return None
        return Known(self.path, self.blob.sha256, self.blob.size, self.generations)

    def parse(self, out: str) -> Observed:
        """Read the answer.

        Raises:
            ProbeError: it is damaged.
            ConfigError: a directory is in the way, which no task replaces by a file.
        """
        if not out:
            return Absent()
        found = records(out, "type", "at")
        if found["type"] == "directory":
            raise ConfigError(f"{self.path} is a directory on this host", hint="write the path of the file in it")
        if found["type"] != "file":
            return Present({"type": found["type"]})
        return Present({"type": "file", "content": self._seen(found), **self.attributes.observed(found["at"])})

    def fix(self, changes: Changes, *, validate: Sh | None = None, backup: bool = False) -> tuple[Step, ...]:
        """Return the one step that fixes ``changes``.

        Args:
            changes: what differs.
            validate: a command that may look at ``"$draft"`` first.
            backup: keep the file as it was, beside it.
        """
        if not changes:
            return ()
        managed = self.attributes
        if not self.generations and not {"type", "content"} & set(changes):
            return (Step(f"set owner and mode of {self.path}", managed.fix(self.path)),)
        owner, group, mode = managed.owner or "", managed.group or "", octal(managed.mode) or ""
        before, place = draft_place(self.path, self.generations)
        text = [*before, sh('draft "$1" {} {} {} {}', place, mode, owner, group), sh("settle {}", place)]
        if validate:
            text.insert(-1, validate)
        if backup:
            text.insert(0, sh("keep {}", place))
        what = f"{'stage' if self.generations else 'write'} {self.path}"
        return (Step(what, lines(*text), (self.blob,), ahead=bool(self.generations)),)

    @property
    def text(self) -> str | None:
        """The text, where a plan may show it: no secret, no large file, and UTF-8."""
        if not isinstance(self.blob.text, bytes) or self.blob.size > SHOWN:
            return None
        try:
            return self.blob.text.decode()
        except UnicodeDecodeError:
            return None

    def _key(self) -> str:
        if isinstance(self.blob.text, Secret):
            return f"secret:{self.blob.text.fingerprint()}"
        text = self.text
        return f"sha256:{self.blob.sha256}" if text is None else text

    def _seen(self, found: Mapping[str, str]) -> str:
        if found.get("size", "").isdecimal():
            return f"{found['size']} bytes"
        sha = found.get("sha", "")
        if len(sha) != 64:
            raise ProbeError(f"{self.path} could not be read whole")
        if isinstance(self.blob.text, Secret):
            wanted = hashlib.sha256((salt() + self.blob.text.reveal()).encode()).hexdigest()
            return self._key() if sha == wanted else f"secret:different {sha[:16]}"
        if sha == self.blob.sha256:
            return self._key()
        try:
            return base64.b64decode(found["old"], validate=True).decode() if "old" in found else f"sha256:{sha}"
        except ValueError:
            return f"sha256:{sha}"

"""What lineinfile, blockinfile and replace share: a part of a file is declared, and the rest of it stays."""

from __future__ import annotations

import base64
import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import (
    Absent,
    Blob,
    Change,
    Changes,
    Observed,
    Present,
    Sh,
    State,
    Step,
    lines,
    records,
    sh,
)
from deployer.modules.shared.content import LARGEST_READ, Attributes, read_whole
from deployer.modules.shared.foreseen import ForeseenText
from deployer.modules.shared.owned import FileGroup, Mode, Owner, Validate
from deployer.modules.shared.written import validation

_SAME = """file={0}
if [ -e "$file" ]; then now=$(digest "$file"); else now=; fi
[ "$now" = {1} ] || [ "$now" = {2} ] || {{ echo "$file has changed since it was read; run again"; exit 1; }}"""


@dataclass(frozen=True, kw_only=True)
class Edited(ForeseenText):
    """A file of UTF-8 text, at most 1 MiB, a part of which is declared."""

    path: Annotated[str, Doc("the file on the host", check=check.absolute, example="/etc/hosts", alias="dest")]
    state: Annotated[Literal["present", "absent"], Doc("whether it is there")] = "present"
    create: Annotated[bool, Doc("make the file if it is missing")] = False
    backup: Annotated[bool, Doc("keep the old file beside the new one")] = False
    owner: Owner = None
    group: FileGroup = None
    mode: Mode = None
    validate: Validate = None

    def __post_init__(self) -> None:
        validation(self.validate)

    @property
    def called(self) -> str:
        """The file's path."""
        return self.path

    @abstractmethod
    def edited(self, text: str) -> str:
        """Return a file's text as it should be."""

    @property
    def _attributes(self) -> Attributes:
        return Attributes(owner=self.owner, group=self.group, mode=self.mode)

    def desired(self) -> State:
        """Return the attributes; what the text should be depends on what it is."""
        return Present(self._attributes.desired())

    def probe(self) -> Sh:
        """Print type, attributes and the whole text."""
        if self.create or self.state == "absent":
            return read_whole(self.path)
        return lines(read_whole(self.path), sh('[ -n "$type" ] || unknown {}" is not there yet"', self.path))

    def parse(self, out: str) -> Observed:
        """Return them.

        Raises:
            ConfigError: it is no file of text, or a large one.
        """
        if not out:
            return Absent()
        found = records(out, "type", "at")
        if found["type"] != "file":
            hint = "write the path of the file itself" if found["type"] == "link" else "name a file"
            raise ConfigError(f"{self.path} is a {found['type']} on this host", hint=hint)
        found = records(out, "type", "at", "size")
        if "content" not in found:
            raise ConfigError(f"{self.path} has {found['size']} bytes", hint=f"the maximum is {LARGEST_READ}")
        try:
            text = base64.b64decode(found["content"], validate=True).decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path} is not UTF-8 text") from None
        except ValueError:
            raise ProbeError(f"{self.path} could not be read whole") from None
        return Present({"content": text, **self._attributes.observed(found["at"])})

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return how the text has to change, and the attributes."""
        if isinstance(observed, Absent):
            if self.state == "absent" or not self.create:
                return {}
            return {"content": Change("content", None, self.edited("")), **super().differences(Present({}))}
        found = super().differences(observed)
        if isinstance(observed, Present) and "content" in observed.keys:
            old = observed.keys["content"]
            new = self.edited(old)
            if new != old:
                return {"content": Change("content", old, new), **found}
        return found

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write a new file and rename it into place, if the old one is still as it was read; or set attributes."""
        if not changes:
            return ()
        if "content" not in changes:
            return (Step(f"set owner and mode of {self.path}", self._attributes.fix(self.path)),)
        before, after = changes["content"].before, changes["content"].after or ""
        kept = self._attributes.desired()
        blob = Blob.of(after)
        parts = [
            sh(_SAME, self.path, "" if before is None else hashlib.sha256(before.encode()).hexdigest(), blob.sha256)
        ]
        parts += [sh("keep {}", self.path)] if self.backup else []
        own = kept.get("mode", ""), kept.get("owner", ""), kept.get("group", "")
        parts.append(sh('draft "$1" {} {} {} {}', self.path, *own))
        if test := validation(self.validate):
            parts.append(test)
        return (Step(f"edit {self.path}", lines(*parts, sh("settle {}", self.path)), (blob,)),)

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.path,)

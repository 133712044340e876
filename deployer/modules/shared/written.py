"""What the modules that put one file in place share: its attributes as arguments, and the verbs."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Change, Changes, Known, Module, Observed, Present, Sh, State, Step, sh
from deployer.modules.shared.content import Content
from deployer.modules.shared.owned import FileGroup, Mode, Owner, Validate

_VALIDATE = """# shellcheck disable=SC2016
( trap - HUP PIPE; umask "$mask"; exec timeout -k 5 60 env -- {} "$draft" {} ) || {{
  validated=$?
  [ "$validated" -ne 124 ] || echo 'validate: did not end in 60 s, its deadline, and was killed'
  exit "$validated"
}}"""
"""A person wrote the command: it has the signals and the umask of a login, and an end."""


@dataclass(frozen=True, kw_only=True)
class Written(Module):
    """A file with given content at ``dest``."""

    dest: Annotated[str, Doc("the file's path on the host", check=check.absolute, example="/etc/motd")]
    owner: Owner = None
    group: FileGroup = None
    mode: Mode = None
    validate: Validate = None

    backup: Annotated[bool, Doc("keep the old file beside the new one: NAME.PID.DATE@TIME~")] = False
    force: Annotated[bool, Doc("false: an existing file stays, whatever its content")] = True

    def __post_init__(self) -> None:
        if self.validate is not None:
            validation(self.validate)

    @property
    @abstractmethod
    def _content(self) -> Content: ...

    def desired(self) -> State:
        """Return type, content and what else is declared."""
        return Present(self._content.desired())

    def probe(self) -> Sh:
        """Print type, owner, group, mode and a digest; the old text where a plan may show it."""
        return self._content.probe()

    def known(self) -> Known | None:
        """Return the file as declared."""
        return self._content.known()

    def parse(self, out: str) -> Observed:
        """Return them under the same keys."""
        return self._content.parse(out)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write the file, or set owner and mode when only those differ."""
        return self._content.fix(changes, validate=validation(self.validate), backup=self.backup)

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return what differs; nothing of a file that is there and may not be replaced."""
        there = isinstance(observed, Present) and observed.keys.get("type") == "file"
        return {} if there and not self.force else super().differences(observed)

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.dest,)

    def writes(self, changes: Changes) -> Mapping[str, str]:
        """Return the text, where a plan may show it."""
        text = self._content.text
        return {self.dest: text} if text is not None and {"type", "content"} & set(changes) else {}


@lru_cache(maxsize=64)
def validation(command: str | None) -> Sh | None:
    """Return text that has a command accept the draft of a file; None without one.

    Raises:
        ConfigError: it does not say where the draft stands in it.
    """
    if command is None:
        return None
    words = shlex.split(command)
    if words.count("%s") != 1:
        raise ConfigError("validate must contain %s once, as a separate word", hint="for example: visudo -cf %s")
    at = words.index("%s")
    # The command may be a shell with a text of its own, as in: sh -c '… "$1"' sh %s
    return sh(_VALIDATE, words[:at], words[at + 1 :])

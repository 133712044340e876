"""command: a program with arguments, run when it is needed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Sh, sh
from deployer.modules.shared.guarded import Guarded

_HOME = re.compile(r"~([A-Za-z0-9_.-]*)(/|\Z)", re.ASCII)
_NAMED = re.compile(r"(\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Command(Guarded):
    """A program with its arguments, without a shell: no pipes, no wildcards.

    As in Ansible, ``$NAME`` and ``${NAME}`` in a word stand for a variable of the program's environment (or for
    themselves, if there is none), and ``~`` or ``~USER`` at its beginning for a home. ``expand_argument_vars: false``
    leaves every word as it is.

    A task should say when it is needed, with ``creates``, ``removes``, ``onlyif`` or ``unless``. Then a plan knows the
    answer, a second run does nothing, and a run that did not help is an error. ``onlyif`` and ``unless`` are sh text
    that runs in every plan, so it must only read. A handler needs no guard. The program runs with an empty standard
    input, in ``/`` unless chdir says otherwise.
    """

    EXAMPLE: ClassVar[str] = """\
- name: an empty database for the shop
  command:
    cmd: install -m 0600 /dev/null /srv/shop.db
    creates: /srv/shop.db
- name: the import's leftovers
  command:
    argv: [rm, -f, /srv/import file.csv]
    removes: /srv/import file.csv
"""

    cmd: Annotated[
        str | None, Doc("program and arguments, split as sh splits words", check=check.word_list, example="true")
    ] = None
    argv: Annotated[
        tuple[str, ...] | None, Doc("program and arguments as a list, instead of cmd", check=check.program_path)
    ] = None
    expand_argument_vars: Annotated[bool, Doc("$NAME and ~ in a word stand for what the host has")] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.cmd is None) == (self.argv is None):
            raise ConfigError("command needs either cmd or argv")

    @property
    def _words(self) -> list[str]:
        return shlex.split(self.cmd or "") if self.argv is None else list(self.argv)

    @property
    def label(self) -> str:
        """The program and its first argument."""
        return f"run {' '.join(self._words[:2])}"

    def run(self) -> Sh:
        """Return text that becomes the program; exec takes neither functions nor builtins nor assignments."""
        words = [_expanding(word) if self.expand_argument_vars else None for word in self._words]
        if not any(words):
            return sh("exec {}", self._words)
        found = [expanding or word for expanding, word in zip(words, self._words, strict=True)]
        # A new shell has none of our variables, and does not expand the value of a variable again.
        return sh("exec /bin/sh -c {}", sh("set -f\nIFS=\nexec {}", found).text)


def _expanding(word: str) -> Sh | None:
    """Return sh that becomes a word with its variables and its home; None where it has neither."""
    home = _HOME.match(word)
    pieces = _NAMED.split(word[home.end() :] if home else word)
    if not home and len(pieces) == 1:
        return None
    made = sh("")
    if home:
        user, slash = home.groups()
        made = sh("~{}/" if slash else "~{}", user) if user else sh("~/" if slash else "~")
    for at, piece in enumerate(pieces):
        if at % 2:
            made = sh("{}''${{{}-{}}}", made, piece.strip("${}"), piece)
        elif piece:
            made = sh("{}{}", made, piece)
    return made


MODULE = Command

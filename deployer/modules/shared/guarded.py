"""What command and shell share: something that runs only when it is needed, and says how to tell."""

from __future__ import annotations

import posixpath
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, sh
from deployer.sh.captured import command_result

_NEEDED = "needed"
_DONE = "not needed"
_PATTERN = re.compile(r"([*?])")
"""What stands for other characters in a path."""

_CHDIR = """if [ ! -d {0} ]; then
  printf '%s' {0}' is not there yet'
  exit 3
fi
cd -- {0}"""

_ONLY_IF = """/bin/sh -c {} >/dev/null 2>&1 || {{
  [ "$?" -ne 127 ] || {{ printf '%s' 'onlyif asks a program that is not there yet'; exit 3; }}
  needed=no
}}"""


@dataclass(frozen=True, kw_only=True)
class Guarded(Module):
    """A command with a guard. Without one it has no end state, and runs every time."""

    RUNS_COMMAND: ClassVar[bool] = True
    INSTEAD: ClassVar[str] = "add creates, removes, onlyif or unless, which say when it is needed; or make it a handler"

    stdin: Annotated[str | None, Doc("what the program reads on its standard input; empty: nothing")] = None
    stdin_add_newline: Annotated[bool, Doc("end this input with a newline")] = True
    chdir: Annotated[str | None, Doc("run it in this directory", check=check.absolute, example="/srv")] = None
    creates: Annotated[
        str | None,
        Doc(
            "needed until this path exists, or one that matches a pattern such as x*; may be relative to chdir",
            check=check.one_line,
            example="/srv/shop.db",
        ),
    ] = None
    removes: Annotated[
        str | None,
        Doc(
            "needed as long as this path exists; otherwise like creates",
            check=check.one_line,
            example="/srv/import.csv",
        ),
    ] = None
    onlyif: Annotated[
        str | None, Doc("needed as long as this sh text succeeds; it must only read", check=check.sh_script)
    ] = None
    unless: Annotated[
        str | None, Doc("needed until this sh text succeeds; it must only read", check=check.sh_script)
    ] = None

    def __post_init__(self) -> None:
        for word, path in (("creates", self.creates), ("removes", self.removes)):
            if path is not None:
                begins = self.chdir is None or path.startswith("/")
                problem = check.absolute(path if begins else f"/{path.removeprefix('./')}")
                if problem:
                    raise ConfigError(
                        f"{word}: {problem}", hint="or set chdir, where a relative path begins" if begins else ""
                    )

    def touches(self) -> tuple[str, ...]:
        """Return the path that it makes or takes away: who edits it has to wait until it has run."""
        paths = [posixpath.join(self.chdir or "/", path) for path in (self.creates, self.removes) if path]
        return tuple(map(posixpath.normpath, paths))

    def reading(self) -> Module:
        """Return it as a reading of what it prints."""
        from deployer.modules.shared.command_reading import CommandReading

        return CommandReading(asked=self._asked(), command=self._there(self._fed()))

    def within(self, directory: str) -> Module:
        """Return it so that it runs in a directory, unless it names one of its own."""
        return replace(self, chdir=self.chdir or directory)

    @abstractmethod
    def run(self) -> Sh:
        """Return the text that runs it."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What is run, in a few words."""

    @property
    def handler_only(self) -> bool:
        """Whether nothing says when it is needed."""
        return (self.creates, self.removes, self.onlyif, self.unless) == (None,) * 4

    def desired(self) -> State:
        """Return that it is not needed (any more)."""
        return Present({} if self.handler_only else {"run": _DONE})

    def probe(self) -> Sh:
        """Ask the guards, in the directory and as the user of the command itself."""
        return lines(self._asked(), sh("printf 'needed=%s' \"$needed\""))

    def parse(self, out: str) -> Observed:
        """Return whether it is needed."""
        answers = {"needed=yes": _NEEDED, "needed=no": _DONE}
        if out.strip() not in answers:
            raise ProbeError(f"the guards answered {out[:60]!r}")
        return Present({"run": answers[out.strip()]})

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return what Ansible gives of a command that its guard has left alone."""
        del observed
        match self.creates, self.removes, self.onlyif or self.unless:
            case str(path), None, None:
                why = f"{path} exists"
            case None, str(path), None:
                why = f"{path} does not exist"
            case _:
                why = "it is not needed"
        return command_result({"stdout": f"skipped, since {why}"})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Run it."""
        return (Step(self.label, self._there(self._fed()), person=True),) if changes else ()

    def act(self) -> tuple[Step, ...]:
        """Run it; with a guard, only if that says so."""
        asked = [] if self.handler_only else [self._guards(), sh('[ "$needed" = yes ] || exit 0')]
        return (Step(self.label, self._there(*asked, self._fed()), person=True),)

    def _fed(self) -> Sh:
        """Return the text that runs it, with what it reads."""
        if not self.stdin:
            return self.run()  # an empty text sends nothing, not even a newline
        form = "%s\\n" if self.stdin_add_newline else "%s"
        return sh("printf {} {} | {{\n{}\n}}", form, self.stdin, self.run())

    def _asked(self) -> Sh:
        """Return text that goes into the directory, and leaves in ``$needed`` what the guards say."""
        return lines(*([sh(_CHDIR, self.chdir)] if self.chdir else []), self._guards())

    def _there(self, *text: Sh) -> Sh:
        return lines(sh("cd -- {}", self.chdir or "/"), *text)

    def _guards(self) -> Sh:
        parts = [sh("needed=yes")]
        if self.creates:
            parts.append(sh("if {}; then needed=no; fi", _exists(self.creates)))
        if self.removes:
            parts.append(sh("if ! {}; then needed=no; fi", _exists(self.removes)))
        if self.onlyif:
            parts.append(sh(_ONLY_IF, self.onlyif))
        if self.unless:
            parts.append(sh("if /bin/sh -c {} >/dev/null 2>&1; then needed=no; fi", self.unless))
        return lines(*parts)


def _exists(path: str) -> Sh:
    """Return a condition that holds where a path exists, or one that fits it as a pattern."""
    pieces = _PATTERN.split(_here(path))
    if len(pieces) == 1:
        return sh("[ -e {} ]", pieces[0])
    words = Sh("")
    for piece in filter(None, pieces):
        words = sh("{}*", words) if piece == "*" else sh("{}?", words) if piece == "?" else sh("{}{}", words, piece)
    return sh('( for found in {}; do [ ! -e "$found" ] || exit 0; done; exit 1 )', words)


def _here(path: str) -> str:
    """Return a path so that no program takes it for an option."""
    return path if path.startswith("/") else f"./{path}"

"""The invoke Program, tamed: no foreign configuration, one command at a time, our help, our exit codes."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from invoke.collection import Collection
from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from invoke.program import Program

from deployer import __version__
from deployer.cli import overview
from deployer.cli.words import HIDDEN, as_flags, confirm_words, nothing_behind

_OPTIONAL_WORD = {
    "lab.reset": "--host", "vault.encrypt-string": "--text", "docs": "--page",
    "lock.show": "--hosts", "lock.break": "--hosts", "lock.hold": "--hosts",
}  # fmt: skip
_CORE = ("--help", "-h", "--version", "-V")
"""What is left of invoke's own flags: the others would take a wrong flag of ours for one of theirs."""
_LOOK = "--look"
_LOOKS = ("top", "logs", "status", "history", "plan", "audit", "verify", "render", "inventory", "docs", "modules")
_NO_ECHO = "vault.encrypt-string"
"""What a person wrote there by mistake may be a secret, so no error repeats it."""


def _flagged(flag: str, words: list[str]) -> list[str]:
    """Put the flag before the first word that is neither a flag nor, as it follows one, may be a flag's value."""
    for index, word in enumerate(words):
        before = words[index - 1] if index else ""
        if not word.startswith("-") and (not before.startswith("-") or "=" in before):
            return [*words[:index], flag, *words[index:]]
    return words


def _walks(words: Sequence[str]) -> bool:
    from deployer.cli import fleet

    return bool(words) and words[0] in {str(command.name) for command in fleet.COMMANDS}


def _with_playbook(words: list[str]) -> list[str]:
    """Put ``--playbook`` before the one word of ``audit`` that belongs to no flag: a playbook may be left out."""
    from deployer.cli.audit import AUDIT_FLAGS

    takes = {f"--{flag.name}" for flag in AUDIT_FLAGS if not isinstance(flag.default, bool | int)}
    takes |= {f"-{flag.short}" for flag in AUDIT_FLAGS if flag.short and not isinstance(flag.default, bool | int)}
    takes |= {"--forks", "-f"}
    for index, word in enumerate(words):
        if not word.startswith("-") and (not index or words[index - 1] not in takes):
            return [*words[:index], "--playbook", *words[index:]]
    return words


def _joined(words: list[str]) -> list[str]:
    """Make one word of the hosts, which a person writes one after the other, up to the first flag."""
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return [*words[:2], ",".join(words[2:count]), *words[count:]] if count > 2 else words


def _looking(words: list[str]) -> list[str]:
    """Take ``--look`` out of a command line; raises ParseError when what is asked for is more than a look."""
    ours = words[: words.index("--")] if "--" in words else words
    if _LOOK not in ours:
        return words
    left = [word for word in ours if word != _LOOK] + words[len(ours) :]
    if left and not left[0].startswith("-") and left[0] not in _LOOKS:
        raise ParseError(f"{left[0]} is not a look, and {_LOOK} lets nothing else through: {', '.join(_LOOKS)}")
    return left


class _Config(Config):
    """Reads no file and no environment: ``~/.invoke.yaml`` and ``INVOKE_*`` are not ours to obey."""

    prefix = "deployer"

    def _load_file(self, *args: Any, **kwargs: Any) -> None:
        """Load nothing."""

    def load_shell_env(self) -> None:
        """Load nothing."""


class DeployerProgram(Program):
    """What ``deployer`` on the command line is."""

    @classmethod
    def standard(cls, words: Sequence[str] = ()) -> DeployerProgram:
        """Return the program with all its commands, or with no more than the command line ``words`` can mean."""
        from deployer.cli import fleet

        placed = [word for before, word in pairwise(words) if not before.startswith("-") and not word.startswith("-")]
        if _walks(words) and len(placed) <= 1 and not {"-h", "--help"} & set(words):  # a second may be a command
            root = Collection(*fleet.COMMANDS)
        else:
            root = cls._whole()
        return cls(version=__version__, namespace=root, name="deployer", binary="deployer", config_class=_Config)

    @staticmethod
    def _whole() -> Collection:
        from deployer.cli import audit, completion, firewall, fleet, lab, lock, look, secrets, vault, window

        files = (fleet, audit, window, look, completion, firewall, lock, lab, vault, secrets)
        return Collection(*(command for file in files for command in file.COMMANDS))

    @property
    def _root(self) -> Collection:
        return self.namespace or Collection()

    @property
    def initial_context(self) -> ParserContext:
        """Return the flags that are known before any command."""
        context = super().initial_context
        for names in (context.flags.aliases, context.flags):
            for flag in set(names).difference(_CORE):
                dict.pop(names, flag)
        return context

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Read ``lab up`` as invoke's ``lab.up``, so that groups of commands are words, not dots."""
        super().normalize_argv(argv)
        words = _looking(list(self.argv[1:]))
        if words and words[0] in self._root.collections and set(words[1:]) <= {"-h", "--help"}:
            words = words[1:] or ["--help"]
        if len(words) >= 2 and words[0] in self._root.collections and not words[1].startswith("-"):
            words[:2] = [f"{words[0]}.{words[1].replace('_', '-')}"]
        if words and (flag := _OPTIONAL_WORD.get(words[0])):
            words = [words[0], *_flagged(flag, words[1:])]
        if words and words[0] == "audit":
            words = ["audit", *_with_playbook(words[1:])]
        if words and words[0] == "retire":
            words = _joined(words)
        if words and words[0] == "confirm":
            words = confirm_words(words, self._root["confirm"])
        ours = words[: words.index("--")] if "--" in words else words
        if words and not words[0].startswith("-") and {"-h", "--help"} & set(ours):
            words = ["--help", words[0]]
        if words and not _walks(words):
            from deployer.cli import window

            words = as_flags(words, {str(command.name): command for command in window.COMMANDS})
        self.argv = [self.argv[0], *nothing_behind(words)]

    def _make_parser(self) -> Parser:
        """Return a parser of the command that is meant: invoke copies all that one knows, down to each flag's help."""
        made = super()._make_parser()
        meant = {id(found): found for word in self.argv if (found := made.contexts.get(word))}
        return Parser(initial=self.initial_context, contexts=list(meant.values())) if meant else made

    def parse_tasks(self) -> None:
        """Parse, and refuse what invoke would run one after the other."""
        try:
            super().parse_tasks()
        except ValueError as error:  # a word where a number is wanted
            word = str(error).rpartition(": ")[2]
            raise ParseError(f"{word} is not a whole number") from None
        if len(self.tasks) > 1:
            raise ParseError(f"one command at a time: {' '.join(task.name or '' for task in self.tasks)}")

    def print_help(self) -> None:
        """Print our own overview: invoke's core flags mean nothing here."""
        sys.stdout.write(overview.overview(self._root))

    def print_task_help(self, name: str) -> None:
        """Print one command's words and flags."""
        context = self.parser.contexts[name]
        text = (self.collection[name].__doc__ or "").strip()
        words = " ".join(f"{argument.name.upper()}" for argument in context.positional_args)
        words = getattr(self.collection[name], "usage", "") or words
        sys.stdout.write(f"Usage: deployer {name.replace('.', ' ')} {words} [flags]\n\n{text}\n\n")
        told = [row for row in context.help_tuples() if row[0].lstrip("-").partition("=")[0] not in HIDDEN]
        if told:
            self.print_columns(told)

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002 - invoke's name
        """Run one command and exit with its code; a wrong command line is exit 3, as every wrong configuration is."""
        del exit
        try:
            self.create_config()
            compiling = sys.dont_write_bytecode
            self.parse_core(argv)
            sys.dont_write_bytecode = compiling  # invoke would have every later import read from its source again
            self.parse_collection()
            self.parse_tasks()
            self.parse_cleanup()
            self.update_config()
            self.execute()
        except ParseError as error:
            wrong = "a flag is wrong, or a text stands on the command line" if _NO_ECHO in self.argv else _plain(error)
            about = (error.context.name or "").replace(".", " ") if error.context else ""
            what = f"{about} --help lists its arguments and flags" if about else "--help lists the commands"
            sys.stderr.write(f"error: {wrong}\n  deployer {what}\n")
            sys.exit(3)
        except Exit as leave:
            if leave.message:
                sys.stderr.write(f"{leave.message}\n")
            sys.exit(leave.code)
        except KeyboardInterrupt:
            sys.exit(130)


def _plain(error: ParseError) -> str:
    """Return what invoke says of a wrong command line in our words."""
    said = str(error)
    name = ((error.context.name or "") if error.context else "").replace(".", " ")
    if unknown := re.fullmatch(r"No idea what '(.*)' is!", said, re.DOTALL):
        word = unknown[1]
        if word.startswith("-"):
            return f"there is no flag {word}" + (f" of {name}" if name else "")
        return f"{name} takes no argument {word!r}" if name else f"there is no command {word.replace('.', ' ')!r}"
    if missing := re.search(r"positional arguments: (.*)", said):
        return f"{name} needs {missing[1].replace(chr(39), '').upper()}"
    if lacking := re.match(r"Flag <Argument: ([\w-]+)", said):
        return f"--{lacking[1]} needs a value"
    return said

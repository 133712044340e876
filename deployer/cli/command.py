"""A subcommand: a function over declared flags, with Ansible's short names, that never prints a traceback."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.tasks import Task

from deployer.cli import leave_at_once
from deployer.errors import ConfigError, DeployerError, Interrupted


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag or word of a command.

    Attributes:
        name: with dashes; the function gets it with underscores.
        help: one line for a stranger.
        short: one letter, Ansible's where Ansible has one.
        default: its type is the flag's type: bool, str, int (counted when ``count``), or () for a repeatable flag.
        word: given by position instead of by name, and required.
    """

    name: str
    help: str
    short: str = ""
    default: str | bool | int | tuple[str, ...] = ""
    word: bool = False
    count: bool = False

    def argument(self) -> Argument:
        """Return invoke's form of it."""
        names = tuple(name for name in (self.name, self.short) if name)
        attr = self.name.replace("-", "_") if "-" in self.name else None
        if self.word:
            return Argument(names=names, attr_name=attr, positional=True, help=self.help)
        if self.default == ():
            return Argument(names=names, attr_name=attr, kind=list, default=[], help=self.help)
        kind = type(self.default)
        return Argument(
            names=names, attr_name=attr, kind=kind, default=self.default, incrementable=self.count, help=self.help
        )


class Subcommand(Task[Callable[..., Any]]):
    """A subcommand; its function takes the context and its flags by keyword, and may return an exit code."""

    def __init__(self, body: Callable[..., Any], flags: Sequence[Flag], name: str = "", usage: str = "") -> None:
        called = name or body.__name__.strip("_").replace("_", "-")
        super().__init__(body, name=called, positional=(), auto_shortflags=False)  # the flags say what is positional
        self.flags, self.usage = tuple(flags), usage

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the declared flags."""
        del ignore_unknown_help
        return [flag.argument() for flag in sorted(self.flags, key=lambda flag: not flag.word)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; whatever goes wrong leaves as `Exit` with the code of its class."""
        code: Any = 0
        try:
            if signal.getsignal(signal.SIGINT) is leave_at_once:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            for flag in self.flags:
                value = str(kwargs.get(flag.name.replace("-", "_"), ""))
                if flag.word and value.startswith("-"):
                    raise ConfigError(f"unknown flag {value}", hint=f"deployer {self.name} --help lists the flags")
            code = super().__call__(*args, **kwargs)
        except DeployerError as error:
            raise failure(error) from None
        except KeyboardInterrupt:
            raise failure(Interrupted("stopped")) from None
        if code:
            raise Exit(code=int(code))
        return code


def failure(error: DeployerError) -> Exit:
    """Print an error for a person and return what leaves with its exit code."""
    from deployer.report.plain import problem
    from deployer.report.terminal import rich_console

    problem(rich_console(sys.stderr), str(error))
    return Exit(code=error.exit_code)


def err(text: str) -> None:
    """Print a line for a person beside the command's output."""
    sys.stderr.write(text + "\n")


def out(text: str) -> None:
    """Print a line of the command's output."""
    sys.stdout.write(text + "\n")

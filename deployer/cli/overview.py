"""What ``deployer --help`` and docs/cli.md tell, made from the commands themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from invoke.collection import Collection

from deployer.cli.command import Flag, Subcommand
from deployer.cli.words import HIDDEN

_SECTIONS: Mapping[str, str] = {
    "fleet": "Deploy a fleet", "audit": "Deploy a fleet", "lock": "Deploy a fleet",
    "window": "Look into running nodes", "look": "Look around",
    "secrets": "Secrets", "vault": "Secrets", "lab": "Real hosts on this machine",
}  # fmt: skip
"""Module of `deployer.cli` → the heading its commands stand under; other modules stand under their own name."""
_HEAD = "Usage: deployer COMMAND [PLAYBOOK] [flags]      For a command's flags: deployer COMMAND --help\n"
_EXIT_CODES = """\
Exit codes: 0 done  1 failed or not converged  2 drift  3 wrong configuration, nothing touched
            4 host unreachable  5 locked by another run  6 rolled back, and healthy
            7 changed host key  130 interrupted  141 output closed
"""
_PAGE = """\
# Commands

One page, made from the commands by `make docs`; `deployer COMMAND --help` prints the same. Flags have Ansible's names
where Ansible has them. The reader of the output may close it at any time (`| head -1`): a run that has begun on hosts
goes on without it.

"""
_WIDTH, _INDENT = 118, 38
_SHARED = 4
"""A flag that so many commands have is explained once for all of them."""


def all_commands(root: Collection) -> dict[str, Subcommand]:
    """Return words → command for all commands of a program, in the order in which they were added."""
    found: dict[str, Subcommand] = {name: task for name, task in root.tasks.items() if isinstance(task, Subcommand)}
    for group, collection in root.collections.items():
        for name, task in collection.tasks.items():
            if isinstance(task, Subcommand):
                found[f"{group} {name}"] = task
    return found


def overview(root: Collection) -> str:
    """Return the text of ``--help``: every command with its words and what it does."""
    parts = [_HEAD]
    for heading, below in _sections(root).items():
        parts.append(f"{heading}\n" + "".join(_entry(name, command) for name, command in below.items()))
    return "\n".join([*parts, _EXIT_CODES])


def command_page(root: Collection) -> str:
    """Return the page of all commands with all their flags."""
    every = all_commands(root)
    count: dict[Flag, int] = {}
    for command in every.values():
        for flag in command.flags:
            count[flag] = count.get(flag, 0) + (not flag.word and flag.name not in HIDDEN)
    shared = [flag for flag, number in count.items() if number >= _SHARED]
    parts = [_PAGE]
    for heading, below in _sections(root).items():
        parts.append(f"## {heading}\n\n")
        for name, command in below.items():
            parts.append(f"### {name}\n\n`{usage(name, command)}`\n\n{(command.__doc__ or '').strip()}\n\n")
            own = [flag for flag in command.flags if flag not in shared and flag.name not in HIDDEN]
            parts += [f"* {_names(flag)}: {flag.help}\n" for flag in own]
            if common := [_names(flag) for flag in command.flags if flag in shared and flag.name not in HIDDEN]:
                parts.append(f"* as others: {' '.join(common)}\n")
            parts.append("\n")
    parts.append("## Flags that many commands have\n\n| flag | meaning |\n|---|---|\n")
    parts += [f"| {_names(flag)} | {flag.help.replace('|', chr(92) + '|')} |\n" for flag in shared]
    return "".join(parts)


def usage(name: str, command: Subcommand) -> str:
    """Return how a command is typed, such as ``deployer plan PLAYBOOK -i INVENTORY``."""
    words = command.usage or " ".join(flag.name.upper() for flag in command.flags if flag.word)
    inventory = "-i INVENTORY" if any(flag.name == "inventory" for flag in command.flags) else ""
    before, dashes, behind = words.partition(" -- ")
    return " ".join(filter(None, ("deployer", name, before, inventory, dashes.strip(), behind)))


def _sections(root: Collection) -> dict[str, dict[str, Subcommand]]:
    found: dict[str, dict[str, Subcommand]] = {heading: {} for heading in _SECTIONS.values()}
    for name, command in all_commands(root).items():
        module = command.body.__module__.rpartition(".")[2]
        found.setdefault(_SECTIONS.get(module, module.capitalize()), {})[name] = command
    return {heading: below for heading, below in found.items() if below}


def _entry(name: str, command: Subcommand) -> str:
    typed = usage(name, command).removeprefix("deployer ")
    does = _first_sentence(command.__doc__ or "")
    first = f"  {typed}".ljust(_INDENT - 1) + " "
    lines = textwrap.wrap(does, _WIDTH - _INDENT)
    if len(first) > _INDENT:
        return f"{first.rstrip()}\n" + "".join(f"{' ' * _INDENT}{line}\n" for line in lines)
    return "".join(f"{first if not number else ' ' * _INDENT}{line}\n" for number, line in enumerate(lines))


def _first_sentence(doc: str) -> str:
    return " ".join(doc.strip().partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def _names(flag: Flag) -> str:
    short = f", `-{flag.short}`" if flag.short else ""
    return f"`{flag.name.upper()}`" if flag.word else f"`--{flag.name}`{short}"

"""Words of commands that take nodes: ``rpc web1 web2 'EXPR'``, ``run web1 -- bin/migrate``; invoke knows only flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from invoke.exceptions import ParseError

from deployer.cli.command import Subcommand

LAST = {"rpc": "expression", "eval": "expression", "trace": "function"}
"""Commands whose last word is no node, and the flag that it becomes."""
ONE = ("console", "ssh", "observe")
"""Commands of one node or host."""
BEHIND = ("ssh", "run")
"""Commands that take a command behind ``--``."""
HIDDEN = frozenset({"nodes", "expression", "function", "command"})
"""Flags that carry words; nobody types them."""
_MARK = "\0"
"""In front of each word of a command: invoke takes a value that reads like a flag (``grep -i``) for that flag."""
_MANY = ("rpc", "eval", "run", "restart", "stop", "start", "trace")
"""Commands that do something, and so want to be told to whom."""


def as_flags(words: Sequence[str], commands: Mapping[str, Subcommand]) -> list[str]:
    """Return the words of a command line with everything that is given by position as flags.

    Args:
        words: command first.
        commands: those that take nodes, by name.

    Raises:
        ParseError: words are missing, or there are too many.
    """
    if not words or words[0] not in commands or {"-h", "--help"} & set(_before(words)):
        return list(words)
    name, body = words[0], list(_before(words[1:]))
    behind = list(words[1:])[len(body) + 1 :]
    placed, flags = _split(body, commands[name])
    if behind and name not in BEHIND:
        raise ParseError(f"{name} takes nothing behind --")
    if name == "run" and not behind:
        raise ParseError("run needs a command behind --: deployer run NODE -- COMMAND")
    made = []
    has_file = any(flag == "--file" or flag.startswith("--file=") for flag in flags)
    if (key := LAST.get(name)) and not (has_file and key == "expression"):
        if len(placed) < 2:
            raise ParseError(f"{name} needs NODE and {key.upper()}")
        made.append(f"--{key}={placed.pop()}")
    if name in ONE and len(placed) != 1:
        raise ParseError(f"{name} needs one {'HOST' if name == 'ssh' else 'NODE'}")
    if name in _MANY and not placed:
        raise ParseError(f"{name} needs NODE, or all")
    if placed:
        made.append(f"--nodes={','.join(placed)}")
    return [name, *made, *flags, *(f"--command={_MARK}{word}" for word in behind)]


def confirm_words(words: Sequence[str], command: Subcommand) -> list[str]:
    """Return the words of ``confirm``, which takes hosts and perhaps a playbook anywhere among its flags, as flags."""
    placed, flags = _split(words[1:], command)
    books = [word for word in placed if word.endswith((".yml", ".yaml"))]
    if len(books) > 1:
        raise ParseError(f"confirm takes one playbook: {' '.join(books)}")
    hosts = [word for word in placed if word not in books]
    made = [f"--playbook={book}" for book in books] + [f"--hosts={','.join(hosts)}"] * bool(hosts)
    return [words[0], *made, *flags]


def nothing_behind(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, whose command behind ``--``, if it may have one, has become a flag by now.

    Raises:
        ParseError: there is something behind ``--``, which invoke would leave out without a word.
    """
    before = list(_before(words))
    behind = words[len(before) + 1 :]
    if behind and before[:1] == ["lab.ssh"]:
        return [*before, f"--command={' '.join(behind)}"]
    if behind:
        raise ParseError(f"{before[0].replace('.', ' ') if before else 'deployer'} takes nothing behind --")
    return before


def carried(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command as they were typed; `as_flags` has marked them."""
    return tuple(word.removeprefix(_MARK) for word in words)


def _before(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _split(words: Sequence[str], command: Subcommand) -> tuple[list[str], list[str]]:
    """Tell words that stand by position from flags and their values."""
    takes = {
        f"-{short}" if len(short) == 1 else f"--{short}": not (flag.default is False or flag.count)
        for flag in command.flags
        for short in (flag.name, flag.short)
        if short
    }
    placed, flags, left = [], [], list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-") or word == "-":
            placed.append(word)
            continue
        flags.append(word)
        if takes.get(word) and "=" not in word and left:
            flags.append(left.pop(0))
    return placed, flags

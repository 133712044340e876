"""Finds lines of a release that set what the inventory decides: in vm.args, remote.vm.args, sys.config and env.sh.

In a release of rebar3, the names may end with ``.src``: variables are filled in at each start (relx, "Configuration").

The rules are in `deployer.beam.overrides`. Any ``-kernel`` overrides sys.config. env.sh is sourced after systemd has
set the environment, so its values win.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployer.beam import sysconfig
from deployer.beam.names import Naming
from deployer.beam.overrides import (
    ASSIGNED,
    KERNEL,
    LEFT_ALONE,
    TEXT_LIMIT,
    Harm,
    bare,
    flags_of,
    judge_flag,
    judge_variable,
)

CLASHES_LIMIT, _SHOWN = 64, 100

_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\$\([^()]*\)|`[^`]*`|\$\{[^}]*\}|\\.""", re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_HERE = re.compile(r"<<-?\s*['\"\\]?(\w+)")
_OPENS, _CLOSES = (
    frozenset({"if", "case", "for", "while", "until", "{", "("}),
    frozenset({"fi", "esac", "done", "}", ")"}),
)
_LEADS = re.compile(r"then|else|do|\{|[^=]*\)")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")


_LEFT_OUT = re.compile(r"[ \t]*(?:-(?:name|sname|setcookie)[ \t]+[^ \t]+|-heart)[ \t]*")
_HOOKS = re.compile(r'^((?:PRE|POST)_[A-Z_]+_HOOKS)="([^"\n]+)"$', re.MULTILINE)
_BUILT_IN = re.compile(r"hooks/builtin/|undefined$")


@dataclass(frozen=True, slots=True)
class Clash:
    """A line that sets what the inventory decides.

    Attributes:
        file: inside the tarball.
        line: counted from 1.
        what: the flag or variable.
        text: the line itself, shortened.
        harm: when a deploy would fail because of it.
        advice: its effect, or what to write instead.
    """

    file: str
    line: int
    what: str
    text: str
    harm: Harm
    advice: str

    def breaks(self, names: Naming) -> bool:
        """Return whether it keeps a node of a cluster with such names from starting as declared."""
        return self.harm in ("always", names)


def of_args(file: str, text: str) -> Iterator[Clash]:
    """Yield the clashes in an args file (erl(1), ``-args_file``); its name shows whether it is for remote commands."""
    remote = "remote" in file.rpartition("/")[2]
    for line, flag, values in flags_of(text):
        for what, (harm, advice) in judge_flag(flag, values, remote=remote):
            yield Clash(file, line, what, _shown(" ".join((flag, *values))), harm, advice)


def lines_left_out(text: str) -> frozenset[int]:
    """Return the lines of a vm.args with only a name, a cookie or ``-heart``, as in every release of rebar3.

    The start of a release of rebar3 leaves them out (`kept` in the node role's rebar3.sh).
    """
    lines = text[:TEXT_LIMIT].split("\n")
    return frozenset(number for number, line in enumerate(lines, 1) if _LEFT_OUT.fullmatch(line))


def of_hooks(file: str, text: str) -> Iterator[Clash]:
    """Yield the hooks that relx has written into a start script, except its built-in ones."""
    for found in _HOOKS.finditer(text):
        if any(not _BUILT_IN.match(hook) for hook in found[2].split()):
            line, advice = (
                text.count("\n", 0, found.start()) + 1,
                "it does not run here; deployer docs from-rebar3 says what to write instead",
            )
            yield Clash(file, line, found[1], _shown(found[0]), "perhaps", advice)


def of_config(file: str, text: str) -> Iterator[Clash]:
    """Yield the clashes in a sys.config."""
    for found in sysconfig.kernel_settings(text):
        if found.key in KERNEL:
            yield Clash(file, found.line, found.key, _shown(f"{found.key}: {found.value}"), *KERNEL[found.key])


def of_env(file: str, text: str) -> Iterator[Clash]:
    """Yield the clashes in an env.sh; a line under a condition clashes only perhaps."""
    for line, certain, command in _commands(text):
        for word, what, harm, advice in _assigned(command):
            keep = f"; or let what is set win: {what}=${{{what}:-…}}" if harm == "always" and what in ASSIGNED else ""
            real: Harm = harm if certain or harm == "never" else "perhaps"
            yield Clash(file, line, what, _shown(word), real, advice + keep)


def _commands(text: str) -> Iterator[tuple[int, bool, list[str]]]:
    """Yield the simple commands of sh text: line, whether it seems to run always, its words."""
    depth, certain, until, first, pending = 0, True, "", 1, ""
    for number, raw in enumerate(text[:TEXT_LIMIT].split("\n"), 1):
        if until:
            until = "" if raw.strip() == until else until
            continue
        first, pending = (first, pending + raw) if pending else (number, raw)
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        line, pending = pending, ""
        masked = _COMMENT.sub("", _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), line))
        if here := _HERE.search(line):
            until = here[1]
        certain &= not set("'\"`") & set(masked)  # a quote that another line closes: from here on it is a guess
        alone = not re.search(r"&&|\|", masked)
        for part in re.finditer(r"[^;]+", masked):
            words = [
                line[part.start() + word.start() : part.start() + word.end()] for word in re.finditer(r"\S+", part[0])
            ]
            depth = max(0, depth + sum(word in _OPENS for word in words))
            yield first, certain and alone and not depth, words
            depth = max(0, depth - sum(word in _CLOSES for word in words))


def _assigned(command: list[str]) -> Iterator[tuple[str, str, Harm, str]]:
    """Yield each word that sets or unsets a variable for the node, with the variable and the rule."""
    words = [word for word in command if not _LEADS.fullmatch(word)]
    if words[:1] == ["unset"]:
        gone = "what the unit sets would be gone: remove it"
        yield from ((f"unset {word}", word, "always", gone) for word in words if word in ASSIGNED.keys() - LEFT_ALONE)
        return
    lasting = words[:1] in (["export"], ["readonly"]) or all(_ASSIGNMENT.match(word) for word in words)
    for word in words if lasting else ():
        if not (match := _ASSIGNMENT.match(word)):
            continue
        name, value = match[1], bare(word[match.end() :])
        if not re.match(rf"\$\{{{name}:?[-=]", value):
            yield from ((word, what, harm, advice) for what, (harm, advice) in judge_variable(name, value))


def _shown(text: str) -> str:
    """Return text for printing, without the value of a cookie."""
    text = re.sub(r"(-setcookie\s+|RELEASE_COOKIE=)\S.*", r"\1…", text)
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

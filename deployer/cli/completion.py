"""``completion``: what a shell needs to complete commands, flags, and the hosts and nodes of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from invoke.context import Context

from deployer.cli.command import Flag, Subcommand, out
from deployer.errors import ConfigError, DeployerError

_SHELLS = ("bash", "zsh")
_USUAL = ("inventory.yml", "inventory.yaml", "inventory", "hosts.yml", "inventory.ini")
"""Where the names come from before the line has a ``-i``."""
_BASH = r"""_deployer() {
  local line=${COMP_LINE:0:COMP_POINT} last word
  last=${line##*[[:space:]]}
  # bash begins a new word behind each of these, and wants only what comes after.
  local cut=${last%"${last##*[@:=]}"}
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("${word#"$cut"}")
  done < <(deployer completion words --line "$line" 2>/dev/null)
}
complete -o default -F _deployer deployer"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit"


def completion(c: Context, *, shell: str, line: str) -> None:
    """Print the completion script for bash or zsh: ``eval "$(deployer completion bash)"``."""
    del c
    if shell == "words":
        for word in candidates(line, _commands()):
            out(word)
        return
    if shell not in _SHELLS:
        raise ConfigError(f"there is no completion for {shell!r}", hint=f"known: {', '.join(_SHELLS)}")
    out(f"{_ZSH}\n{_BASH}" if shell == "zsh" else _BASH)


def _commands() -> Mapping[str, Subcommand]:
    from deployer.cli import overview
    from deployer.cli.program import DeployerProgram

    root = DeployerProgram.standard().namespace
    return overview.all_commands(root) if root else {}


def candidates(line: str, commands: Mapping[str, Subcommand]) -> Iterator[str]:
    """Yield the words that a line may go on with, which begin as its last one does.

    Args:
        line: up to the cursor, the program's name in front.
        commands: words → command.
    """
    words = line.split()[1:]
    last = words.pop() if words and not line[-1:].isspace() else ""
    yield from sorted({word for word in _possible(words, last, commands) if word.startswith(last)})


def _possible(words: Sequence[str], last: str, commands: Mapping[str, Subcommand]) -> Iterable[str]:
    name = next((" ".join(words[:size]) for size in (2, 1) if " ".join(words[:size]) in commands), "")
    if not name:
        first = " ".join(words)
        return [one[len(first) :].split()[0] for one in commands if not first or one.startswith(f"{first} ")]
    command = commands[name]
    if last.startswith("-"):
        return [f"--{flag.name}" for flag in command.flags if not flag.word]
    if "--" in words or words[-1] in ("-i", "--inventory"):
        return ()
    if any(flag.name == "nodes" for flag in command.flags) or name == "retire":
        return _names(_inventories(words))
    return ()


def _inventories(words: Sequence[str]) -> tuple[str, ...]:
    given = tuple(after for word, after in pairwise(words) if word in ("-i", "--inventory"))
    given += tuple(word.partition("=")[2] for word in words if word.startswith("--inventory="))
    return given or tuple(name for name in _USUAL if Path(name).exists())[:1]


def _names(inventories: tuple[str, ...]) -> Iterable[str]:
    """Return hosts, groups and nodes; nothing where an inventory cannot be read."""
    from deployer.options import Options
    from deployer.window.choice import Fleet

    if not inventories:
        return ()
    try:
        fleet = Fleet.of(Options(playbook="", inventory=inventories), ask=False)
    except DeployerError:
        return ()
    known = fleet.project.inventory
    return (*known.hosts, *known.groups, *(name for spot in fleet.spots for name in spot.names))


COMMANDS = (
    Subcommand(
        completion,
        (
            Flag("shell", "bash or zsh", word=True),
            Flag("line", "with words in the place of a shell: what a line may go on with"),
        ),
    ),
)

"""What the command line asks of plays: hosts that it names, variables that it gives or is asked for, tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind, nearest
from deployer.load.inventory import Inventory
from deployer.load.marked import Map, joined, mark_of, marks_of
from deployer.load.secrets import Vaults
from deployer.load.template import Layer, Variables
from deployer.load.varfiles import read_vars
from deployer.model import Play, Prompt, Secret
from deployer.resolve import FLEET_WORDS

AskPerson = Callable[[str, bool], str]
"""Asks a person, without showing what is typed where the second word says so."""


def answered_play(
    play: Play, extra: Mapping[str, Any], vaults: Vaults, ask: AskPerson | None, *, need: bool = True
) -> Play:
    """Return a play whose hosts are known, and whose prompts are answered.

    Args:
        play: as loaded.
        extra: variables of ``-e``, which answer prompts of their names.
        vaults: decrypts what is encrypted.
        ask: asks a person; None where there is nobody to ask.
        need: False leaves a prompt that nobody answers open.

    Raises:
        ConfigError: nobody answers a prompt, or ``hosts`` is no text.
    """
    given = Map(play.vars, marks=marks_of(play.vars))
    for prompt in play.prompts:
        if prompt.name in extra:
            continue
        with At(prompt.mark):
            value = _answer(prompt, ask, need=need)
        if value is not None:
            mine = Secret(value, prompt.name) if prompt.private else value
            given = joined(given, Map({prompt.name: mine}, prompt.mark, {prompt.name: prompt.mark}))
    for name in play.vars_files:
        given = joined(given, _file(play, name, Variables([Layer(extra), Layer(given)], vaults.reveal), vaults))
    play = replace(play, vars=given) if play.prompts or play.vars_files else play
    return _chosen(play, Variables([Layer(extra), Layer(play.vars)], vaults.reveal))


def _answer(prompt: Prompt, ask: AskPerson | None, *, need: bool) -> str | None:
    """Return what a person answers, else the default; None where there is none and nobody has to answer."""
    told = ask(f"{prompt.text}{f' [{prompt.default}]' if prompt.default else ''}", prompt.private) if ask else ""
    if told and prompt.confirm and ask and ask(f"{prompt.text}, once more", prompt.private) != told:
        raise ConfigError(f"{prompt.name} was typed in two ways")
    value = told or prompt.default
    if value is None and need:
        hint = f"answer it with -e {prompt.name}=…, or give it a default"
        raise ConfigError(f"nobody is there to answer the prompt for {prompt.name}", hint=hint)
    return value


def _file(play: Play, name: str, variables: Variables, vaults: Vaults) -> Map:
    """Return the variables of a file whose name is a template; it is the same for all hosts of the play."""
    where = mark_of(name, play.mark)
    try:
        path = play.directory / str(variables.render(name, where, "vars_files"))
    except ConfigError as error:
        hint = "vars_files sees the variables of -e and of the play; include_vars sees those of a host, facts too"
        raise ConfigError(f"vars_files: {error.message}", where=error.where, hint=hint) from None
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", where=where)
    return read_vars(path, vaults)


def _chosen(play: Play, variables: Variables) -> Play:
    """Return a play whose hosts are known: they may be named by ``-e`` and by variables of the play."""
    if "{{" not in play.hosts:
        return play
    try:
        found = variables.render(play.hosts, play.mark, "hosts")
    except ConfigError as error:
        hint = "hosts: sees the variables of -e and of the play: -e target=GROUP"
        raise ConfigError(f"hosts: {error.message}", where=error.where, hint=hint) from None
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        found = ",".join(found)
    if not isinstance(found, str) or not found.strip():
        raise ConfigError(f"hosts must be text or a list of texts, not {kind(found)}", where=play.mark)
    return replace(play, hosts=found, name=found if play.name == play.hosts else play.name)


def check_pieces(extra: Mapping[str, Any], inventory: Inventory, plays: Sequence[Play]) -> None:
    """Refuse a piece of a variable that nobody has: it would be of no effect."""
    given = [host.vars for host in inventory.hosts.values()] + [play.vars for play in plays]
    given += [some for play in plays for task in play.tasks for some in (task.vars, task.defaults)]
    known = {*FLEET_WORDS, *(name for some in (extra, *given) for name in some if "." not in name)}
    for path in extra:
        root, dot, _ = path.partition(".")
        if dot and root not in known:
            raise ConfigError(f"-e {path}: there is no variable {root!r}", hint=nearest(root, known))


def started_at(plays: Sequence[Play], name: str) -> tuple[Play, ...]:
    """Return plays from the first task of a name on (``--start-at-task``); what stands before it is not there at all.

    Args:
        plays: as loaded.
        name: as the task is written, with ``ROLE : `` before it or without; ``*`` and ``?`` stand for anything.

    Raises:
        ConfigError: no task has that name; with the nearest one.
    """
    names = [[{str(task.name), f"{task.role} : {task.name}"} for task in play.tasks] for play in plays]
    for number, play in enumerate(plays):
        for place, called in enumerate(names[number]):
            if name in called or any(fnmatchcase(one, name) for one in called):
                return (replace(play, tasks=play.tasks[place:]), *plays[number + 1 :])
    every = [one for some in names for called in some for one in called]
    hint = nearest(name, every) if every else ""
    raise ConfigError(f"--start-at-task: no task is called {name!r}; those of an include cannot be seen", hint=hint)


def check_tags(plays: Sequence[Play], wanted: frozenset[str]) -> None:
    """Refuse a tag that no task has: a run that does nothing must not look like one that had nothing to do."""
    if any(play.ansible for play in plays):
        return  # its tags are ansible-core's to know
    tags = {tag for play in plays for task in play.tasks for tag in task.tags}
    for name in sorted(wanted - tags - {"all", "tagged", "untagged", "always", "never"}):
        raise ConfigError(f"--tags: no task has the tag {name!r}", hint=nearest(name, tags))

"""``engine: ansible``: what of a playbook is handed to ansible-core, cut out of its file as it was written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml as pyyaml

from deployer.errors import ConfigError
from deployer.load import yaml
from deployer.load.keywords import boolean, sequence, text, words
from deployer.load.marked import Map, Seq
from deployer.load.outdated import TODAY
from deployer.load.turns import local_connection, prompts
from deployer.load.varfiles import variables
from deployer.model import AnsiblePart, Mark, Play

ENGINES = ("deployer", "ansible")
_OWN = ("pre_tasks", "tasks", "post_tasks", "hooks")
_DEEPEST = 16
_HERE = ("localhost", "127.0.0.1", "::1")

Edit = tuple[int, int, str]
"""From where to where, and what stands there then."""


def engine_of(given: Map) -> str:
    """Return the engine that a play, a role's entry or an import says; ``deployer`` where it says none.

    Raises:
        ConfigError: there is no such engine.
    """
    said = given.get("engine", "deployer")
    if said not in ENGINES:
        hint = f"write engine: ansible, or leave it out; a variable called so stands below vars: ({', '.join(ENGINES)})"
        raise ConfigError(f"engine cannot be {said!r}", where=given.at("engine"), hint=hint)
    return str(said)


def parts_of(given: Map, path: Path, number: int) -> list[Map | Play]:
    """Return a play as what deployer itself reads and what ansible-core runs, in their order.

    Args:
        given: the play as written.
        path: its file.
        number: which item of the file it is, counted from 0.

    Raises:
        ConfigError: an engine is none.
    """
    roles = given.get("roles")
    entries = list(roles) if isinstance(roles, Seq) else []
    if engine_of(given) == "ansible":
        return [ansible_play(given, path, whole_play(path, number))]
    said = [isinstance(entry, Map) and engine_of(entry) == "ansible" for entry in entries]
    if not any(said):
        return [given]
    groups = [(ours, [i for i, _ in some]) for ours, some in groupby(enumerate(said), key=lambda one: not one[1])]
    groups = [(True, []), *groups] if not groups[0][0] else groups
    groups = [*groups, (True, [])] if not groups[-1][0] else groups
    found: list[Map | Play] = []
    for number_of, (ours, chosen) in enumerate(groups):
        if not ours:
            left = _cut(path, number, drop=("engine", *_OWN), roles=chosen)
            found.append(ansible_play(given, path, left, [entries[i] for i in chosen]))
            continue
        lists = {"pre_tasks": number_of == 0, "tasks": number_of == len(groups) - 1}
        lists |= {"post_tasks": lists["tasks"], "hooks": True}
        own = {word: given[word] for word in _OWN if word in given and lists[word]}
        if chosen or any(own.get(word) for word in lists if word != "hooks"):
            found.append(_native(given, [entries[i] for i in chosen], own))
    return found


def _native(given: Map, entries: Sequence[Any], own: Mapping[str, Any]) -> Map:
    """Return a play with these of its roles, and of its own lists these."""
    kept = {key: value for key, value in given.items() if key not in (*_OWN, "roles")}
    return Map({**kept, **own, "roles": Seq(entries, given.at("roles"))}, given.mark, given.marks)


def ansible_play(given: Map, path: Path, left: str, entries: Sequence[Any] = (), reason: str = "") -> Play:
    """Return what stands for a play, or some roles of one, that ansible-core runs.

    Args:
        given: the play as written.
        path: its file.
        left: the file's text, of which only this is left.
        entries: the roles, where it is not the whole play.
        reason: why, where the play does not say it itself.
    """
    name = text(given, "name") or ",".join(words(given, "hosts"))
    if entries:
        called = (entry.get("role", entry.get("name")) if isinstance(entry, Map) else entry for entry in entries)
        name = f"{name} · {', '.join(map(str, called))}"
    hosts = [word for one in words(given, "hosts") for word in one.split(",") if word.strip()]
    if not hosts:
        raise ConfigError("the play has no hosts", where=given.at("hosts"), hint="write hosts: all, a group or a host")
    part = AnsiblePart(path.resolve(), left, tuple(map(str.strip, hosts)), reason)
    return _as_play(part, name, given.mark, given)


def imported_playbook(given: Map, word: str, path: Path, number: int) -> Play:
    """Return what stands for a playbook that is imported and that ansible-core runs, its own imports included."""
    name = given[word]
    if not isinstance(name, str) or "{{" in name:
        hint = "import_playbook needs a file name without templates"
        raise ConfigError("the playbook has to be known", where=given.at(word), hint=hint)
    if not (path.parent / name).is_file():
        raise ConfigError(f"there is no playbook {path.parent / name}", where=given.at(word))
    patterns = tuple(dict.fromkeys(hosts_in(path.parent / name)))
    part = AnsiblePart(path.resolve(), whole_play(path, number), patterns)
    return _as_play(part, text(given, "name") or name, given.mark, Map(mark=given.mark))


def whole_playbook(path: Path, reason: str) -> Play:
    """Return what stands for a playbook that ansible-core runs as it is."""
    part = AnsiblePart(path.resolve(), yaml.source(path), tuple(dict.fromkeys(hosts_in(path))), reason)
    return _as_play(part, path.name, Mark(str(path)), Map())


def _as_play(part: AnsiblePart, name: str, mark: Mark, given: Map) -> Play:
    remote = [pattern for pattern in part.patterns if pattern not in _HERE]
    here = bool(part.patterns) and not remote
    return Play(
        name=name,
        hosts=part.patterns[0] if here else ",".join(remote),
        mark=mark,
        tasks=(),
        vars=variables(given.get("vars"), given.at("vars")),
        become=boolean(given, "become"),
        gather_facts=False,
        directory=part.file.parent,
        prompts=prompts(given),
        remote_user=text(given, "remote_user") or text(given, "user"),
        local=True if here else local_connection(given),
        ansible=part,
    )


def hosts_in(path: Path, depth: int = 0) -> Iterator[str]:
    """Yield the patterns under ``hosts`` of a playbook and of those it imports, as YAML that need not be strict."""
    node = composed(path)
    for item in node.value if isinstance(node, pyyaml.SequenceNode) else ():
        pairs = {key.value: value for key, value in item.value} if isinstance(item, pyyaml.MappingNode) else {}
        if isinstance(hosts := pairs.get("hosts"), pyyaml.Node):
            listed = hosts.value if isinstance(hosts, pyyaml.SequenceNode) else [hosts]
            for word in (part for one in listed for part in str(one.value).split(",")):
                yield word.strip()
        for word in ("import_playbook", "ansible.builtin.import_playbook", "include"):
            file = path.parent / str(pairs[word].value).split()[0] if word in pairs else None
            if file and file.is_file() and depth < _DEEPEST:
                yield from hosts_in(file, depth + 1)


def composed(path: Path) -> Any:
    """Return a file's YAML as nodes, with their places, by PyYAML's rules; raises ConfigError."""
    try:
        return pyyaml.compose(yaml.source(path), Loader=pyyaml.SafeLoader)
    except pyyaml.YAMLError as error:
        problem = str(getattr(error, "problem", "") or error).splitlines()[0]
        raise ConfigError(f"is not YAML: {problem}", where=path) from None


def _cut(path: Path, number: int, *, drop: Collection[str], roles: Collection[int] | None = None) -> str:
    """Return a playbook's text of which one play is left in its place, without some of its words and roles."""
    source, top = yaml.source(path), composed(path)
    if top.flow_style:
        raise ConfigError(
            "engine: ansible wants plays that begin with -", where=path, hint="write each play as a block"
        )
    play = top.value[number]
    dash, end = source.rindex("-", 0, play.start_mark.index), play.end_mark.index
    edits: list[Edit] = [(end, len(source), ""), (0, dash, _blank(source[:dash]))]
    edits += _without(play, drop, source)
    edits += [] if play.flow_style else _renamed(play)
    for key, value in play.value if not play.flow_style else ():
        if key.value == "roles" and isinstance(value, pyyaml.SequenceNode):
            edits += _roles(value, roles, source)
    for start, stop, new in sorted(edits, reverse=True):
        source = source[:start] + new + source[stop:]
    return source


def _renamed(node: Any) -> list[Edit]:
    """Return the edits that write the words of a play which ansible-core knows no more as it knows them."""
    keys = [key for key, _ in node.value if key.value in TODAY]
    return [(key.start_mark.index, key.end_mark.index, TODAY[key.value]) for key in keys]


def whole_play(path: Path, number: int) -> str:
    """Return a playbook's text of which one play is left, the word ``engine`` taken out."""
    return _cut(path, number, drop=("engine",))


def _without(node: Any, drop: Collection[str], source: str) -> list[Edit]:
    """Return the edits that take words out of a mapping."""
    pairs = [(key, value) for key, value in node.value if key.value in drop]
    if pairs and node.flow_style:
        left = [source[k.start_mark.index : v.end_mark.index] for k, v in node.value if k.value not in drop]
        return [(node.start_mark.index, node.end_mark.index, f"{{{', '.join(left)}}}")]
    spans = [(key.start_mark.index, value.end_mark.index) for key, value in pairs]
    return [(start, end, _blank(source[start:end])) for start, end in spans]


def _roles(node: Any, kept: Collection[int] | None, source: str) -> list[Edit]:
    """Return the edits that leave some entries of a list of roles, without the word ``engine``."""
    chosen = range(len(node.value)) if kept is None else kept
    if node.flow_style:
        told = []
        for i, entry in enumerate(node.value):
            start, end = entry.start_mark.index, entry.end_mark.index
            edits = _without(entry, ("engine",), source) if isinstance(entry, pyyaml.MappingNode) else []
            told += [edits[0][2] if edits else source[start:end]] if i in chosen else []
        return [(node.start_mark.index, node.end_mark.index, f"[{', '.join(told)}]")]
    found: list[Edit] = []
    for i, entry in enumerate(node.value):
        if i not in chosen:
            dash = source.rindex("-", 0, entry.start_mark.index)
            found.append((dash, entry.end_mark.index, _blank(source[dash : entry.end_mark.index])))
        elif isinstance(entry, pyyaml.MappingNode):
            found += _without(entry, ("engine",), source)
    return found


def _blank(some: str) -> str:
    return "".join(char if char == "\n" else " " for char in some)


def first_of(errors: Sequence[ConfigError]) -> str:
    """Return why something is handed to ansible-core: the first error, and how many there are."""
    more = f" (the first of {len(errors)} places)" if len(errors) > 1 else ""
    return f"{errors[0].where}: {errors[0].message.splitlines()[0]}{more}"


def with_engine(given: Map, bad: Collection[int]) -> Map:
    """Return a play whose roles of these numbers say ``engine: ansible``."""
    entries = []
    for i, entry in enumerate(sequence(given.get("roles"), "roles", given.mark)):
        if i not in bad:
            entries.append(entry)
        elif isinstance(entry, Map):
            entries.append(Map({**entry, "engine": "ansible"}, entry.mark, entry.marks))
        else:
            entries.append(Map({"role": entry, "engine": "ansible"}, getattr(entry, "mark", given.mark)))
    return Map({**given, "roles": Seq(entries, given.at("roles"))}, given.mark, given.marks)

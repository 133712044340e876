"""Words that Ansible has dropped, read as what they were; a run says where they stand and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from deployer.errors import ConfigError
from deployer.load.arguments import task_arguments
from deployer.load.keywords import WITH, mapping
from deployer.load.marked import Map, Text, joined

_HANDED = ("become", "become_user", "environment")
TODAY = {"sudo": "become", "sudo_user": "become_user"}
"""Words of before Ansible 2.9, and what they are called since."""
_NOTES = {
    "include": "include is read as it was before Ansible 2.16; write import_tasks, include_tasks where the name or a"
    " loop depends on the host, or import_playbook",
    "sudo": "sudo is read as it was before Ansible 2.9; write become: true, and become_user: NAME",
}


def become_of_old(given: Map, outdated: list[tuple[str, str]]) -> Map:
    """Return what has ``sudo`` and ``sudo_user`` as if it said ``become`` and ``become_user``, and note its place.

    Raises:
        ConfigError: it says both.
    """
    for old, new in TODAY.items():
        if old in given and new in given:
            raise ConfigError(f"{old} and {new} say the same", where=given.at(old), hint=f"leave {old} out")
    outdated.append(("sudo", str(next(given.at(old) for old in TODAY if old in given))))
    marks = {**given.marks, **{new: given.at(old) for old, new in TODAY.items() if old in given}}
    return Map({TODAY.get(word, word): item for word, item in given.items()}, given.mark, marks)


def import_of_old(given: Map, outdated: list[tuple[str, str]]) -> Map:
    """Return an ``include`` of a playbook as the import that it is, and add its place to ``outdated``."""
    at = given.at("include")
    outdated.append(("include", str(at)))
    left = {word: item for word, item in given.items() if word != "include"}
    return Map({"import_playbook": given["include"], **left}, given.mark, {**given.marks, "import_playbook": at})


def outdated_notes(places: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return what a person should know of such words, each with its place: one note for each word."""
    found = []
    for word, some in groupby(sorted(places, key=lambda one: one[0]), key=lambda one: one[0]):
        first, *more = (place for _, place in some)
        rest = f" and {len(more)} more" if more else ""
        found.append(f"{first}{rest}: {_NOTES[word]}")
    return tuple(found)


def as_written_today(given: Map, key: str) -> Map:
    """Return an ``include`` of old as the import or the include that it is.

    It is an import where its file is known and there is no loop; otherwise an include that hands its words to its
    tasks.

    Raises:
        ConfigError: it names no file.
    """
    at, value = given.at(key), given[key]
    if not isinstance(value, str) or not value.strip():
        raise ConfigError("include takes the name of a file", where=at, hint="write import_tasks: FILE")
    words = value.split(None, 1)
    name, more = (Text(words[0], at), words[1]) if len(words) > 1 and "{" not in words[0] else (value, "")
    left = Map({word: item for word, item in given.items() if word not in (key, "static")}, given.mark, given.marks)
    if more:
        own = task_arguments("include", Text(more, at), None, at)
        left["vars"] = joined(own, mapping(given.get("vars") or Map(mark=at), "vars", at))
    dynamic = "{{" in name or any(word == "loop" or word in WITH for word in given)
    if not dynamic:
        return Map({"import_tasks": name, **left}, given.mark, {**given.marks, "import_tasks": at})
    apply = Map({word: left.pop(word) for word in _HANDED if word in left}, at, given.marks)
    apply |= {"tags": left["tags"]} if "tags" in left else {}
    args = Map({"file": name, **({"apply": apply} if apply else {})}, at, {"file": at, "apply": at})
    return Map({"include_tasks": args, **left}, given.mark, {**given.marks, "include_tasks": at})

"""``engine: ansible`` put into a playbook's text where it is missing: at roles, plays and imports of playbooks.

And what ansible-core has no more, in the text of tasks that it gets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import yaml as pyyaml

TextEdit = tuple[int, int, str]
"""From where to where, and what stands there then."""


def edited(source: str, *edits: TextEdit) -> str:
    """Return a text with edits that do not overlap."""
    for start, end, new in sorted(edits, reverse=True):
        source = source[:start] + new + source[end:]
    return source


def needed_marks(spelled: str, marked: str) -> Iterator[TextEdit]:
    """Yield the marks that a playbook needs: at a play that has one, none of its roles needs another."""
    before, after = (cast("Any", pyyaml.compose(text, Loader=pyyaml.SafeLoader)) for text in (spelled, marked))
    for old, new in zip(before.value, after.value, strict=True):
        if _said(new):
            yield _put_in(old, spelled)
            continue
        for was, now in zip(_entries(old), _entries(new), strict=True):
            if isinstance(now, pyyaml.MappingNode) and _said(now):
                yield _put_in(was, spelled)


def _entries(play: Any) -> list[Any]:
    roles = next((value for key, value in play.value if key.value == "roles"), None)
    return roles.value if isinstance(roles, pyyaml.SequenceNode) else []


def possible_marks(top: Any, source: str, broken: set[str]) -> Iterator[list[TextEdit]]:
    """Yield the marks that a playbook could have: roles in which something is wrong, other roles, imports and plays."""
    items = top.value if isinstance(top, pyyaml.SequenceNode) else ()
    plays = [play for play in items if isinstance(play, pyyaml.MappingNode) and not _said(play)]
    every = [entry for play in plays for entry in _entries(play)]
    entries = [entry for entry in every if not (isinstance(entry, pyyaml.MappingNode) and _said(entry))]
    names = dict.fromkeys(_named(entry) for entry in entries)
    for name in sorted(names, key=lambda one: one.rpartition("/")[2] not in broken):
        yield [_put_in(entry, source) for entry in entries if _named(entry) == name]
    for play in plays:
        yield [_put_in(play, source)]


def shared_plays(text: str) -> Iterator[tuple[TextEdit, set[str], set[str]]]:
    """Yield for each play of a playbook its mark, the names of its roles that have one already, and of the others."""
    top: Any = pyyaml.compose(text, Loader=pyyaml.SafeLoader)
    for play in (play for play in top.value if not _said(play)):
        entries = _entries(play)
        marked = [entry for entry in entries if isinstance(entry, pyyaml.MappingNode) and _said(entry)]
        left = [entry for entry in entries if entry not in marked]
        yield _put_in(play, text), {*map(_named, marked)}, {*map(_named, left)}


def old_includes(top: Any) -> Iterator[TextEdit]:
    """Yield what turns each ``include`` of a file of tasks into what ansible-core has instead of it.

    It is an import where its file is known and there is no loop. One with more words than a file, or with a loop and
    tags, which its tasks would not have any more, stays as it is.
    """
    items = top.value if isinstance(top, pyyaml.SequenceNode) else ()
    for task in (item for item in items if isinstance(item, pyyaml.MappingNode)):
        words = {str(key.value): (key, value) for key, value in task.value}
        for part in ("block", "rescue", "always"):
            yield from old_includes(words[part][1]) if part in words else ()
        key, value = words.get("include", (None, None))
        if key is None or not isinstance(value, pyyaml.ScalarNode) or "static" in words:
            continue
        templated = "{{" in value.value
        late = templated or any(word == "loop" or word.startswith("with_") for word in words)
        if (templated or len(value.value.split()) == 1) and not (late and "tags" in words):
            new = "include_tasks" if late else "import_tasks"
            yield key.start_mark.index, key.end_mark.index, new


def _said(node: Any) -> bool:
    return any(key.value == "engine" for key, _ in node.value)


def _named(entry: Any) -> str:
    if isinstance(entry, pyyaml.MappingNode):
        return next((str(value.value) for key, value in entry.value if key.value in ("role", "name")), "")
    return str(entry.value)


def _put_in(node: Any, source: str) -> TextEdit:
    """Return the mark in a mapping, or at a role that is only named."""
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, pyyaml.MappingNode):
        return start, end, f"{{role: {source[start:end]}, engine: ansible}}"
    if node.flow_style:
        return end - 1, end - 1, ", engine: ansible"
    if len(node.value) > 1:
        second = node.value[1][0].start_mark
        return second.index, second.index, f"engine: ansible\n{' ' * second.column}"
    value = node.value[0][1]
    behind = value.start_mark.index + len(source[value.start_mark.index : value.end_mark.index].rstrip())
    return behind, behind, f"\n{' ' * node.start_mark.column}engine: ansible"

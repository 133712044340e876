"""One name, one thing: what is public at the top of a file stands in no other one. No file is longer than 250 lines."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import deployer

ROOT = Path(deployer.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
BY_PLACE = {"MODULE", "COMMANDS"}
"""What each file of a room has under the same name, so that it is found: kinds of tasks, commands."""
TWICE: frozenset[str] = frozenset()
"""Names that stand in two files still; this list only ever gets shorter."""
LONGEST = 250


def public(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_a_public_name_stands_in_one_file() -> None:
    places = defaultdict(list)
    for path in FILES:
        for name in set(public(path)) - BY_PLACE:
            if not name.startswith("_"):
                places[name].append(str(path.relative_to(ROOT)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not {name: where for name, where in twice.items() if name not in TWICE}, "name each by what it is"
    assert twice.keys() >= TWICE, "take what stands in one file now off the list"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.read_text().count("\n") > LONGEST - 50], ids=lambda p: p.name
)
def test_no_file_is_longer_than_a_person_reads_at_once(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= LONGEST, f"{path.relative_to(ROOT)} has {lines} lines: split it where it reads better"

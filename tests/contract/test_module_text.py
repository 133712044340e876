"""The sh text of all modules: where it stands, and that it is clean."""

from __future__ import annotations

import ast
import collections.abc
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from deployer import firewall, modules, releases
from deployer.engine import ladder
from deployer.modules import shared
from deployer.sh import Program, encode, sockets, units
from tests.contract.cases import instances, texts, variants
from tests.unit.sh_clean import complaints


@pytest.mark.slow
@pytest.mark.parametrize("some", [modules.names()[i::4] for i in range(4)], ids=" ".join)
def test_all_text_of_modules_is_clean_sh(some: list[str]) -> None:
    """Several at once: most of a program is the prelude, which shellcheck would read again for each."""
    every = [one for module in some for one in [*instances(module), *variants(module)]]
    program = encode(Program(tuple(dict.fromkeys(text for one in every for text in texts(one))), writes=True))
    for check in (["dash", "-n"], ["bash", "--posix", "-n"]):
        done = subprocess.run(check, input=program, text=True, capture_output=True)
        assert done.stdout + done.stderr == ""
    # SC2317: a fragment may carry a function of a text it shares without calling it. SC2030, SC2031: texts of several
    # modules stand behind each other here, and know nothing of each other's variables.
    assert complaints(program, "SC2030", "SC2031", "SC2317") == ""


ROOMS = [Path(room.__file__ or "").parent for room in (modules, firewall, releases, ladder, shared)]


def test_in_the_room_of_modules_there_are_only_kinds_and_each_file_of_sh_is_of_one() -> None:
    for file in ROOMS[0].iterdir():
        if file.suffix in (".py", ".sh") and file.name not in ("__init__.py", "base.py"):
            assert file.stem in modules.names(), f"{file.name} is no kind: what several share is in modules/shared/"


@pytest.mark.parametrize(
    "file", sorted(file for room in [*ROOMS, ROOMS[0] / "shared"] for file in room.glob("*.sh")), ids=lambda f: f.name
)
def test_text_in_a_file_of_its_own_is_clean_sh(file: Path) -> None:
    # SC2154: what a module assigns above it. Functions that it shares with others are not used by all.
    assert complaints(file.read_text(), "SC2154", "SC2317") == ""


@cache
def sources() -> Mapping[Path, ast.Module]:
    folders = [*ROOMS, ROOMS[0] / "shared"]
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return {path: ast.parse(path.read_text()) for path in [*files, Path(sockets.__file__), Path(units.__file__)]}


@cache
def constants() -> frozenset[str]:
    """Return the names that stand for text written in a module, whole or made of such text."""
    assigned = [
        (target.id, node.value)
        for tree in sources().values()
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    known: set[str] = set()
    for _ in range(3):
        known |= {name for name, value in assigned if written(value, known)}
    return frozenset(known)


def written(node: ast.expr, known: collections.abc.Set[str]) -> bool:
    """Tell whether an expression is text that stands in the source, whatever runs."""
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Name(id=name):
            return name in known
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return written(left, known) and written(right, known)
        case ast.IfExp(body=body, orelse=orelse):
            return written(body, known) and written(orelse, known)
        case ast.JoinedStr(values=values):
            return all(written(v.value if isinstance(v, ast.FormattedValue) else v, known) for v in values)
    return False


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: path.name)
def test_shell_text_is_written_in_the_module_and_nowhere_put_together(path: Path) -> None:
    calls = [node for node in ast.walk(sources()[path]) if isinstance(node, ast.Call)]
    shell = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("sh", "Sh")]
    assert [ast.unparse(call) for call in shell if not call.args or not written(call.args[0], constants())] == []

"""docs/secrets.md and docs/security.md promise nothing that no test holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("page", "letter", "count"), [("secrets.md", "S", 20), ("security.md", "P", 19)])
def test_every_promise_is_held_by_tests_that_exist(page: str, letter: str, count: int) -> None:
    text = (ROOT / "docs" / page).read_text()
    rows = re.findall(rf"^\| ({letter}\d+) \|.*\|(.*)\|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [f"{letter}{number}" for number in range(1, count + 1)]
    for name, held_by in rows:
        tests = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", held_by)
        assert tests, name
        for file, test in tests:
            tree = ast.parse((ROOT / file).read_text())
            assert test in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, (
                f"{name}: {file}::{test}"
            )

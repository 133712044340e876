"""docs/secrets.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "secrets.md").read_text()


def test_every_promise_is_held_by_tests_that_exist() -> None:
    rows = re.findall(r"^\| (S\d+) \|.*\|(.*)\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [f"S{number}" for number in range(1, 21)]
    for name, held_by in rows:
        tests = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", held_by)
        assert tests, name
        for file, test in tests:
            tree = ast.parse((ROOT / file).read_text())
            assert test in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, (
                f"{name}: {file}::{test}"
            )

"""The quick tests see that every file of the lab's tests can be collected: those that need hosts run seldom."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(str(file.relative_to(TESTS.parent)) for file in TESTS.glob("lab/**/test_*.py"))


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_the_labs_tests_is_imported(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by the importer of pytest, which writes every assertion anew: here none is made.
    plain = [one for one in sys.meta_path if not type(one).__module__.startswith("_pytest")]
    monkeypatch.setattr(sys, "meta_path", plain)
    module = import_module(file.removesuffix(".py").replace("/", "."))
    assert module.__file__ == str(TESTS.parent / file)

"""A host in a directory, and the place on it that tests of the walk write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.engine_kit import DirectoryHost


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "app"


@pytest.fixture
def host(tmp_path: Path) -> DirectoryHost:
    return DirectoryHost(tmp_path)

"""Every unit test may have a project of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from project_files import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)

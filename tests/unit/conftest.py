"""Every unit test finds the tarballs and streams of beam/, and may have a project of files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from project_files import Project

sys.path.append(str(Path(__file__).parent / "beam"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)

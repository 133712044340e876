"""Every unit test finds the tarballs and streams of beam/, and may have a project of files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from project_files import Project

# A busy machine is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
sys.path.append(str(Path(__file__).parent / "beam"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)

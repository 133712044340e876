"""A tarball and the words of a host that declares it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.beam.beam_tarballs import release as recipe
from tests.unit.fleet.fleet_kit import COOKIE


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    recipe().write(folder)
    return folder


@pytest.fixture
def words(dist: Path) -> dict[str, Any]:
    return {
        "release": {"name": "demo", "tarball": str(dist / "demo-0.1.0.tar.gz")},
        "cluster": {"cookie": COOKIE},
        "ansible_host": "10.77.0.2",
    }

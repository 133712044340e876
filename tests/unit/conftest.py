"""Every unit test finds the tarballs and streams of beam/, and may have a project of files."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.unit.project_files import Project

# A busy machine is no fault of what is tested. Each run draws other examples; `make fuzz` draws many.
MANY = os.environ.get("DEPLOYER_CONTRACT_ALL") == "1"
settings.register_profile(
    "patient", deadline=None, max_examples=1000 if MANY else 25, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


_NEW_MOUNTS = 0x00020000
_PRIVATE = 1 << 18 | 1 << 14  # and everything below
PLACES = ("/run/deployer", "/var/lib/deployer")


@pytest.fixture(scope="session", autouse=True)
def places_of_a_host() -> None:
    """Give each process of tests its own lock and uploads: of two that share a host's, one waits for the other.

    ``unshare(2)`` and ``mount(2)``; who is not root, or may not, shares them and is only slower.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(_NEW_MOUNTS) != 0:
        return
    assert libc.mount(None, b"/", None, _PRIVATE, None) == 0, os.strerror(ctypes.get_errno())
    for place in PLACES:
        Path(place).mkdir(mode=0o700, exist_ok=True)
        assert libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, b"mode=0700") == 0, os.strerror(ctypes.get_errno())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in the current directory, with nothing of this machine's Ansible around it."""
    monkeypatch.chdir(project.directory)
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(project.directory / "home"))
    monkeypatch.setenv("WHERE", "/run/where")
    return project

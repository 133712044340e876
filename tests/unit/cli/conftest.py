"""A home with a play for this machine, and a command line in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.cli import main
from tests.unit.cli.cli_kit import Run

PLAY = """
- hosts: here
  tasks:
    - name: make a place
      file: {path: "{{ place }}", state: directory}
"""
INVENTORY = """
all:
  children:
    here:
      hosts:
        this: {ansible_connection: local}
        that: {ansible_connection: local}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


@pytest.fixture
def run(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on this machine as a host, from an empty home; returns its exit code."""
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> int:
        with pytest.raises(SystemExit) as caught:
            main(["deployer", *words])
        return int(caught.value.code or 0)

    return command

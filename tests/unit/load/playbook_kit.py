"""A playbook with its files, written and read."""

from __future__ import annotations

from pathlib import Path

from deployer.load.playbook import load_playbook
from deployer.model import Play


def project(directory: Path, playbook: str, **files: str) -> Path:
    for name, text in {"site_yml": playbook, **files}.items():
        path = directory / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory / "site.yml"


def load(directory: Path, playbook: str, **files: str) -> Play:
    (play,) = load_playbook(project(directory, playbook, **files))
    return play

"""The roles and playbooks that ship with the program are found, installed or not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deployer.load.playbook import find_playbook
from deployer.load.shipped import shipped_playbooks, shipped_roles

REPOSITORY = Path(__file__).parents[3]


def _files(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory.parent))
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in ("deployer", "roles", "playbooks", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "inventory.example.yml", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    (source / "README.md").write_text("deployer\n")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", out]
    subprocess.run([*map(str, command), str(source)], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_program_its_roles_playbooks_and_pages(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = _files(REPOSITORY / "deployer")
    wanted |= {f"deployer/{name}" for part in ("roles", "playbooks", "docs") for name in _files(REPOSITORY / part)}
    assert wanted - inside == set()


@pytest.mark.slow
def test_an_installed_program_finds_the_roles_and_playbooks_it_carries(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = (
        "from deployer.load.shipped import *; print(shipped_roles()); print(shipped_playbooks());"
        "print(shipped_pages()['inventory.example.yml'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    roles, playbooks, example = map(Path, said.stdout.split())
    assert roles == tmp_path / "site" / "deployer" / "roles"
    assert (roles / "node" / "tasks" / "main.yml").is_file()
    assert (playbooks / "site.yml").is_file()
    assert example == tmp_path / "site" / "deployer" / "docs" / "inventory.example.yml"
    assert example.read_text() == (REPOSITORY / "inventory.example.yml").read_text()


def test_a_source_checkout_uses_its_own_roles_and_playbooks() -> None:
    assert shipped_roles() == REPOSITORY / "roles"
    assert shipped_playbooks() == REPOSITORY / "playbooks"


@pytest.mark.parametrize("name", ["site.yml", "playbooks/site.yml"])
def test_a_playbook_that_is_no_file_is_the_shipped_one_of_that_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_playbook(Path(name)) == REPOSITORY / "playbooks" / "site.yml"


def test_a_file_wins_over_a_shipped_playbook_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yml").write_text("- hosts: all\n")
    assert find_playbook(Path("site.yml")) == Path("site.yml")

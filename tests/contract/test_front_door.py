"""What a stranger finds: a licence, one version, and no word about papers that are not here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import deployer

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "deployer/**/*.py",
        "deployer/**/*.sh",
        "roles/**/*",
        "playbooks/*",
        "tools/*",
        "tests/**/*.py",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and "__pycache__" not in path.parts
)
ABSENT = re.compile(
    r"\b(?:DESIGN section|LAB\.md|\w+\.md \d|reliability [A-Z]\d|\([A-Z]\d{1,2}(?:, [A-Z]\d{1,2})*\)|[Rr]ow [A-Z]\d)"
)
NAMED = re.compile(r"\b(?:docs/)?[\w/-]*[a-z][\w-]*\.md\b")


def test_no_text_leans_on_a_paper_that_is_not_here() -> None:
    own = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in TEXTS
        if path != own
        for match in ABSENT.finditer(path.read_text())
    ]
    assert found == []


def test_every_page_that_is_named_is_there() -> None:
    pages = {page.name for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]}
    named = {
        (path, name)
        for path in TEXTS
        if "tests" not in path.relative_to(ROOT).parts
        for name in NAMED.findall(path.read_text())
    }
    assert {(path.name, name) for path, name in named if name.rpartition("/")[2] not in pages} == set()


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"] and "version" not in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", deployer.__version__)


def test_the_licence_is_the_one_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]


def test_every_package_of_the_program_is_shipped() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    real = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in ROOT.glob("deployer/**/__init__.py")}
    assert real <= listed

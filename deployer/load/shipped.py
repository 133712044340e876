"""The roles, playbooks and pages that come with the program.

In a wheel they lie inside the package (``deployer/roles``, ``deployer/playbooks``, ``deployer/docs``: see
``package-dir`` in pyproject.toml); in a source checkout they are the repository's own directories.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_roles() -> Path:
    """Return the directory of roles that come with the program."""
    return _shipped("roles")


def shipped_playbooks() -> Path:
    """Return the directory of playbooks that come with the program."""
    return _shipped("playbooks")


def shipped_pages() -> Mapping[str, Path]:
    """Return what ``deployer docs`` shows, by name: the pages for users, and the example inventory."""
    top = _shipped("docs")
    pages = [page for folder in (top, top / "flavours") for page in sorted(folder.glob("*.md"))]
    named = {str(page.relative_to(top).with_suffix("")): page for page in pages}
    return {"inventory.example.yml": top / "inventory.example.yml", **named}


def _shipped(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name

"""The roles and playbooks that come with the program.

In a wheel they lie inside the package (``deployer/roles``, ``deployer/playbooks``: see ``package-dir`` in
pyproject.toml); in a source checkout they are the repository's own ``roles/`` and ``playbooks/``.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_roles() -> Path:
    """Return the directory of roles that come with the program."""
    return _shipped("roles")


def shipped_playbooks() -> Path:
    """Return the directory of playbooks that come with the program."""
    return _shipped("playbooks")


def _shipped(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name

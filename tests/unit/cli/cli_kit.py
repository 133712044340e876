"""Commands typed on a project whose hosts are this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]


def walk(command: str, place: Path, *flags: str) -> tuple[str, ...]:
    return (command, "play.yml", "-i", "inventory.yml", "-l", "this", "-e", f"place={place}", *flags)


def code_of(run: Run, *words: str) -> int:
    try:
        return run(*words)
    except pytest.fail.Exception:  # a command that ends well does not exit
        return 0

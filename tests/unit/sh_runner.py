"""Run a program as a transport does: a real shell, the constant command, everything else on standard input."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.model import Blob
from deployer.sh import Frame, Program, Sh, decode, payload
from deployer.sh.frame import BOOTSTRAP

in_every_shell = pytest.mark.parametrize(
    "shell", [pytest.param(["dash"], id="dash"), pytest.param(["bash", "--posix"], id="bash", marks=pytest.mark.slow)]
)
"""Debian's sh in the quick tests; the other one among the slow."""
ROOT = os.geteuid() == 0


def probe(*texts: str) -> Program:
    return Program(tuple(Sh(text) for text in texts))


def steps(*texts: str, blobs: tuple[Blob, ...] = ()) -> Program:
    return Program(tuple(Sh(text) for text in texts), writes=True, blobs=blobs)


def stream(data: bytes, size: int = 7) -> Iterator[bytes]:
    """Yield bytes in small pieces, as a slow network does."""
    yield from (data[i : i + size] for i in range(0, len(data), size))


def answer(program: Program, shell: list[str], tmp: Path, *, given: bytes | None = None) -> bytes:
    """Return what the host prints; ``given`` replaces what is sent."""
    sent = b"".join(payload(program)) if given is None else given
    command = [*shell, "-c", BOOTSTRAP, "deployer", "192.0.2.7 50000 192.0.2.1 22"]
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp), "HOME": str(tmp)}
    done = subprocess.run(command, input=sent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, cwd=tmp)
    return done.stdout


def frames(program: Program, shell: list[str], tmp: Path) -> list[Frame]:
    """Return a program's answers."""
    return list(decode(program, stream(answer(program, shell, tmp), 4096)))

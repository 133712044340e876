"""Run a program as a transport does: a real shell, the constant command, everything else on standard input."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deployer.sh import Frame, Program, decode, payload
from deployer.sh.frame import BOOTSTRAP

SHELLS = (["dash"], ["bash", "--posix"])


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

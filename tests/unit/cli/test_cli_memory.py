"""What the program holds in memory leaves it by no core dump and through no other process (docs/secrets.md: S17)."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

PRIVATE = "from deployer.cli import keep_memory_private; keep_memory_private(); "
PR_GET_DUMPABLE = 3


def python(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run it where cores would be allowed."""

    def allow_cores() -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    return subprocess.run(
        [sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, preexec_fn=allow_cores
    )


def test_no_core_is_left_by_an_abort(tmp_path: Path) -> None:
    done = python(PRIVATE + "import os; os.abort()", tmp_path)
    assert done.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


def test_the_limit_is_zero_and_no_other_process_of_the_person_may_look(tmp_path: Path) -> None:
    look = f"import ctypes, resource; print(ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}), resource.getrlimit(4)[0])"
    assert python(look, tmp_path).stdout.split()[0] == "1"
    assert python(PRIVATE + look, tmp_path).stdout.split() == ["0", "0"]


def test_what_it_starts_is_not_hidden_from_its_person(tmp_path: Path) -> None:
    look = f"import ctypes; print(ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}))"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {look!r}])"
    assert python(PRIVATE + child, tmp_path).stdout.split() == ["1"]


def test_the_command_line_does_it_before_anything_else(tmp_path: Path) -> None:
    code = (
        "import deployer.cli, deployer.cli.program as p, resource; "
        "P = type('P', (), {'run': lambda self, words: print(resource.getrlimit(4)[0])}); "
        "p.DeployerProgram.standard = lambda words: P(); "
        "deployer.cli.main(['deployer'])"
    )
    assert python(code, tmp_path).stdout.split() == ["0"]

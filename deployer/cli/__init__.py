"""The command line: flags become `Options`, errors become one clear message and an exit code."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_DUMPABLE = 4


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit with its code (docs/design.md)."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_at_once)
    try:
        _run(sys.argv if argv is None else argv)
    finally:
        if signal.getsignal(signal.SIGINT) is leave_at_once:
            signal.signal(signal.SIGINT, before)


def leave_at_once(number: int, frame: object) -> None:
    """Answer Ctrl-C while the program is loaded, when nothing has begun that could end orderly."""
    del number, frame
    os.write(2, b"error: stopped\n")
    os._exit(128 + signal.SIGINT)


def _run(words: list[str]) -> None:
    import io

    from deployer.lean import loading

    with loading():
        from deployer.cli.program import DeployerProgram

    keep_memory_private()
    with loading():
        program = DeployerProgram.standard(words[1:])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ must not end a deploy
    try:
        try:
            program.run(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # "| head -1" has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:  # of this machine, not of a host: a full disk below the report, a directory that is gone
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


def keep_memory_private() -> None:
    """Leave no core dump, and let no process of the same person read our memory: it holds the fleet's secrets.

    RLIMIT_CORE alone is not enough: a core_pattern that is a pipe does not heed it (core(5)). prctl(2) is Linux's.
    """
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

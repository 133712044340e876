"""This machine as a host: nothing of it holds up the end of the program."""

from __future__ import annotations

import subprocess
import sys

KEPT = """\
import gc
from deployer.sh import Program, Sh
from deployer.transport.local import LocalTransport

gc.disable()
frames = LocalTransport("here").run(Program((Sh("echo 1"), Sh("echo 2"))), timeout=60)
print(next(frames).out.strip())
"""


def test_a_conversation_that_an_error_keeps_does_not_hold_up_the_end_of_the_program() -> None:
    """It is closed when the interpreter ends, where no thread starts any more: who waits for one waits for ever."""
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")

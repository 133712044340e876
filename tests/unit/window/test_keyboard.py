"""A terminal that was lent is given back, however the command that had it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios

import pytest

LENT = """
import os, time, tty
from deployer.window.keyboard import lent
with lent(tty.{}, b"farewell"):
    os.kill(os.getpid(), {})
    time.sleep(30)
"""


@pytest.mark.parametrize("mode", ["setraw", "setcbreak"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_console_leaves_the_terminal_as_it_was(number: int, mode: str) -> None:
    master, slave = os.openpty()
    try:
        before = termios.tcgetattr(slave)
        text = LENT.format(mode, int(number))
        done = subprocess.run([sys.executable, "-c", text], stdin=slave, stdout=subprocess.PIPE, timeout=60)
        assert (done.returncode, done.stdout, termios.tcgetattr(slave)) == (-number, b"farewell", before)
    finally:
        os.close(master)
        os.close(slave)

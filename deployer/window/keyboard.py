"""The terminal that a person sits at, lent to a command on a host: every key goes there, and its size."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployer.transport.session import Session, Terminal

_GULP = 4096


def here() -> Terminal | None:
    """Return this process's terminal; None where its input or its output is none."""
    if not (os.isatty(0) and os.isatty(1)):
        return None
    columns, rows = shutil.get_terminal_size()
    return Terminal(os.environ.get("TERM") or "xterm", columns, rows)


def attach(session: Session, *, saw: Callable[[bytes], object] = lambda _: None) -> int:
    """Lend the terminal to a session until it ends, and return its exit status.

    Ctrl-C is a key like others meanwhile.

    Args:
        session: opened on a terminal.
        saw: is shown what the command prints.

    Raises:
        ConnectionLost: the connection broke; the terminal is as it was.
    """

    def show(data: bytes) -> None:
        _write(1, data)
        saw(data)

    with lent(tty.setraw), _sized(session), feeding(session):
        return session.pump(show, show)


@contextmanager
def feeding(session: Session) -> Iterator[None]:
    """Hand this process's input on to a session, until it ends or the block does."""
    wake, stop = os.pipe()

    def feed() -> None:
        while True:
            ready, _, _ = select.select([0, wake], [], [])
            data = os.read(0, _GULP) if wake not in ready else b""
            if not data:
                break
            session.send(data)
        if wake not in ready:
            session.end_input()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield
    finally:
        os.write(stop, b"x")
        feeder.join(1)
        for end in (wake, stop):
            os.close(end)


def pass_on(session: Session) -> int:
    """Let a session have this process's three streams until it ends, and return its exit status."""
    with feeding(session):
        return session.pump(lambda data: _write(1, data), lambda data: _write(2, data))


def _write(descriptor: int, data: bytes) -> None:
    """Write all; a slow terminal makes the host wait, as it does with ssh."""
    (sys.stdout if descriptor == 1 else sys.stderr).flush()
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def lent(mode: Callable[[int], object], farewell: bytes = b"") -> Iterator[None]:
    """Have this process's terminal in another mode for a while. Also a process that is ended gives it back.

    Args:
        mode: of the module ``tty``.
        farewell: what puts the screen right, where the process is ended.
    """
    before = termios.tcgetattr(0)

    def ended(number: int, frame: object) -> None:
        """Whoever is ended leaves a terminal that can be typed at."""
        del frame
        termios.tcsetattr(0, termios.TCSANOW, before)
        os.write(1, farewell)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    told = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGHUP)}
    mode(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        for number, handler in told.items():
            signal.signal(number, handler)


@contextmanager
def _sized(session: Session) -> Iterator[None]:
    """Tell the session of every new size of the window."""

    def resized(number: int, frame: object) -> None:
        del number, frame
        # Not here: the signal may have come while this thread holds a lock of the connection.
        threading.Thread(target=lambda: session.resize(*shutil.get_terminal_size()), daemon=True).start()

    before = signal.signal(signal.SIGWINCH, resized)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)

"""What surrounds a run: where events go, where hosts run in parallel, and what asks to stop."""

from __future__ import annotations

import itertools
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from deployer.errors import ConfigError, Interrupted
from deployer.events import Emit, Event, Note
from deployer.report.journal import Writer


@contextmanager
def report(out: TextIO, journal: Writer | None = None, *, json: bool, diff: bool, verbose: int) -> Iterator[Emit]:
    """Yield where events go: one at a time, whichever host they come from; the journal comes first.

    When whoever reads ``out`` is gone (``| head -1``), the run goes on unheard: a roll must not end half-way for that.
    """
    close, take = _json(out) if json else _terminal(out, diff, verbose)
    lock = threading.Lock()

    def emit(event: Event) -> None:
        with lock:
            if journal:
                journal(event)
            try:
                take(event)
            except BrokenPipeError:
                _let_go_of([out.fileno()])

    try:
        yield emit
    finally:
        close()
        if journal:
            journal.close()


def keeping(seen: list[Event], emit: Emit) -> Emit:
    """Return what keeps each event in ``seen``, and then emits it."""

    def keep(event: Event) -> None:
        seen.append(event)
        emit(event)

    return keep


def _json(out: TextIO) -> tuple[Callable[[], None], Emit]:
    from deployer.report.jsonl import JsonLines

    lines = JsonLines(out)
    return lines.close, lines


def _terminal(out: TextIO, diff: bool, verbose: int) -> tuple[Callable[[], None], Emit]:
    from deployer.report.terminal import TerminalReport, rich_console

    terminal = TerminalReport(rich_console(out), show_diff=diff, verbosity=verbose)
    return terminal.close, terminal


def asker(stop: threading.Event, *, json: bool) -> Callable[[str], bool] | None:
    """Return what puts a question to the person; None where nobody could answer, or programs read the output.

    Ctrl-C at a question (``stop``) is a no.
    """
    if json or not sys.stdin.isatty():
        return None

    def ask(question: str) -> bool:
        sys.stderr.write(f"\n{question} [y/N] ")
        sys.stderr.flush()
        while not stop.is_set():  # a signal does not end a read
            if select.select([sys.stdin], [], [], 0.2)[0]:
                return sys.stdin.readline().strip().lower() in ("y", "yes")
        return False

    return ask


_OWN_FILES = 128
"""Open files beside one connection for each host: streams of the ladder, the journal, tarballs, Python's own."""


@contextmanager
def pool(forks: int, hosts: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads for as many hosts at once as ``--forks`` allows.

    Raises:
        ConfigError: it allows none, or this process may not open as many files as there are hosts.
    """
    if forks < 1:
        raise ConfigError(f"--forks is {forks}", hint="give a number from 1 on")
    raise_file_limit(hosts)
    try:
        with ThreadPoolExecutor(max(1, min(forks, hosts)), "host") as executor:
            try:
                yield executor
            except KeyboardInterrupt:
                _leave()
    except KeyboardInterrupt:  # it came when the threads were waited for
        _leave()


def raise_file_limit(hosts: int) -> None:
    """Let this process have a connection to each host at the same time: they stay open until all is done.

    Raises:
        ConfigError: it may not open as many files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = hosts + _OWN_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        problem = f"{hosts} hosts need {needed} open files at once, and this process may have {hard}"
        raise ConfigError(problem, hint=f"ulimit -Hn {needed} (LimitNOFILE= of a service), or name fewer hosts")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _leave() -> NoReturn:
    """End now. The pool, and Python itself, would wait for threads; the person has just said not to."""
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(Interrupted.exit_code)


_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = "stopping: steps under way end, nothing new begins; again to leave them to themselves"


def _aloud(event: Event) -> None:
    """Say it where no report has begun that could."""
    if isinstance(event, Note):
        sys.stderr.write(f"{event.text}\n")


@contextmanager
def stoppable(emit: Emit = _aloud) -> Iterator[threading.Event]:
    """Let the first Ctrl-C, SIGTERM or SIGHUP end what is under way, and the second end at once.

    A SIGHUP that the run was started to ignore (nohup) stays ignored.

    Args:
        emit: is told of the first, like all that a person reads: whoever else wrote to the terminal could land in the
            middle of a line.
    """
    stop, signals = threading.Event(), itertools.count()
    terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]

    def say_so() -> None:
        stop.set()
        emit(Note(STOPPING))

    def ask_to_stop(number: int, frame: object) -> None:
        del frame
        if next(signals):
            raise KeyboardInterrupt
        if number == signal.SIGHUP:
            _let_go_of(terminals)
        # Not here: the signal may have come while this thread waits for the event or writes, and holds its lock.
        threading.Thread(target=say_so, daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heard = [number for number in _STOPS if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP]
    before = {number: signal.signal(number, ask_to_stop) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_go_of(descriptors: Sequence[int]) -> None:
    """Who is gone hears no more; what is said there must not become an error of the run."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)

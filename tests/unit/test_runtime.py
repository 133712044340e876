"""What a person says to a run: Ctrl-C, and answers to questions on a real pseudo-terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.runtime import STOPPING
from tests.lab.person import CTRL_C, Person


@pytest.fixture(autouse=True)
def hangups() -> Iterator[None]:
    """Have a terminal that is closed say so, also where the tests were started with nohup: programs inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


PROGRAM = """
from deployer.runtime import asker, stoppable
told = []
with stoppable(told.append) as stop:
    ask = asker(stop, json=False)
    print(f"answer {ask('still to come: web2. Go on?')} stopped {stop.is_set()}")
"""

KEYS = {
    "y\n": "answer True stopped False",
    "Yes\n": "answer True stopped False",
    "n\n": "answer False stopped False",
    "\n": "answer False stopped False",
    "\x04": "answer False stopped False",
    CTRL_C: "answer False stopped True",
}


WAITING = """
import signal
from deployer.runtime import stoppable
with stoppable(lambda event: None) as stop:
    with stop._cond:  # as in the middle of a wait
        signal.raise_signal(signal.SIGINT)
    print("stopped", stop.wait(30))
"""
WRITING = """
import io, signal, sys
from deployer.runtime import stoppable
class Slow(io.FileIO):
    def write(self, data):
        if bytes(data).startswith(b"a question"):
            signal.raise_signal(signal.SIGINT)
        return super().write(data)
sys.stderr = io.TextIOWrapper(io.BufferedWriter(Slow(2, "w", closefd=False)), write_through=True)
with stoppable(lambda event: None) as stop:
    sys.stderr.write("a question")
    sys.stderr.flush()
    print("stopped", stop.wait(30))
"""


@pytest.mark.parametrize(
    "moment",
    [WAITING, WRITING, *(WAITING.replace("SIGINT", name) for name in ("SIGTERM", "SIGHUP"))],
    ids=["waiting", "writing", "SIGTERM", "SIGHUP"],
)
def test_ctrl_c_is_heard_at_any_moment(moment: str) -> None:
    done = subprocess.run([sys.executable, "-c", moment], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("stopped True\n", 0), done.stderr


TOLD = """
import signal, sys, threading, time
from deployer.events import Note
from deployer.runtime import report, stoppable
with report(sys.stdout, json=False, diff=False, verbose=0) as emit, stoppable(emit):
    before = set(threading.enumerate())
    signal.raise_signal(signal.SIGINT)
    for line in range(200):
        emit(Note(f"line {line} of the report"))
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
"""


def test_that_it_stops_is_told_between_the_lines_of_the_report() -> None:
    done = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stdout.splitlines() if line.strip()]
    assert [line for line in said if line != STOPPING] == [f"line {number} of the report" for number in range(200)]
    assert (said.count(STOPPING), done.stderr) == (1, "")


@pytest.mark.parametrize("keys", KEYS)
def test_a_question_is_answered_by_a_person_at_a_terminal(keys: str, tmp_path: Path) -> None:
    person = Person([sys.executable, "-c", PROGRAM], environ=os.environ, directory=tmp_path)
    person.waits_for("still to come: web2. Go on? [y/N] ")
    person.types(keys)
    assert person.is_done(30) == 0
    assert KEYS[keys] in person.seen


HUNG_UP = """
import sys
from deployer.events import Note
from deployer.runtime import report, stoppable
with report(sys.stdout, json=False, diff=False, verbose=0) as emit, stoppable(emit) as stop:
    emit(Note("ready"))
    stop.wait(30)
    for _ in range(100):
        emit(Note("to a terminal that is gone"))
open(sys.argv[1], "w").write(f"ended in order {stop.is_set()}")
"""


def test_a_terminal_that_is_closed_is_a_stop_and_no_error(tmp_path: Path) -> None:
    person = Person([sys.executable, "-c", HUNG_UP, str(tmp_path / "end")], environ=os.environ, directory=tmp_path)
    person.waits_for("ready")
    assert person.leaves() == 0
    assert (tmp_path / "end").read_text() == "ended in order True"


def test_what_is_started_with_nohup_outlives_its_terminal() -> None:
    program = "import signal; signal.signal(1, signal.SIG_IGN)\n" + WAITING.replace("SIGINT", "SIGHUP").replace(
        "30", "1"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("stopped False\n", 0), done.stderr


SECOND = """
import os, signal, sys, threading
from deployer.runtime import pool, stoppable
with pool(2, 2) as executor, stoppable(lambda event: None) as stop:
    executor.submit(threading.Event().wait)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.raise_signal(number)
    print("still here")
"""


def test_the_second_signal_of_any_kind_ends_at_once_although_hosts_are_busy() -> None:
    done = subprocess.run([sys.executable, "-c", SECOND], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("", 130), done.stderr


ROOM = """
import resource, sys
from deployer.errors import ConfigError
from deployer.runtime import pool
try:
    with pool(4, int(sys.argv[1])):
        print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        (50, "256\n"),
        (500, "628\n"),
        (2000, "2000 hosts need 2128 open files at once, and this process may have 1000\n  ulimit -Hn 2128"),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_the_hosts_need(hosts: int, said: str) -> None:
    program = 'ulimit -Sn 256; ulimit -Hn 1000; exec "$@"'
    argv = ["sh", "-c", program, "sh", sys.executable, "-c", ROOM, str(hosts)]
    assert said in subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_ctrl_c_is_a_key_for_programs_of_tests_that_were_started_in_the_background(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "import subprocess, sys\n"
        "def test_one():\n"
        "    program = 'import signal; signal.raise_signal(signal.SIGINT)'\n"
        "    assert subprocess.run([sys.executable, '-c', program]).returncode == -2\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "--rootdir", "."]
    # It is no run that a page tells of.
    with_tests = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "DEPLOYER_RELIABILITY_PAGE": ""}
    background = ["sh", "-c", '"$@" & wait $!', "sh", *words, "test_one.py"]
    done = subprocess.run(background, capture_output=True, text=True, cwd=tmp_path, env=with_tests)
    assert done.returncode == 0, done.stdout

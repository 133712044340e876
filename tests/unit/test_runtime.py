"""What a person says to a run: Ctrl-C, and answers to questions on a real pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))
from person import CTRL_C, Person

from deployer.runtime import STOPPING

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


@pytest.mark.parametrize("moment", [WAITING, WRITING], ids=["waiting", "writing"])
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

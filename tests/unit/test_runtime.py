"""What a person says to a run: Ctrl-C, and answers to questions on a real pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "lab"))
from person import CTRL_C, Person

PROGRAM = """
from deployer.runtime import asker, stoppable
with stoppable() as stop:
    ask = asker(stop, json=False)
    print("answer", ask("still to come: web2. Go on?"), "stopped", stop.is_set())
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
with stoppable() as stop:
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
with stoppable() as stop:
    sys.stderr.write("a question")
    sys.stderr.flush()
    print("stopped", stop.wait(30))
"""


@pytest.mark.parametrize("moment", [WAITING, WRITING], ids=["waiting", "writing"])
def test_ctrl_c_is_heard_at_any_moment(moment: str) -> None:
    done = subprocess.run([sys.executable, "-c", moment], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("stopped True\n", 0), done.stderr


@pytest.mark.parametrize("keys", KEYS)
def test_a_question_is_answered_by_a_person_at_a_terminal(keys: str, tmp_path: Path) -> None:
    person = Person([sys.executable, "-c", PROGRAM], environ=os.environ, directory=tmp_path)
    person.waits_for("still to come: web2. Go on? [y/N] ")
    person.types(keys)
    assert person.is_done(30) == 0
    assert KEYS[keys] in person.seen

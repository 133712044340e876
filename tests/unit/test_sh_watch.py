"""What people wrote runs as a login would run it; and what the run that asked has given up does not outlive it."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import Locked
from deployer.model import Blob
from deployer.sh import Frame, Program, decode, payload
from deployer.sh.frame import BOOTSTRAP
from tests.unit.sh_runner import ROOT, answer, frames, in_every_shell, probe, steps, stream

pytestmark = [in_every_shell, pytest.mark.skipif(not ROOT, reason="only root holds a host's lock")]


def people(text: str, seconds: int = 60, **more: object) -> Program:
    return replace(steps(text), people={0: seconds}, labels=("a person's step",), **more)


def eventually(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


def running(word: str) -> list[int]:
    """Processes that have a word in their arguments."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [int(place.parent.name)] if word.encode() in place.read_bytes().split(b"\0") else []
        except OSError:
            continue
    return found


def holder() -> str:
    """Who holds this machine now, or held it when it was killed; others may run programs on it too."""
    try:
        return Path("/run/deployer/holder").read_text()
    except FileNotFoundError:
        return ""


def number() -> str:
    """A duration that no other test sleeps for."""
    return f"7{secrets.randbelow(10**8):08}"


@contextmanager
def begun(sent: bytes, shell: list[str], tmp: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose run is there, and writes nothing more than this."""
    child = subprocess.Popen(
        [*shell, "-c", BOOTSTRAP, "deployer", ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp,
        env={**os.environ, "TMPDIR": str(tmp)},
        start_new_session=True,
    )
    with child:
        assert child.stdin
        child.stdin.write(sent)
        child.stdin.flush()
        yield child
        child.kill()


def watched(program: Program, patience: int = 35) -> bytes:
    return b"".join(payload(program, watched=True)).replace(b"heartbeat=35", b"heartbeat=%02d" % patience)


def test_a_pipe_whose_reader_leaves_ends_and_the_logins_umask_holds(shell: list[str], tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        (frame,) = frames(people("umask; tr -dc a-z </dev/urandom | fold -w 32 | head -n 1"), shell, tmp_path)
        (own,) = frames(steps("umask"), shell, tmp_path)
    finally:
        os.umask(old)
    mask, word = frame.out.split()
    assert (frame.rc, mask, len(word), own.out) == (0, "0027", 32, "0077")


def test_status_output_and_user_are_its_own(shell: list[str], tmp_path: Path) -> None:
    assert frames(people("echo said; exit 7; echo not"), shell, tmp_path) == [Frame(0, 7, "said")]
    (other,) = frames(people("id -un; pwd; cat", users={0: "nobody"}), shell, tmp_path)
    assert other == Frame(0, 0, "nobody\n/")
    assert frames(people("id", users={0: "no-such-user"}), shell, tmp_path)[0].rc == 3


def test_a_deadline_ends_it_wherever_it_hides(shell: list[str], tmp_path: Path) -> None:
    word = number()
    text = f"trap '' HUP TERM; sleep {word} & setsid sleep {word} & (sleep {word} &) ; sleep {word}"
    (frame,) = frames(people(text, seconds=1), shell, tmp_path)
    assert frame.rc in {124, 137}
    assert "did not end in 1 s, its deadline" in frame.out
    eventually(lambda: not running(word))


def test_what_it_leaves_running_on_purpose_is_left(shell: list[str], tmp_path: Path) -> None:
    # Until it has a session of its own it is the step's, and ends with it.
    word, there = number(), tmp_path / "there"
    begin = f"setsid sh -c 'touch {there}; exec sleep {word}' </dev/null >/dev/null 2>&1 &"
    (frame,) = frames(people(f"{begin}\nuntil [ -e {there} ]; do sleep 0.05; done"), shell, tmp_path)
    eventually(lambda: running(word))
    left = running(word)
    assert (frame.rc, len(left)) == (0, 1)
    os.kill(left[0], 9)


@pytest.mark.parametrize("how", ["the run is killed", pytest.param("the line is dead", marks=pytest.mark.slow)])
def test_a_persons_step_ends_with_the_run_and_frees_the_host(shell: list[str], tmp_path: Path, how: str) -> None:
    word = number()
    program = people(f"trap '' HUP TERM PIPE; sleep {word}; sleep {word}")
    with begun(watched(program, 35 if how == "the run is killed" else 8), shell, tmp_path) as child:
        eventually(lambda: running(word))
        if how == "the run is killed":
            child.stdin.close()  # type: ignore[union-attr]
        eventually(lambda: child.poll() is not None)
    eventually(lambda: not running(word))
    assert frames(steps("echo free"), shell, tmp_path)[0].out == "free"
    assert f"\t{child.pid}\t" not in holder()


def test_a_step_of_our_own_comes_to_its_end_and_nothing_follows(shell: list[str], tmp_path: Path) -> None:
    one, go, two = (tmp_path / name for name in ("one", "go", "two"))
    program = steps(f"touch {one}; until [ -e {go} ]; do sleep 0.1; done; touch {two}", f"rm {two}")
    with begun(watched(program), shell, tmp_path) as child:
        eventually(one.exists)
        child.stdin.close()  # type: ignore[union-attr]
        eventually(lambda: list(Path("/run/deployer").glob("run.*/gone")))
        go.touch()
        eventually(lambda: child.poll() is not None)
    assert two.exists()


def test_a_probe_ends_with_the_run(shell: list[str], tmp_path: Path) -> None:
    word = number()
    with begun(watched(probe(f"sleep {word}")), shell, tmp_path) as child:
        eventually(lambda: running(word))
        child.stdin.close()  # type: ignore[union-attr]
        eventually(lambda: child.poll() is not None)
    eventually(lambda: not running(word))


def test_a_run_that_is_there_is_not_given_up(shell: list[str], tmp_path: Path) -> None:
    with begun(watched(people("sleep 4; echo done"), 3), shell, tmp_path) as child:
        assert child.stdin
        assert child.stdout
        while child.poll() is None:
            child.stdin.write(b"\n")
            child.stdin.flush()
            time.sleep(0.3)
        assert b"done" in child.stdout.read()


def test_who_waits_in_vain_is_told_who_holds_the_host(shell: list[str], tmp_path: Path) -> None:
    word = number()
    first = people(f"sleep {word}", run="20260101T000000Z-abcdef bob@ci")
    with begun(watched(first), shell, tmp_path) as child:
        eventually(lambda: running(word))
        other = steps("true")
        hasty = b"".join(payload(other)).replace(b"lock_wait=60", b"lock_wait=00")
        with pytest.raises(Locked) as caught:
            list(decode(other, stream(answer(other, shell, tmp_path, given=hasty))))
        said = str(caught.value)
        assert "bob@ci holds it (run 20260101T000000Z-abcdef, process " in said
        assert "s now at: a person's step" in said
        assert f"kill -KILL -- -{child.pid}" in said


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Blob]:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1_500_000))
    blob = Blob(None, file, 1_500_000, hashlib.sha256(file.read_bytes()).hexdigest())
    yield blob
    (Path("/var/lib/deployer") / f"part.{blob.sha256}").unlink(missing_ok=True)


@pytest.mark.slow
def test_an_upload_whose_line_is_dead_is_let_go(shell: list[str], tmp_path: Path, large: Blob) -> None:
    program = steps("true", blobs=(large,))
    with begun(half(program, 5), shell, tmp_path) as child:
        eventually(lambda: child.poll() is not None)
    (frame,) = frames(program, shell, tmp_path)
    assert frame.rc == 0


def test_the_run_that_was_cut_takes_its_upload_over_and_another_is_told_whose_it_is(
    shell: list[str], tmp_path: Path, large: Blob
) -> None:
    program = steps("echo whole", blobs=(large,))
    other = replace(program, run="20260101T000000Z-abcdef bob@ci")
    hasty = b"".join(payload(other)).replace(b"lock_wait=60", b"lock_wait=00")
    with begun(half(program), shell, tmp_path) as child:
        eventually(lambda: "receive" in doing())
        with pytest.raises(Locked, match=r"another run is changing this host.*: \S+ holds it .* at: an upload"):
            list(decode(other, stream(answer(other, shell, tmp_path, given=hasty))))
        assert frames(program, shell, tmp_path)[0].out == "whole"
        eventually(lambda: child.poll() is not None)


def doing() -> str:
    """What the program that changes this machine is at."""
    try:
        return (Path(holder().split("\t")[2].strip()) / "doing").read_text()
    except (OSError, IndexError):
        return ""


def half(program: Program, patience: int = 30) -> bytes:
    """What has come of an upload whose line is still open."""
    return b"".join(payload(program, watched=True))[:-700_000].replace(b"silence=30", b"silence=%02d" % patience)

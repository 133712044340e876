"""Uploads to real shells: whole, private and gone with their program, or nothing runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import StepError
from deployer.model import Blob, Secret
from deployer.sh import decode, encode, payload
from tests.unit.sh_runner import ROOT, answer, frames, in_every_shell, steps, stream

pytestmark = in_every_shell


@pytest.mark.parametrize("content", [b"\0" * 1000, Secret("x" * 1000)], ids=["open", "secret"])
def test_a_cut_upload_runs_nothing(shell: list[str], tmp_path: Path, content: bytes | Secret) -> None:
    program = steps("touch canary", blobs=(Blob.of(content),))
    said = answer(program, shell, tmp_path, given=b"".join(payload(program))[:-1])
    assert not (tmp_path / "canary").exists()
    with pytest.raises(StepError, match="arrived damaged or cut"):
        list(decode(program, stream(said)))


@pytest.mark.parametrize(
    "content",
    ["", "one\n", "no end", "'\"$`\\\n\n-n %s\r\t", bytes(range(1, 256)), bytes(range(256)), "x" * 16384, "x" * 16385],
    ids=["empty", "line", "cut line", "odd", "bytes", "NUL", "small", "large"],
)
def test_what_was_sent_is_there_byte_by_byte(shell: list[str], tmp_path: Path, content: str | bytes) -> None:
    blob = Blob.of(content)
    program = steps('cp -- "$blobs/1" came', blobs=(Blob.of("before"), blob, Blob.of("behind")))
    assert [frame.rc for frame in frames(program, shell, tmp_path)] == [0]
    assert (tmp_path / "came").read_bytes() == blob.text


def test_text_takes_no_process_and_a_secret_never_stands_in_the_program(shell: list[str]) -> None:
    program = steps(":", blobs=(Blob.of("plain words"), Blob.of(Secret("hidden words"))))
    told = encode(program)
    assert "plain words" in told and "hidden words" not in told
    assert [line.split()[:2] for line in told.splitlines() if line.startswith("blob ")] == [["blob", "1"]]


def test_a_damaged_upload_runs_nothing_and_leaves_nothing(shell: list[str], tmp_path: Path) -> None:
    program = steps("touch canary", blobs=(Blob.of("content"),))
    said = answer(program, shell, tmp_path, given=b"".join(payload(program)).replace(b"content", b"contenT"))
    with pytest.raises(StepError, match="damaged"):
        list(decode(program, stream(said)))
    if not ROOT:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("was", "now"), [(b"first", b"firsT"), (b"last", b"")], ids=["damaged", "cut"])
def test_one_of_several_that_is_not_whole_lets_nothing_run(
    shell: list[str], tmp_path: Path, was: bytes, now: bytes
) -> None:
    program = steps("touch canary", blobs=(Blob.of("first"), Blob.of("second"), Blob.of(Secret("last"))))
    said = answer(program, shell, tmp_path, given=b"".join(payload(program)).replace(was, now))
    assert not (tmp_path / "canary").exists()
    with pytest.raises(StepError, match="arrived damaged or cut"):
        list(decode(program, stream(said)))


def test_uploads_arrive_whole_and_private_and_leave_with_the_program(shell: list[str], tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1_500_000))
    blob = Blob(None, big, big.stat().st_size, subprocess.check_output(["sha256sum", big], text=True).split()[0])
    small = Blob.of("naïve\n\n")
    look = 'stat -L -c %a "$blobs/0" "$blobs/1"; sha256sum <"$blobs/0"; cat "$blobs/1"; readlink -f "$blobs/0" "$blobs"'
    (frame,) = frames(steps(look, blobs=(blob, small)), shell, tmp_path)
    said = frame.out.splitlines()
    assert said[:3] == ["600", "600", f"{blob.sha256}  -"]
    assert said[3:5] == ["naïve", ""]
    assert not any(Path(place).exists() for place in said[5:])


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Blob]:
    """A file that is large enough to be sent in parts; nothing of it is left on this machine."""
    if not ROOT:
        pytest.skip("only root keeps uploads in places of its own")
    file = tmp_path / "large"
    file.write_bytes(os.urandom(1_500_000))
    blob = Blob(None, file, 1_500_000, hashlib.sha256(file.read_bytes()).hexdigest())
    yield blob
    part(blob).unlink(missing_ok=True)


def part(blob: Blob) -> Path:
    return Path("/var/lib/deployer") / f"part.{blob.sha256}"


def test_a_large_upload_that_was_cut_goes_on_where_it_ended(shell: list[str], tmp_path: Path, large: Blob) -> None:
    program = steps('sha256sum <"$blobs/0"', blobs=(large,))
    said = answer(program, shell, tmp_path, given=b"".join(payload(program))[:-400_000])
    with pytest.raises(StepError, match="cut"):
        list(decode(program, stream(said)))
    assert part(large).stat().st_size == 1_100_000
    assert part(large).stat().st_mode & 0o777 == 0o600
    rest = steps('sha256sum <"$blobs/0"', blobs=(replace(large, offset=1_000_000),))
    assert len(b"".join(payload(rest))) < 600_000
    (frame,) = frames(rest, shell, tmp_path)
    assert frame.out.split()[0] == large.sha256
    assert not part(large).exists()


def test_a_part_that_is_something_else_is_thrown_away(shell: list[str], tmp_path: Path, large: Blob) -> None:
    part(large).parent.mkdir(exist_ok=True)
    part(large).write_bytes(b"x" * 1_200_000)
    with pytest.raises(StepError, match="damaged"):
        frames(steps(":", blobs=(replace(large, offset=1_200_000),)), shell, tmp_path)
    assert not part(large).exists()
    part(large).write_bytes(b"x" * 1000)
    with pytest.raises(StepError, match="become shorter: start the run again"):
        frames(steps(":", blobs=(replace(large, offset=1_200_000),)), shell, tmp_path)


def test_a_killed_run_is_swept_by_the_next(shell: list[str], tmp_path: Path) -> None:
    if not ROOT:
        pytest.skip("only root keeps uploads in places of its own")
    left = Path("/run/deployer/run.999999999.abcdefgh")
    left.mkdir(parents=True, mode=0o700)
    frames(steps(":", blobs=(Blob.of("x"),)), shell, tmp_path)
    assert not left.exists()


def test_a_secret_is_in_the_upload_and_nowhere_in_the_program(shell: list[str], tmp_path: Path) -> None:
    program = steps('cat "$blobs/0"', blobs=(Blob.of(Secret("canary-7261")),))
    assert "canary-7261" not in encode(program)
    assert "canary-7261" not in repr(program)
    assert frames(program, shell, tmp_path)[0].out == "canary-7261"


def test_who_is_not_root_waits_for_nothing_that_others_have_put_there(shell: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "holder")
    program = steps("echo done", blobs=(Blob.of("x"),))
    given = b"".join(payload(program)).replace(b"own_uid=$effective", b"own_uid=1000      ")
    said = answer(program, ["timeout", "30", *shell], tmp_path, given=given)
    assert [frame.out for frame in decode(program, stream(said))] == ["done"]
    assert [file.name for file in tmp_path.iterdir()] == ["holder"], "it came to its end, and took its blobs with it"

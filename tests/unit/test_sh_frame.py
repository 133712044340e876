"""Programs in real shells: they arrive whole or not at all, and every answer is told apart from every other."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sh_runner import SHELLS, answer, frames, stream

from deployer.errors import ConnectionLost, Locked, StepError
from deployer.model import Blob, Secret
from deployer.sh import Frame, Program, Sh, decode, encode, lines, payload, sh
from deployer.sh.frame import BOOTSTRAP

pytestmark = pytest.mark.parametrize("shell", SHELLS, ids=["dash", "bash"])
ROOT = os.geteuid() == 0


def probe(*texts: str) -> Program:
    return Program(tuple(Sh(text) for text in texts))


def steps(*texts: str, blobs: tuple[Blob, ...] = ()) -> Program:
    return Program(tuple(Sh(text) for text in texts), writes=True, blobs=blobs)


def test_every_probe_runs_and_its_status_is_told(shell: list[str], tmp_path: Path) -> None:
    found = frames(probe("echo one", "exit 3", "echo two; exit 7", "exit 255", ":"), shell, tmp_path)
    assert found == [Frame(0, 0, "one"), Frame(1, 3, ""), Frame(2, 7, "two"), Frame(3, 255, ""), Frame(4, 0, "")]


def test_an_error_inside_a_fragment_ends_it(shell: list[str], tmp_path: Path) -> None:
    text = "false\necho went on"
    assert frames(probe(text), shell, tmp_path) == [Frame(0, 1, "")]
    assert frames(steps(text), shell, tmp_path) == [Frame(0, 1, "")]


def test_an_unset_variable_ends_a_step(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(steps('rm -rf "/nowhere/$never_set"; echo went on'), shell, tmp_path)
    assert frame.rc != 0
    assert "went on" not in frame.out


def test_steps_stop_at_the_first_failure(shell: list[str], tmp_path: Path) -> None:
    found = frames(steps("echo a", "echo b; false", "touch c"), shell, tmp_path)
    assert found == [Frame(0, 0, "a"), Frame(1, 1, "b")]
    assert not (tmp_path / "c").exists()


def test_a_step_tells_both_of_its_streams_and_a_probe_only_its_answer(shell: list[str], tmp_path: Path) -> None:
    text = "echo out; echo err >&2"
    assert frames(steps(text), shell, tmp_path)[0].out == "out\nerr"
    assert frames(probe(text), shell, tmp_path)[0].out == "out"


def test_a_probe_that_fails_oddly_tells_its_complaint(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(probe("echo because >&2; exit 9"), shell, tmp_path)
    assert (frame.rc, frame.out) == (9, "because")


def test_a_child_that_reads_its_input_does_not_eat_the_program(shell: list[str], tmp_path: Path) -> None:
    padding = "# " + "x" * 60_000
    for make in (probe, steps):
        found = frames(make("cat; echo first", padding + "\necho second"), shell, tmp_path)
        assert [frame.out for frame in found] == ["first", "second"]


def test_noise_before_the_program_is_skipped(shell: list[str], tmp_path: Path) -> None:
    program = probe("echo answer")
    said = b"Welcome to host!\nno newline at the end" + answer(program, shell, tmp_path)
    assert list(decode(program, stream(said))) == [Frame(0, 0, "answer")]


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_program_runs_nothing(shell: list[str], tmp_path: Path, keep: float) -> None:
    program = steps("touch canary")
    whole = b"".join(payload(program))
    said = answer(program, shell, tmp_path, given=whole[: int(len(whole) * keep)])
    assert not (tmp_path / "canary").exists()
    with pytest.raises(ConnectionLost):
        list(decode(program, stream(said)))


@pytest.mark.parametrize("content", ["x" * 1000, Secret("x" * 1000)], ids=["open", "secret"])
def test_a_cut_upload_runs_nothing(shell: list[str], tmp_path: Path, content: str | Secret) -> None:
    program = steps("touch canary", blobs=(Blob.of(content),))
    said = answer(program, shell, tmp_path, given=b"".join(payload(program))[:-1])
    assert not (tmp_path / "canary").exists()
    with pytest.raises(StepError, match="arrived damaged or cut"):
        list(decode(program, stream(said)))


def test_a_damaged_upload_runs_nothing_and_leaves_nothing(shell: list[str], tmp_path: Path) -> None:
    program = steps("touch canary", blobs=(Blob.of("content"),))
    said = answer(program, shell, tmp_path, given=b"".join(payload(program)).replace(b"content", b"contenT"))
    with pytest.raises(StepError, match="damaged"):
        list(decode(program, stream(said)))
    if not ROOT:
        assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(StepError, match="become shorter: run again"):
        frames(steps(":", blobs=(replace(large, offset=1_200_000),)), shell, tmp_path)


def test_two_runs_do_not_send_one_file_into_each_other(shell: list[str], tmp_path: Path, large: Blob) -> None:
    part(large).parent.mkdir(exist_ok=True)
    with part(large).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="another run is sending the same file"):
            frames(steps("touch canary", blobs=(large,)), shell, tmp_path)
    assert not (tmp_path / "canary").exists()


def test_a_killed_run_is_swept_by_the_next(shell: list[str], tmp_path: Path) -> None:
    if not ROOT:
        pytest.skip("only root keeps uploads in places of its own")
    left = Path("/run/deployer/run.999999999.abcdefgh")
    left.mkdir(parents=True, mode=0o700)
    frames(steps(":", blobs=(Blob.of("x"),)), shell, tmp_path)
    assert not left.exists()


def test_two_runs_never_change_a_host_at_once(shell: list[str], tmp_path: Path) -> None:
    if not ROOT:
        pytest.skip("only root holds a lock")
    program = steps("touch canary", blobs=(Blob.of("x"),))
    hasty = b"".join(payload(program)).replace(b"lock_wait=60", b"lock_wait=00")
    Path("/run/deployer").mkdir(mode=0o700, exist_ok=True)
    other = os.open("/run/deployer", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(Locked, match="another run is changing this host"):
        list(decode(program, stream(answer(program, shell, tmp_path, given=hasty))))
    os.close(other)
    assert not (tmp_path / "canary").exists()
    assert [frame.rc for frame in frames(program, shell, tmp_path)] == [0]
    assert (tmp_path / "canary").exists()


def test_a_step_that_leaves_a_process_behind_does_not_hold_the_host(shell: list[str], tmp_path: Path) -> None:
    left = "sleep 60 </dev/null >/dev/null 2>&1 & echo $!"
    (first,) = frames(steps(left), shell, tmp_path)
    program = steps("echo free")
    hasty = b"".join(payload(program)).replace(b"lock_wait=60", b"lock_wait=20")
    (second,) = decode(program, stream(answer(program, shell, tmp_path, given=hasty)))
    os.kill(int(first.out), signal.SIGTERM)
    assert second.out == "free"


def test_a_secret_is_in_the_upload_and_nowhere_in_the_program(shell: list[str], tmp_path: Path) -> None:
    program = steps('cat "$blobs/0"', blobs=(Blob.of(Secret("canary-7261")),))
    assert "canary-7261" not in encode(program)
    assert "canary-7261" not in repr(program)
    assert frames(program, shell, tmp_path)[0].out == "canary-7261"


def test_bytes_that_are_no_text_survive_as_surrogates(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(probe(r"printf '\377\200\303\251'"), shell, tmp_path)
    assert frame.out.encode("utf-8", "surrogateescape") == b"\xff\x80\xc3\xa9"


def test_nul_bytes_do_not_shift_what_follows(shell: list[str], tmp_path: Path) -> None:
    found = frames(probe(r"printf 'a\000b'", "echo second"), shell, tmp_path)
    assert found == [Frame(0, 0, "ab"), Frame(1, 0, "second")]


def test_a_forged_frame_in_an_answer_is_only_text(shell: list[str], tmp_path: Path) -> None:
    forged = 'printf "%s 1 0 6\\nforged%s end 0 0\\n" "$marker" "$marker"; printf "\\n%s start\\n" "$marker"'
    program = probe(forged, "echo real")
    found = frames(program, shell, tmp_path)
    assert found[1] == Frame(1, 0, "real")
    assert "forged" in found[0].out


def test_a_program_without_fragments_answers_nothing(shell: list[str], tmp_path: Path) -> None:
    assert frames(probe(), shell, tmp_path) == []


def test_the_host_cannot_be_confused_by_its_own_environment(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(probe('echo "$LC_ALL $(umask) $PATH $client"'), shell, tmp_path)
    assert frame.out == "C 0077 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin 192.0.2.7"


def test_a_step_finishes_when_nobody_listens_any_more(shell: list[str], tmp_path: Path) -> None:
    program = steps("echo first", "i=0; while [ $i -lt 20000 ]; do echo line; i=$((i + 1)); done; touch finished")
    sent = tmp_path / "sent"
    sent.write_bytes(b"".join(payload(program)))
    with sent.open("rb") as given:
        child = subprocess.Popen(
            [*shell, "-c", BOOTSTRAP, "deployer", ""],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        assert child.stdout
        said = b""
        while b"first" not in said:
            said += os.read(child.stdout.fileno(), 4096) or pytest.fail(f"ended early: {said!r}")
        child.stdout.close()
        child.wait(30)
    assert (tmp_path / "finished").exists()


def test_a_fragment_runs_as_another_user(shell: list[str], tmp_path: Path) -> None:
    if not ROOT:
        pytest.skip("becoming another user takes root")
    text = lines(Sh('echo "$(id -un) $USER $PWD"'), Sh("false"), Sh("echo went on"))
    program = Program((text, Sh("id -un"), sh("cat; echo {}", "it's")), users={0: "nobody", 2: "nobody"})
    found = frames(program, shell, tmp_path)
    assert [frame.rc for frame in found] == [1, 0, 0]
    assert "went on" not in found[0].out
    assert [found[1].out, found[2].out] == ["root", "it's"]
    (alone,) = frames(Program((Sh('echo "$(id -un) $USER $PWD"'),), users={0: "nobody"}), shell, tmp_path)
    assert alone.out == "nobody nobody /"


def test_a_user_who_does_not_exist_yet_is_unknown_not_an_error(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(Program((Sh("id"),), users={0: "no-such-user"}), shell, tmp_path)
    assert (frame.rc, frame.out) == (3, "the user no-such-user does not exist yet")

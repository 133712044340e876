"""Programs on a host as it is: another run, a process left behind, another user, its own environment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import Interrupted, Locked
from deployer.model import Blob, Secret
from deployer.sh import LOGIN_USER, Program, Sh, decode, encode, lines, payload, sh
from deployer.sh.frame import BOOTSTRAP
from tests.unit.sh_runner import ROOT, answer, frames, in_every_shell, probe, steps, stream

pytestmark = in_every_shell


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


def test_a_step_that_is_listened_to_is_heard_while_it_runs_and_ends_when_nobody_listens_any_more(
    shell: list[str], tmp_path: Path
) -> None:
    heard: list[str] = []
    program = replace(steps("say 'one\n'; say ''; echo end; say two"), hear=heard.append)
    (frame,) = frames(program, shell, tmp_path)
    assert (heard, frame.out) == (["one\n", "", "two"], "end")

    def leave(text: str) -> None:
        raise Interrupted(text)

    with pytest.raises(Interrupted, match="one"):
        frames(replace(program, hear=leave), shell, tmp_path)


def test_the_host_cannot_be_confused_by_its_own_environment(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(probe('echo "$LC_ALL $(umask) $PATH ${connection%% *}"'), shell, tmp_path)
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


def test_what_runs_as_another_user_has_our_functions_and_the_files_it_is_given(
    shell: list[str], tmp_path: Path
) -> None:
    if not ROOT:
        pytest.skip("becoming another user takes root")
    text = Sh('set -- "$blobs/1"; emit who "$own_uid"; cat "$1"; stat -c %U:%a "$blobs" "$1"; sum_of "$1"; echo "$sum"')
    secret, other = Blob.of(Secret("hush\n", "it")), Blob.of("x" * 2_000_000)
    program = Program(
        (text, Sh('echo "${SUDO_USER-none}"')), blobs=(other, secret), users={0: "nobody"}, given={0: [1]}
    )
    assert "hush" not in encode(program)
    first, second = frames(program, shell, tmp_path)
    owned = f"who={pwd.getpwnam('nobody').pw_uid}\x1ehush\nnobody:700\nnobody:600\n"
    assert first.out == owned + hashlib.sha256(b"hush\n").hexdigest()
    assert (first.rc, second.out) == (0, "none")


def test_a_user_who_stops_his_own_processes_holds_no_host(shell: list[str], tmp_path: Path) -> None:
    if not ROOT:
        pytest.skip("becoming another user takes root")
    stopping = Program((Sh("kill -STOP 0; echo went on"),), writes=True, users={0: "nobody"}, bounds={0: 1})
    (frame,) = frames(stopping, shell, tmp_path)
    assert frame.rc in (124, 137)
    assert frame.out.endswith("it did not end in 1 s, its deadline, and was killed")
    assert frames(steps("echo free"), shell, tmp_path)[0].out == "free"


def test_root_that_logs_in_lacks_nothing_that_the_program_has(shell: list[str], tmp_path: Path) -> None:
    """Steps of modules that only root has write into the program's own directory without a file being handed over."""
    if not ROOT:
        pytest.skip("only root is root")
    step = Sh('echo x >"$blobs/own"; doing own it; echo "$HOME"; false; echo "went on"')
    (frame,) = frames(Program((step,), writes=True, users={0: LOGIN_USER}), shell, tmp_path)
    assert (frame.rc, frame.out) == (1, str(tmp_path))


def test_sudo_alone_knows_who_logs_in_where_nobody_says_it(shell: list[str], tmp_path: Path) -> None:
    if not ROOT:
        pytest.skip("becoming another user takes root")
    asked = Program((Sh('echo "$(id -un) ${SUDO_USER-none}"'), Sh('echo "$SUDO_USER"')), users={0: LOGIN_USER})
    for told, said in (("nobody", "nobody none"), ("", "root ")):
        found = frames(asked, ["env", f"SUDO_USER={told}", *shell], tmp_path)
        assert [frame.out for frame in found] == [said, told]


def test_a_user_who_does_not_exist_yet_is_unknown_not_an_error(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(Program((Sh("id"),), users={0: "no-such-user"}), shell, tmp_path)
    assert (frame.rc, frame.out) == (3, "the user no-such-user does not exist yet")

"""SSH against a real sshd: login shells, sessions and streams, and what is left of them."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployer.errors import AuthError
from deployer.model import Blob
from deployer.sh import Program, payload, sh
from deployer.transport import paramiko
from deployer.transport.base import Transport
from deployer.transport.paramiko import SshTransport
from tests.transport.ssh_kit import Reach, Start, answer
from tests.transport.sshd import wait_for


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh"])
def test_every_login_shell_starts_the_same_program(start_sshd: Start, reach: Reach, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    server = start_sshd(f'ForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"')
    (frame,) = reach(server).run(Program((sh('echo "${{connection%% *}}"'),)), timeout=20)
    assert frame.out == "127.0.0.1"


def test_a_talkative_login_shell_is_no_answer(start_sshd: Start, reach: Reach) -> None:
    noise = "head -c 3000000 /dev/zero >&2; echo Welcome; printf 'no newline'"
    server = start_sshd(f'ForceCommand {noise}; eval "$SSH_ORIGINAL_COMMAND"')
    assert answer(reach(server)) == "hello"


def test_a_user_without_a_shell_is_refused_in_the_hosts_own_words(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd("ForceCommand echo This account is currently not available.; exit 1")
    with pytest.raises(AuthError, match="currently not available"):
        answer(reach(server))


@pytest.mark.parametrize("stream", [1, 2])
def test_a_login_that_sends_back_what_it_was_sent_has_none_of_that_shown(
    start_sshd: Start, reach: Reach, stream: int
) -> None:
    program = Program((sh("true"),), writes=True, blobs=(Blob.of("a secret of the fleet"),))
    text = "".join(chunk.decode() for chunk in payload(program, watched=True))
    with pytest.raises(AuthError, match="the host sends back what it was sent: do the start-up files") as caught:
        list(reach(start_sshd(f"ForceCommand head -c {len(text)} >&{stream}; exit 3")).run(program, timeout=20))
    assert not [line for line in text.splitlines() if len(line) > 12 and line in str(caught.value)]


def test_of_all_that_a_login_says_the_last_lines_are_shown(start_sshd: Start, reach: Reach) -> None:
    with pytest.raises(AuthError) as caught:
        answer(reach(start_sshd("ForceCommand seq 100 >&2; exit 3")))
    assert caught.value.hint.split("the host says:")[1].split() == ["…", *map(str, range(93, 101))]


def test_one_session_at_a_time_is_enough_and_streams_do_not_count(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd("MaxSessions 1")
    transport = reach(server)
    frames = transport.run(Program((sh("echo one"), sh("sleep 0.2; echo two"))), timeout=20)
    assert next(frames).out == "one"
    stream = transport.connect("127.0.0.1", server.port, timeout=20)
    assert stream.recv(4) == b"SSH-"
    assert [frame.out for frame in frames] == ["two"]
    for _ in range(5):
        assert answer(transport) == "hello"
    stream.close()


def test_who_shares_one_session_waits_until_the_program_in_it_has_ended(
    start_sshd: Start, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a host tries its ways to a hundred places that give no answer, and its nodes are asked meanwhile."""
    monkeypatch.setattr(paramiko, "_SESSION_PATIENCE", 0.0)
    transport = reach(start_sshd("MaxSessions 1"))
    assert isinstance(transport, SshTransport)
    waits = sh("touch {0}/in; until [ -e {0}/go ]; do sleep 0.05; done; echo first", tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: [frame.out for frame in transport.run(Program((waits,)), timeout=60)])
        wait_for((tmp_path / "in").exists)
        client, asked = transport._link.client, list[str]()
        ask = client.ask_channel
        monkeypatch.setattr(client, "ask_channel", lambda kind: asked.append(kind) or ask(kind))
        second = pool.submit(answer, transport)
        wait_for(lambda: second.done() or len(asked) > 1)  # it was refused once
        monkeypatch.setattr(paramiko, "_SESSION_PATIENCE", 30.0)
        (tmp_path / "go").touch()
        assert (first.result(), second.result()) == (["first"], "hello")


def change(transport: Transport) -> None:
    assert [frame.out for frame in transport.run(Program((sh("echo done"),), writes=True), timeout=60)] == ["done"]


def test_what_follows_a_change_finds_its_session_open(start_sshd: Start, reach: Reach) -> None:
    transport = reach(start_sshd())
    assert isinstance(transport, SshTransport)
    assert answer(transport) == "hello"
    assert transport._link.client.early is None, "a look alone asks for no more than it needs"
    change(transport)
    early = transport._link.client.early
    assert early
    assert early.answered.wait(60)
    assert answer(transport) == "hello"
    assert early.channel in transport._ended, "that is the session it ran in"
    assert transport._link.client.early not in (None, early)


def test_a_session_that_was_closed_while_it_waited_is_asked_for_anew(start_sshd: Start, reach: Reach) -> None:
    transport = reach(start_sshd())
    assert isinstance(transport, SshTransport)
    change(transport)
    early = transport._link.client.early
    assert early
    assert early.answered.wait(60)
    early.channel.close()  # as sshd does after ChannelTimeout
    assert answer(transport) == "hello"


def test_changes_follow_each_other_where_sshd_gives_one_session(start_sshd: Start, reach: Reach) -> None:
    transport = reach(start_sshd("MaxSessions 1"))
    for _ in range(3):
        change(transport)
        assert answer(transport) == "hello"


def test_sftp_is_not_needed_and_no_secret_is_in_argv(start_sshd: Start, reach: Reach) -> None:
    transport = reach(start_sshd())
    secret = "canary-5f1c"
    show = sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    program = Program((show,), writes=True, blobs=(Blob.of(secret),))
    (frame,) = transport.run(program, timeout=20)
    assert secret not in frame.out
    assert program.marker not in frame.out


def test_nothing_of_a_closed_transport_is_left(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    before = set(Path("/proc/self/fd").iterdir())
    transport = reach(server)
    answer(transport)
    transport.close()
    wait_for(lambda: not server.sessions())
    assert set(Path("/proc/self/fd").iterdir()) <= before
    assert not [thread for thread in threading.enumerate() if isinstance(thread, _client_class())]


def _client_class() -> type:
    from deployer.transport.wire import Client

    return Client

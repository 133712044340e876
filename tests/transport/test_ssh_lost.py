"""SSH against a real sshd that freezes or dies while it is talked to."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from deployer.errors import ConnectionLost
from deployer.model import Blob
from deployer.sh import Program, sh
from tests.transport.ssh_kit import Reach, Start, answer, notices_soon
from tests.transport.sshd import wait_for


def test_a_frozen_host_is_found_by_the_keepalive(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd()
    transport = reach(server)
    forever = sh("until [ -e {} ]; do sleep 0.1; done", tmp_path / "go")
    frames = transport.run(Program((sh("true"), forever)), timeout=600)
    next(frames)
    server.signal_sessions(signal.SIGSTOP)
    notices_soon(transport)
    with pytest.raises(ConnectionLost):
        next(frames)
    (tmp_path / "go").touch()


def test_a_host_that_freezes_in_mid_upload_is_found_too(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd()
    transport = reach(server)
    answer(transport)
    server.signal_sessions(signal.SIGSTOP)
    notices_soon(transport)
    program = Program((sh("true"),), writes=True, blobs=(Blob.of(b"x" * 8_000_000),))
    with pytest.raises(ConnectionLost):
        list(transport.run(program, timeout=600))


def test_a_connection_that_was_killed_is_made_anew(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    transport = reach(server)
    answer(transport)
    server.signal_sessions(signal.SIGKILL)
    with pytest.raises(ConnectionLost):
        answer(transport)
    transport.reopen()
    assert answer(transport) == "hello"


def test_a_quiet_host_that_answers_the_keepalive_is_not_lost(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd("LogLevel DEBUG3")
    transport = reach(server, server.options(keepalive=1))
    waiting = sh("until [ -e {} ]; do sleep 0.1; done; echo done", tmp_path / "go")
    frames = transport.run(Program((sh("true"), waiting)), timeout=600)
    next(frames)
    wait_for(lambda: server.log.count("keepalive@openssh.com") >= 8)
    (tmp_path / "go").touch()
    assert next(frames).out == "done"


def test_a_step_finishes_when_its_connection_is_killed(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd()
    began, go, done = (tmp_path / name for name in ("began", "go", "done"))
    step = sh("echo noise; touch {}; until [ -e {} ]; do sleep 0.05; done; echo more; touch {}", began, go, done)
    frames = reach(server).run(Program((sh("true"), step), writes=True), timeout=600)
    next(frames)
    wait_for(began.exists)
    server.signal_sessions(signal.SIGKILL)
    with pytest.raises(ConnectionLost):
        next(frames)
    go.touch()
    wait_for(done.exists)


def test_a_dead_connection_stays_dead_and_says_so(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    transport = reach(server)
    server.signal_sessions(signal.SIGKILL)
    with pytest.raises(ConnectionLost):
        answer(transport)
    with pytest.raises(ConnectionLost):
        answer(transport)
    with pytest.raises(ConnectionLost):
        transport.connect("127.0.0.1", server.port, timeout=5)

"""What every transport promises; each test runs over all of them."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.errors import ConnectionLost, ProbeError, StepError
from deployer.model import Blob, Connection, Secret
from deployer.sh import Frame, Program, sh
from deployer.transport import Transport, open_transport
from deployer.transport.wrappers import RoundTrips
from tests.recorded import RecordedTransport, Recorder
from tests.transport.ssh_kit import silent_stream
from tests.transport.sshd import Sshd, wait_for


@pytest.fixture(params=["ssh", "local", "traced", "recorder"])
def transport(request: pytest.FixtureRequest, sshd: Sshd) -> Iterator[Transport]:
    connection = sshd.connection() if request.param == "ssh" else Connection("127.0.0.1", local=True)
    opened = open_transport("web1", connection, sshd.options())
    yield {"traced": RoundTrips, "recorder": Recorder}.get(request.param, lambda inner: inner)(opened)
    opened.close()


def test_answers_come_in_order_with_their_status(transport: Transport) -> None:
    program = Program((sh("echo one"), sh("exit 3"), sh("printf two; exit 7"), sh("true")))
    frames = list(transport.run(program, timeout=20))
    assert [(f.index, f.rc, f.out) for f in frames] == [(0, 0, "one"), (1, 3, ""), (2, 7, "two"), (3, 0, "")]


def test_a_program_without_fragments_has_no_answers(transport: Transport) -> None:
    assert list(transport.run(Program(()), timeout=20)) == []


def test_several_programs_run_one_after_the_other(transport: Transport) -> None:
    for number in range(3):
        (frame,) = transport.run(Program((sh("echo {}", number),)), timeout=20)
        assert frame.out == str(number)


def test_an_answer_is_yielded_before_the_next_is_known(transport: Transport, tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiting = sh("until [ -e {} ]; do sleep 0.05; done; echo second", go)
    frames = transport.run(Program((sh("echo first"), waiting)), timeout=20)
    assert next(frames).out == "first"
    go.touch()
    assert next(frames).out == "second"
    assert list(frames) == []


def test_large_output_on_both_streams_does_not_block(transport: Transport) -> None:
    loud = sh("head -c 5000000 /dev/zero >/proc/$$/fd/2; head -c 5000000 /dev/zero | tr '\\0' x")
    (frame,) = transport.run(Program((loud,)), timeout=30)
    assert (frame.rc, len(frame.out), frame.out[-3:]) == (0, 5_000_000, "xxx")


def test_a_large_blob_and_a_secret_one_arrive_whole(transport: Transport, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_000
    (tmp_path / "blob").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    blobs = (Blob(None, tmp_path / "blob", len(content), digest), Blob.of(Secret("päss\n'word", "test")))
    program = Program((sh('sha256sum <"$blobs/0"'), sh('cat "$blobs/1"')), writes=True, blobs=blobs)
    first, second = transport.run(program, timeout=30)
    assert first.out.split()[0] == digest
    assert second.out == "päss\n'word"


def test_a_blob_that_shrank_meanwhile_runs_nothing(transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"short")
    blob = Blob(None, tmp_path / "blob", 3_000_000, "0" * 64)
    program = Program((sh("touch {}", tmp_path / "ran"),), writes=True, blobs=(blob,))
    with pytest.raises(StepError, match="upload"):
        list(transport.run(program, timeout=20))
    assert not (tmp_path / "ran").exists()


def test_steps_stop_at_the_first_failure(transport: Transport) -> None:
    frames = list(transport.run(Program((sh("echo a"), sh("echo b; false"), sh("echo c")), writes=True), timeout=20))
    assert frames == [Frame(0, 0, "a"), Frame(1, 1, "b")]


def test_a_fragment_cannot_read_the_program(transport: Transport) -> None:
    first, second = transport.run(Program((sh("cat; echo end"), sh("echo still here"))), timeout=20)
    assert (first.out, second.out) == ("end", "still here")


def test_silence_ends_the_wait(transport: Transport, tmp_path: Path) -> None:
    forever = sh("until [ -e {} ]; do sleep 0.1; done", tmp_path / "go")
    with pytest.raises(ConnectionLost, match="no byte"):
        list(transport.run(Program((forever,)), timeout=1.5))
    (tmp_path / "go").touch()


def test_a_program_that_dies_is_told_from_a_broken_connection(transport: Transport) -> None:
    with pytest.raises(ProbeError, match="status"):
        list(transport.run(Program((sh("kill -9 $$"), sh("true"))), timeout=20))


def test_a_connection_that_is_made_anew_goes_on_as_before(transport: Transport) -> None:
    before = transport.host_key
    transport.reopen()
    (frame,) = transport.run(Program((sh("echo here"),)), timeout=20)
    assert (frame.out, transport.host_key) == ("here", before)


def test_bytes_that_are_no_text_survive(transport: Transport) -> None:
    (frame,) = transport.run(Program((sh("printf '\\377\\200a'"),)), timeout=20)
    assert frame.out.encode("utf-8", "surrogateescape") == b"\xff\x80a"


def test_a_stream_carries_bytes_both_ways_and_ends(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        echo = threading.Thread(target=_upper, args=(server,))
        echo.start()
        stream = transport.connect("127.0.0.1", server.getsockname()[1], timeout=20)
        stream.send(b"hello")
        assert stream.recv(100) == b"HELLO"
        assert stream.recv(100) == b""
        stream.close()
        stream.close()
        echo.join()


def test_a_stream_that_says_nothing_has_a_deadline(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = silent_stream(transport, server.getsockname()[1], 0.3)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        stream.close()


def test_a_port_nobody_listens_on_is_refused(transport: Transport) -> None:
    with pytest.raises(ConnectionRefusedError):
        transport.connect("127.0.0.1", 1, timeout=20)


def test_an_abandoned_program_leaves_the_transport_usable(transport: Transport) -> None:
    frames = transport.run(Program((sh("echo one"), sh("sleep 0.2; echo two"))), timeout=20)
    assert next(frames).out == "one"
    frames.close()  # type: ignore[attr-defined]
    assert next(transport.run(Program((sh("echo again"),)), timeout=20)).out == "again"


def test_a_step_outlives_the_reader(transport: Transport, tmp_path: Path) -> None:
    slow = sh("touch {}; until [ -e {} ]; do sleep 0.05; done; echo said; touch {}", *(tmp_path / n for n in "abc"))
    frames = transport.run(Program((sh("true"), slow), writes=True), timeout=20)
    next(frames)
    wait_for((tmp_path / "a").exists)
    frames.close()  # type: ignore[attr-defined]
    (tmp_path / "b").touch()
    wait_for((tmp_path / "c").exists)


def test_closing_twice_is_harmless(transport: Transport) -> None:
    transport.close()
    transport.close()


def test_a_host_has_a_key_to_be_recognised_by(transport: Transport) -> None:
    assert transport.host_key == "local" or transport.host_key.startswith("SHA256:")


def test_what_was_recorded_can_be_played_back(sshd: Sshd) -> None:
    program = Program((sh("echo hi"), sh("exit 3")))
    recorder = Recorder(open_transport("web1", Connection("127.0.0.1", local=True), sshd.options()))
    real = list(recorder.run(program, timeout=20))
    assert list(RecordedTransport("web1", recorder.answers).run(program, timeout=20)) == real


def _upper(server: socket.socket) -> None:
    peer, _ = server.accept()
    with peer:
        peer.sendall(peer.recv(100).upper())

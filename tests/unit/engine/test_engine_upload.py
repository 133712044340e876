"""A large file is sent ahead of its program; when that is cut it goes on where it ended, three times and no more."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.walk.upload import PAUSES, large, send
from deployer.errors import AuthError, ConnectionLost, DeployerError, Locked, StepError, Unreachable
from deployer.model import Blob
from deployer.sh import Frame
from tests.recorded import RecordedTransport
from tests.unit.engine.engine_kit import Events

CUT = ConnectionLost("the connection broke", where="web1")
DONE = [Frame(0, 0, "")]


def have(count: int) -> list[Frame | Exception]:
    return [Frame(0, 0, f"{count}\n")]


@pytest.fixture
def blob(tmp_path: Path) -> Blob:
    content = b"x" * 3_000_000
    (tmp_path / "blob").write_bytes(content)
    return Blob(None, tmp_path / "blob", len(content), hashlib.sha256(content).hexdigest())


def offsets(host: RecordedTransport) -> list[int]:
    return [program.blobs[0].offset for program in host.programs if program.blobs]


def test_an_upload_that_is_cut_goes_on_where_it_ended(blob: Blob) -> None:
    host = RecordedTransport("web1", [[CUT], have(1_000_000), [CUT], have(2_500_000), DONE])
    slept: list[float] = []
    send(host, blob, Events(), slept.append)
    assert offsets(host) == [0, 1_000_000, 2_500_000]
    assert (slept, host.reopened) == ([1.0, 3.0], 2)


@pytest.mark.parametrize("said", ["", "9000000\n", "nonsense"])
def test_what_the_host_says_it_has_is_never_more_than_there_is(blob: Blob, said: str) -> None:
    host = RecordedTransport("web1", [[CUT], [Frame(0, 0, said)], DONE])
    send(host, blob, Events(), lambda _: None)
    assert offsets(host) == [0, blob.size if said.startswith("9") else 0]


def test_it_is_tried_three_times_more_and_then_told(blob: Blob) -> None:
    host = RecordedTransport("web1", [[CUT], have(1), [CUT], [Unreachable("no road")], have(2), [CUT]])
    slept: list[float] = []
    with pytest.raises(ConnectionLost, match="in 4 tries: the connection broke") as raised:
        send(host, blob, Events(), slept.append)
    assert tuple(slept) == PAUSES
    assert "the host keeps the uploaded part" in raised.value.hint


def test_a_host_that_does_not_answer_at_all_is_told_within_the_time_of_a_dead_peer(blob: Blob) -> None:
    now = [28.0]  # the keepalive's own time

    class Gone(RecordedTransport):
        def reopen(self) -> None:
            now[0] += 10
            raise Unreachable("did not answer within 10 s")

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(ConnectionLost, match=r"2 tries: did not answer within 10 s"):
        send(Gone("web1", [[CUT]]), blob, Events(), sleep, lambda: now[0])
    assert now[0] < 45


@pytest.mark.parametrize("error", [StepError("no room"), Locked("another run"), AuthError("sudo refused")])
def test_what_another_try_would_not_mend_is_told_at_once(blob: Blob, error: DeployerError) -> None:
    host = RecordedTransport("web1", [[error]])
    with pytest.raises(type(error)):
        send(host, blob, Events(), lambda _: None)
    assert host.reopened == 0


def test_who_is_not_let_in_any_more_is_not_tried_again(blob: Blob) -> None:
    host = RecordedTransport("web1", [[CUT], [AuthError("sudo refused")], have(1), DONE])
    with pytest.raises(AuthError, match="sudo refused"):
        send(host, blob, Events(), lambda _: None)
    assert host.reopened == 1


def test_a_host_that_has_not_noticed_the_cut_is_waited_for(blob: Blob) -> None:
    host = RecordedTransport("web1", [[CUT], have(1), [Locked("another run is sending it")], have(1), DONE])
    send(host, blob, Events(), lambda _: None)
    assert host.reopened == 2


def test_only_large_files_go_ahead_and_each_once(blob: Blob) -> None:
    small, text = replace(blob, size=1000), Blob.of(b"y" * 2_000_000)
    assert large([blob, small, text, blob]) == [blob]

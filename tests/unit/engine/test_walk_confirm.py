"""What could cut off the next login: a new connection confirms it, or the host goes back and that is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from deployer.engine.walk.confirm import CONFIRM_GRACE, KEEP, UNDO, confirm
from deployer.errors import AuthError, ConnectionLost, HostError, Reverted, StepError, Unreachable
from deployer.sh import Frame, Program, encode
from tests.recorded import RecordedTransport
from tests.unit.engine.ladder_kit import Clock
from tests.unit.sh_clean import complaints

DENIED = AuthError("root may not log in")
CUT = Unreachable("10.0.0.1:22 did not answer within 10 s", hint="is it up?")
GONE = ConnectionLost("the connection to the host is gone")


class Host(RecordedTransport):
    """A host whose second connection is another script, or cannot be made."""

    def __init__(self, new: HostError | list[Any], old: Iterable[list[Any]] = ()) -> None:
        super().__init__("web1", old)
        self.logins = 0
        self.way: HostError | None = None
        self.shut: HostError | None = None
        self.new = new if isinstance(new, HostError) else RecordedTransport("web1", [new])

    def another(self) -> RecordedTransport:
        """Log in anew, or not."""
        self.logins += 1
        if isinstance(self.new, HostError):
            raise self.new
        return self.new

    def prove_ways(self) -> None:
        """Log in by the other ways, or not."""
        if self.way:
            raise self.way

    def reopen(self) -> None:
        """Count, or be denied."""
        super().reopen()
        if self.shut:
            raise self.shut


def told(host: Host) -> tuple[Clock, Exception | None]:
    clock = Clock()
    try:
        confirm(host, 60, become=True, clock=clock, sleep=clock.sleep)
    except (StepError, HostError) as error:
        return clock, error
    return clock, None


def test_it_is_made_permanent_over_the_new_connection_alone() -> None:
    host = Host([Frame(0, 0, "")])
    assert told(host)[1] is None
    assert isinstance(host.new, RecordedTransport)
    assert [program.fragments for program in host.new.programs] == [(KEEP,)]
    assert host.new.closed
    assert host.logins == 2, "one alone may come from a port that the host takes for an old connection's"
    assert host.programs == []


def test_where_nobody_can_log_in_the_host_goes_back_at_once_over_the_old_connection() -> None:
    host = Host(CUT, [[Frame(0, 0, "")]])
    clock, error = told(host)
    assert isinstance(error, Reverted)
    assert (error.exit_code, error.hint) == (6, "is it up?")
    assert host.logins == 1, "who is denied tries no more"
    assert "cut off the next login, so the host has gone back: 10.0.0.1:22 did not answer" in error.message
    assert [program.fragments for program in host.programs] == [(UNDO,)]
    assert clock.slept == []


def test_where_the_old_connection_is_gone_too_it_is_waited_for_and_reached_again() -> None:
    host = Host(CUT, [[GONE], [GONE], [Frame(0, 0, "")]])
    clock, error = told(host)
    assert isinstance(error, Reverted)
    assert (host.reopened, len(clock.slept)) == (2, 2)


def test_a_host_that_does_not_come_back_is_unreachable() -> None:
    host = Host(CUT, [[GONE]] * 100)
    clock, error = told(host)
    assert isinstance(error, Unreachable)
    assert "journalctl -t deployer" in error.hint
    assert 60 + CONFIRM_GRACE - 1 <= len(clock.slept) <= 60 + CONFIRM_GRACE + 1


def test_a_further_way_that_is_shut_takes_it_back_though_the_first_is_open() -> None:
    host = Host([Frame(0, 0, "")], [[Frame(0, 0, "")]])
    host.way = Unreachable("by 10.9.0.1:22 (confirm_over): 10.9.0.1:22 did not answer within 10 s")
    error = told(host)[1]
    assert isinstance(error, Reverted)
    assert "the host has gone back: by 10.9.0.1:22 (confirm_over)" in error.message
    assert [program.fragments for program in host.programs] == [(UNDO,)]


def test_logins_that_are_denied_are_not_tried_faster_than_their_penalty_fades() -> None:
    host = Host(CUT, [[GONE]] * 100)
    host.shut = DENIED
    clock, error = told(host)
    assert isinstance(error, Unreachable)
    assert host.reopened <= (60 + CONFIRM_GRACE) / 5
    assert sum(clock.slept) / host.reopened >= 5


def test_an_undo_that_fails_is_not_taken_for_one() -> None:
    host = Host(CUT, [[Frame(0, 1, "no nft")]] * 100)
    assert isinstance(told(host)[1], Unreachable)


def test_a_confirmation_that_comes_too_late_is_told_as_what_it_is() -> None:
    error = told(Host([Frame(0, 6, "it was not confirmed in time, and has gone back\n")]))[1]
    assert isinstance(error, Reverted)
    assert error.message == "it was not confirmed in time, and has gone back"


def test_a_login_that_breaks_while_it_confirms_is_no_proof() -> None:
    assert isinstance(told(Host([GONE], [[Frame(0, 0, "")]]))[1], Reverted)


def test_what_cannot_be_made_permanent_is_a_failed_step() -> None:
    error = told(Host([Frame(0, 1, "no room")]))[1]
    assert type(error) is StepError
    assert "making it permanent failed: no room" in error.message
    assert "at the host's next restart" in (error.hint or "")


@pytest.mark.slow
def test_what_the_host_is_asked_is_clean_sh() -> None:
    for text in (KEEP, UNDO):
        assert complaints(encode(Program((text,), writes=True)), "SC2317") == ""

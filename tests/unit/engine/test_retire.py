"""Who cannot be reached cannot be retired; who is gone for good can be, and the way is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer.engine.host_run import Context
from deployer.engine.retire import Retirement
from deployer.errors import AuthError, ConnectionLost, DeployerError, HostKeyChanged, Unreachable
from deployer.events import Event, HostEnded
from deployer.model import Host
from deployer.transport import Transport
from tests.unit.project_files import Project


@pytest.mark.parametrize(
    ("problem", "pause", "told"),
    [
        (Unreachable("no answer", hint="is it on?"), False, True),
        (ConnectionLost("silent"), False, True),
        (Unreachable("no answer"), True, False),
        (AuthError("no such user"), False, False),
        (HostKeyChanged("another key"), False, False),
    ],
)
def test_only_of_a_host_that_does_not_answer_is_it_said_how_one_that_is_gone_is_retired(
    project: Project, problem: DeployerError, pause: bool, told: bool
) -> None:
    def unreached(_: Host) -> Transport:
        raise problem

    project.tasks("- command: x")
    events: list[Event] = []
    resolver, leaving = project.resolver(), {"a": frozenset({"shop@a"})}
    with ThreadPoolExecutor(1) as pool:
        context = Context(unreached, pool, events.append)
        going = Retirement(context, resolver, [project.resolve().host], leaving, check=False, purge=False, pause=pause)
        assert going.stop() == going.end() == problem.exit_code
    (ended,) = (event for event in events if isinstance(event, HostEnded))
    assert ("\n  a host that is gone for good is retired with --lost" in ended.problem) == told

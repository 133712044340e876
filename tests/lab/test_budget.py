"""What a run may cost where nothing is to do: counted, never timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from delaying import SlowRoad
from fleet import Fleet, fleet_of

TRIPS = {"plan": 6, "deploy": 9, "verify": 9}
"""Round trips: TCP, versions and algorithms, keys, login and session, the command, the program. The ladder has three
more for all that it asks: a way to a port, its first answer, its last."""


@pytest.fixture(scope="module")
def two(lab_of, demo_release, tmp_path_factory) -> Fleet:
    """Two hosts on which nothing is left to do."""
    fleet = fleet_of(tmp_path_factory.mktemp("fleet"), lab_of("default", "default").hosts, demo_release("0.1.0"))
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    return fleet


@contextmanager
def slow_roads(fleet: Fleet) -> Iterator[dict[str, SlowRoad]]:
    """A slow road to each host, which the person's ssh configuration leads over."""
    roads = {host.name: SlowRoad(host) for host in fleet.hosts}
    config = fleet.directory / ".ssh" / "config"
    config.parent.mkdir(mode=0o700, exist_ok=True)
    config.write_text("\n".join(road.ssh_config for road in roads.values()))
    try:
        yield roads
    finally:
        config.unlink()
        for road in roads.values():
            road.close()


@pytest.mark.parametrize("command", TRIPS)
def test_a_look_goes_there_and_back_only_as_often_as_it_must(two: Fleet, command: str) -> None:
    with slow_roads(two) as roads:
        ran = two.run(command)
    assert (ran.code, ran.of("StepDone")) == (0, []), ran.out + ran.err
    trips = {name: road.trips for name, road in roads.items()}
    assert set(trips.values()) <= {*range(4, TRIPS[command] + 1)}, "\n".join(road.trace for road in roads.values())

"""One call of verify on hosts that answer from a script, with the test's own clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.beam.names import NodeName
from deployer.engine.ladder.readings import UnitReading
from deployer.engine.ladder.rung import RungResult
from deployer.engine.ladder.target import Target
from deployer.engine.ladder.verify import PATIENCE, LadderSession, Standing, verify
from deployer.errors import DeployerError
from deployer.fleet import Member
from deployer.fleet.words import Health
from tests.unit.engine.engine_kit import Events
from tests.unit.engine.ladder_kit import HTTP_OK, Clock, Inline, LadderHost, Says, epmd_says, target

HEALTH = Health(http="http://127.0.0.1:4000/health", timeout=60, stable=10)


def node(host: str = "web1", address: str = "10.0.0.1", peers: tuple[str, ...] = (), **changed: Any) -> Target:
    others = tuple(Member(NodeName("shop", f"10.0.0.{name[3:]}"), name, f"10.0.0.{name[3:]}", 4369) for name in peers)
    wanted = {"host": host, "node": NodeName("shop", address), "address": address, "cookie": None, "others": others}
    return target(**{**wanted, **changed})


def alive(name: str = "web1", **changed: Any) -> LadderHost:
    streams: dict[int, Callable[[int], Any]] = {4369: lambda _: epmd_says(9100), 4000: lambda _: Says(HTTP_OK)}
    return LadderHost(name, **{"streams": streams, **changed})


class Run:
    """One call of verify, with everything that came of it."""

    def __init__(self, hosts: list[LadderHost], targets: list[Target], *, patience: float = PATIENCE,
                 known: dict[str, UnitReading] | None = None, older: dict[str, UnitReading] | None = None,
                 absent: dict[str, DeployerError] | None = None, urgent: tuple[str, ...] = ()) -> None:  # fmt: skip
        self.events, self.clock = Events(), Clock()
        for host in hosts:
            host.clock = self.clock
        sessions = {host.name: LadderSession(host, become=False) for host in hosts}
        self.rungs: dict[str, list[RungResult]] = verify(
            sessions,
            targets,
            Standing(fresh=known or {}, older=older or {}, absent=absent or {}, urgent=urgent),
            patience=lambda _: patience,
            pool=Inline(),  # type: ignore[arg-type]
            emit=self.events,
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def last(self, name: str = "shop@10.0.0.1") -> RungResult:
        return self.rungs[name][-1]

"""Proves, before a new member starts, that all running members can connect to it, and it to them.

Since OTP 25, nodes break connections when some members reach a new one and others do not (kernel(6),
``prevent_overlapping_partitions``): starting a member without this proof could split a working cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from deployer.engine.ladder import readings
from deployer.engine.ladder.outside import Place
from deployer.engine.ladder.rounds import EXEC_TIMEOUT
from deployer.engine.ladder.target import Target
from deployer.engine.roll.host_roll import HostRoll
from deployer.errors import HostError, NotConverged
from deployer.sh import Program


@dataclass(frozen=True, slots=True)
class Joining:
    """The new members of a play, and the running ones.

    Attributes:
        new: hosts on which no node runs yet and nodes are about to start.
        old: hosts whose nodes run.
    """

    new: Sequence[HostRoll]
    old: Sequence[HostRoll]

    def prove(self, unseen: Collection[str], pool: Executor) -> None:
        """Try every connection between running members and new ones; only a new host that is cut off fails.

        Args:
            unseen: members on hosts outside of the run that no node of the run sees; they need not be reachable.
            pool: runs hosts in parallel.
        """
        new, old = [run for run in self.new if not run.problem], [run for run in self.old if not run.problem]
        wanted = {run.name: dict(_ways(run, new, old, unseen)) for run in (*old, *new)}
        sources = [run for run in (*old, *new) if wanted[run.name]]
        answers = dict(
            zip(
                [run.name for run in sources],
                pool.map(lambda run: _tried(run, list(wanted[run.name])), sources),
                strict=True,
            )
        )
        for run in new:
            said = [
                f"{source} cannot reach {address}:{port} ({why})"
                for source, places in wanted.items()
                for (address, port), blamed in places.items()
                if blamed == run.name and (why := answers[source].get((address, port)))
            ]
            if said:
                run.problem = NotConverged(
                    f"it cannot join the cluster: {'; '.join(said)}",
                    hint="no node was started here, and the cluster runs as before. Check for another firewall in "
                    "between, and for members outside of this run (--limit) that do not have the new rules yet",
                )


def _ways(
    source: HostRoll, new: Sequence[HostRoll], old: Sequence[HostRoll], unseen: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """Yield every place that a host has to reach, with the name of the new host that cannot join otherwise."""
    for run in new:
        for target in run.targets if run.name != source.name else ():
            if any(peer.host == source.name for peer in target.others):
                yield from ((place, run.name) for place in _places(target))
    if source not in new:
        return
    running = {target.node: target for run in old for target in run.targets}
    here = {run.name for run in (*new, *old)}
    for peer in (peer for target in source.targets for peer in target.others):
        if peer.node in running:
            yield from ((place, source.name) for place in _places(running[peer.node]))
        elif peer.host not in here and peer.epmd_port and str(peer) not in unseen:
            yield (peer.address, peer.epmd_port), source.name


def _places(target: Target) -> Iterator[Place]:
    """Yield EPMD's place and the first distribution port: a firewall opens the whole port range or none of it."""
    if target.epmd_port is not None:
        yield target.address, target.epmd_port
    yield target.address, target.ports[0]


def _tried(source: HostRoll, places: Sequence[Place]) -> Mapping[Place, str]:
    """Return why places cannot be reached; a refused connection counts as reached: nothing listens there yet."""
    try:
        (frame,) = source.connected.transport.run(Program((readings.reach(places),), brief=True), timeout=EXEC_TIMEOUT)
        found = readings.parse_reach(frame.out, places)
    except HostError as error:
        source.problem = error
        return {}
    return {place: why for place, why in (found or {}).items() if why and why != readings.REFUSED}

"""The verify ladder: ten rungs for each node, judged from readings alone. Pure.

Rungs (DESIGN section 6) are climbed from the bottom; the first that fails ends the climb, since everything above it
rests on it. A rung that cannot be climbed (sshd forbids forwarding, no cookie declared) is neither passed nor failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from deployer.beam.epmd import Registration
from deployer.engine.readings import UnitReading
from deployer.engine.target import Target

TITLES = {
    1: "host reachable",
    2: "unit active",
    3: "runs the declared release",
    4: "EPMD answers",
    5: "name registered",
    6: "reachable from every member",
    7: "cookie accepted",
    8: "sees every member",
    9: "versions as declared",
    10: "healthy",
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung's judgement; ``ok`` is None when it could not be climbed."""

    number: int
    ok: bool | None
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class DistReading:
    """What a node said when it was asked as another node would ask it.

    Attributes:
        outcome: ``accepted`` or the name of what went wrong, as `deployer.engine.asking` gives it.
        detail: the sentence for a person.
        nodes: the nodes it sees; None when it was not asked.
        otp: its OTP release, such as ``25``; None when it was not asked.
        version: its release version, as ``RELEASE_VSN`` says; None when it is no mix release or was not asked.
        applications: name → version of what runs; None when it was not asked.
    """

    outcome: str
    detail: str = ""
    advice: str = ""
    nodes: tuple[str, ...] | None = None
    otp: str | None = None
    version: str | None = None
    applications: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NodeReading:
    """Everything read of one node in one round.

    Attributes:
        lost: why the host could not be read, empty when it was.
        unit: what systemd and /proc say; None before the host was read.
        epmd: the registration, None when the name is unknown, or the sentence that says why EPMD gave no answer.
        reach: host of another member → "" when it can open the node's ports, else why not.
        dist: None when the node was not asked.
        health: None before it was checked, "" when healthy, else what is wrong.
        unclimbable: rung → why it cannot be climbed here.
        hosts: the hosts of this run; what is declared on others (``--limit``) is not held against a node.
    """

    lost: str = ""
    unit: UnitReading | None = None
    epmd: Registration | str | None = None
    reach: Mapping[str, str] = field(default_factory=dict)
    dist: DistReading | None = None
    health: str | None = None
    unclimbable: Mapping[int, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()


def climb(target: Target, reading: NodeReading) -> Iterator[Rung]:
    """Yield rungs from the bottom up to and including the first that fails."""
    yield Rung(1, ok=not reading.lost, detail=reading.lost or target.host)
    if reading.lost:
        return
    for number, judge in _JUDGES.items():
        reason = reading.unclimbable.get(number)
        rung = Rung(number, None, reason) if reason else judge(target, reading)
        if rung is None:
            continue
        yield rung
        if rung.ok is False:
            return


def failed(rungs: list[Rung]) -> Rung | None:
    """Return the rung that failed, if one did."""
    return next((rung for rung in rungs if rung.ok is False), None)


def _unit_active(target: Target, reading: NodeReading) -> Rung:
    unit = reading.unit
    if unit is None:
        return Rung(2, ok=False, detail="the host was not read")
    if not unit.loaded:
        return Rung(2, ok=False, detail=f"{target.unit} does not exist", advice="deploy the node role to this host")
    if unit.active != "active":
        state = f"{unit.active} ({unit.sub}), {unit.restarts} restarts, last result {unit.result or 'none'}"
        return Rung(2, ok=False, detail=f"{target.unit} is {state}", advice=f"journalctl -u {target.unit} on the host")
    return Rung(2, ok=True, detail=f"{target.unit} active, {unit.restarts} restarts")


def _release(target: Target, reading: NodeReading) -> Rung:
    unit = reading.unit
    if unit is None or not unit.pid:
        return Rung(3, ok=False, detail="no process")
    if not unit.exe:
        return Rung(3, None, f"process {unit.pid} cannot be looked at without root")
    if target.release_dir and unit.release_dir != target.release_dir:
        wrong = f"process {unit.pid} runs {unit.release_dir}, not {target.release_dir}"
        return Rung(3, ok=False, detail=wrong, advice=f"systemctl restart {target.unit}, or deploy again")
    return Rung(3, ok=True, detail=f"process {unit.pid} runs {unit.release_dir}")


def _epmd_answers(target: Target, reading: NodeReading) -> Rung | None:
    if target.epmd_port is None:
        return None
    where = f"{target.address}:{target.epmd_port}"
    if isinstance(reading.epmd, str):
        advice = "systemctl status of the epmd unit; is its declared address on this host?"
        return Rung(4, ok=False, detail=f"{where}: {reading.epmd}", advice=advice)
    return Rung(4, ok=True, detail=where)


def _registered(target: Target, reading: NodeReading) -> Rung | None:
    if target.epmd_port is None:
        return None
    found, unit = reading.epmd, reading.unit
    if not isinstance(found, Registration):
        alive = f"process {unit.pid} is alive but " if unit and unit.pid else ""
        advice = "EPMD was restarted less than 2 s ago, or the node started under another name"
        return Rung(5, ok=False, detail=f"{alive}{target.node.name} is not registered", advice=advice)
    low, high = target.ports
    if not low <= found.port <= high:
        wrong = f"{target.node.name} is registered at port {found.port}, outside of {low}-{high}"
        return Rung(5, ok=False, detail=wrong, advice="check inet_dist_listen_min and _max of the running node")
    if unit and unit.ports is None:
        return Rung(5, ok=True, detail=f"port {found.port} (its owner cannot be seen without root)")
    if unit and unit.ports is not None and found.port not in unit.ports:
        wrong = f"{target.node.name} is registered at port {found.port}, which {target.unit} does not listen on"
        return Rung(5, ok=False, detail=wrong, advice="another process took the name in EPMD: find it with ss -ltnp")
    return Rung(5, ok=True, detail=f"port {found.port}")


def _reachable(target: Target, reading: NodeReading) -> Rung:
    bad = {host: why for host, why in reading.reach.items() if why}
    if bad:
        wrong = "; ".join(f"from {host}: {why}" for host, why in sorted(bad.items()))
        advice = "the firewall of this host, or the network between them, drops cluster members"
        return Rung(6, ok=False, detail=wrong, advice=advice)
    count = len(reading.reach)
    return Rung(6, ok=True, detail=f"from {count} other host{'s' if count != 1 else ''}" if count else "no other host")


def _cookie(target: Target, reading: NodeReading) -> Rung:
    if target.cookie is None:
        return Rung(7, None, "no cookie is declared")
    if reading.dist is None:
        return Rung(7, None, "the node was not asked")
    if reading.dist.outcome != "accepted":
        return Rung(7, ok=False, detail=reading.dist.detail, advice=reading.dist.advice)
    return Rung(7, ok=True, detail="both sides proved it")


def _mesh(target: Target, reading: NodeReading) -> Rung | None:
    if reading.dist is None or reading.dist.nodes is None:
        return None
    if target.mesh == "none":
        return Rung(8, None, "cluster.mesh is none")
    seen = set(reading.dist.nodes)
    unseen = sorted((str(other), other.host in reading.hosts) for other in target.others if str(other) not in seen)
    missing, outside = ([name for name, here in unseen if here is asked] for asked in (True, False))
    if missing:
        wrong = f"{target.node} does not see {', '.join(missing)}"
        advice = "the release has to connect its nodes itself (cluster.mesh: app); or declare cluster.mesh: boot"
        return Rung(8, ok=False, detail=wrong, advice=advice if target.mesh == "app" else "")
    left_out = f"; not seen, and not in this run: {', '.join(outside)}" if outside else ""
    return Rung(8, ok=True, detail=f"{len(target.others) - len(outside)} other nodes{left_out}")


def _versions(target: Target, reading: NodeReading) -> Rung | None:
    unit, dist = reading.unit, reading.dist
    version = (dist.version if dist else None) or (unit.version if unit else None)
    if target.version and version and version != target.version:
        return Rung(9, ok=False, detail=f"runs version {version}, declared is {target.version}", advice="deploy again")
    otp = dist.otp if dist else None
    if target.otp and otp and otp != target.otp:
        return Rung(9, ok=False, detail=f"runs OTP {otp}, the release was built for OTP {target.otp}")
    known = [f"{target.release_name} {version}" if version else "", f"OTP {otp}" if otp else ""]
    return Rung(9, ok=True, detail=", ".join(word for word in known if word) or "not declared")


def _healthy(target: Target, reading: NodeReading) -> Rung | None:
    if reading.health is None:
        return None
    if reading.health:
        return Rung(10, ok=False, detail=reading.health, advice=f"journalctl -u {target.unit} on the host")
    age = reading.unit.age if reading.unit else None
    return Rung(10, ok=True, detail=f"{target.health_words}, up for {age:.0f} s" if age else target.health_words)


_JUDGES: dict[int, Callable[[Target, NodeReading], Rung | None]] = {
    2: _unit_active,
    3: _release,
    4: _epmd_answers,
    5: _registered,
    6: _reachable,
    7: _cookie,
    8: _mesh,
    9: _versions,
    10: _healthy,
}

"""A host's part in a rotation, as declared and as found, and what follows from comparing the two. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from deployer.engine.ladder.target import Target, targets_of
from deployer.engine.rotate.host import HostCookies
from deployer.engine.rotate.node import Accepted
from deployer.errors import At, ConfigError, NotConverged
from deployer.events import TaskPlanned
from deployer.model import Change, Secret
from deployer.modules.beam_nodes import BeamNodes
from deployer.releases.node_unit import NodeUnit
from deployer.resolve import HostPlay


@dataclass(frozen=True, slots=True)
class RotationPart:
    """What one host has to do with the rotation.

    Attributes:
        cluster: its name.
        path: the cluster's cookie file.
        new: the declared cookie.
        nodes: every node of the host: its target for the ladder, and its unit.
        members: names of all nodes of the cluster.
        dumps: paths of crash dumps, which may contain the old cookie.
        become: whether programs run as root through sudo.
    """

    cluster: str
    path: str
    new: Secret
    nodes: tuple[tuple[Target, NodeUnit], ...]
    members: frozenset[str]
    dumps: tuple[str, ...]
    become: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on a host and its nodes before the first write; ``nodes`` are in the order of the part."""

    cookies: HostCookies
    nodes: tuple[Accepted, ...]


def part_of(play: HostPlay, hosts: Collection[str]) -> RotationPart | None:
    """Return a host's part, or None when it declares no node.

    Args:
        play: the host's resolved play.
        hosts: names of all hosts that take part.

    Raises:
        ConfigError: the cluster has no cookie, or a node of it could not take part.
    """
    own, members = play.fleet
    if own is None:
        return None
    cluster = own.cluster
    with At(own.where):
        if cluster.cookie is None:
            raise ConfigError(f"cluster {cluster.name} has no cluster.cookie", hint="write the new one there")
        if absent := sorted({member.host for member in members} - set(hosts)):
            problem = f"{', '.join(absent)} is in cluster {cluster.name}, but not in this play"
            raise ConfigError(problem, hint="a rotation needs the whole cluster: widen the play's hosts:")
        runs = (action.module.nodes for action in play.actions if isinstance(action.module, BeamNodes))
        units = {node.unit: node for nodes in runs for node in nodes}
        for node in own.nodes:
            if node.unit not in units:
                problem = f"no task of the play runs {node.node}, so it is not known where it reads its cookie"
                hint = "use the playbook that deploys it; if deployer did not install it, change its cookie by hand"
                raise ConfigError(problem, hint=hint)
    return RotationPart(
        cluster=cluster.name,
        path=cluster.cookie_file,
        new=cluster.cookie,
        nodes=tuple((target, units[target.unit]) for target in targets_of(own, members)),
        members=frozenset(str(node.node) for member in members for node in member.nodes),
        dumps=tuple(dump for node in own.nodes for dump in node.crash_dumps),
        become=play.become,
    )


def check_found(part: RotationPart, found: Found) -> None:
    """Refuse a rotation that would leave out a node.

    Raises:
        NotConverged: a cookie file is missing, or a node is connected to one that takes no part.
    """
    if found.cookies.current is None:
        raise NotConverged(f"{part.path} is not there", hint="deploy the host first; a first deploy needs no rotation")
    for (target, node), said in zip(part.nodes, found.nodes, strict=True):
        if node.unit not in found.cookies.copies:
            hint = f"restart {node.unit}; a start gives the node a copy of the cookie"
            raise NotConverged(f"{target.node} has no cookie in {node.runtime}", hint=hint)
        if strangers := sorted(said.sees - part.members):
            hint = "declare it, so that it takes part, or disconnect it: it would keep the old cookie"
            raise NotConverged(
                f"{target.node} is connected to {', '.join(strangers)}, which is not part of this rotation", hint=hint
            )


def old(part: RotationPart, found: Found, index: int) -> Secret | None:
    """Return the cookie that a node has to refuse after the rotation; None when it is no longer known."""
    candidates = (found.nodes[index].cookie, found.cookies.current, found.cookies.retained)
    return next((cookie for cookie in candidates if cookie is not None and cookie != part.new), None)


def due(part: RotationPart, found: Found) -> bool:
    """Return whether anything is left to do on a host: a file, a copy, a node, or an old cookie to forget."""
    cookies = found.cookies
    held = [cookies.current, *cookies.copies.values(), *(said.cookie for said in found.nodes)]
    return cookies.retained is not None or any(cookie != part.new for cookie in held)


def planned(part: RotationPart, found: Found, host: str, where: str) -> Iterator[TaskPlanned]:
    """Yield the plan: the file, then each node; cookies appear as this run's fingerprints."""
    held = [
        (f"cookie of {target.node}", said.cookie) for (target, _), said in zip(part.nodes, found.nodes, strict=True)
    ]
    for label, cookie in [(part.path, found.cookies.current), *held]:
        if cookie is None or cookie == part.new:
            yield TaskPlanned(host, label, where, "ok", reason="already new")
        else:
            change = Change("cookie", f"old {cookie.fingerprint()}", f"new {part.new.fingerprint()}")
            yield TaskPlanned(host, label, where, "change", (change,))

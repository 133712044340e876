"""Judges which members a node sees, compared with what those members see and whether they can be seen at all."""

from __future__ import annotations

from deployer.engine.ladder.reading import Judgement, NodeReading, PeerView
from deployer.engine.ladder.target import Target


def sees_every_member(target: Target, reading: NodeReading) -> Judgement | None:
    """Return the judgement; None when the node was not asked. Each missing pair is reported, in both directions."""
    dist = reading.dist
    if dist is None or dist.nodes is None:
        return None
    if target.mesh == "none":
        return Judgement(None, "cluster.mesh is none")
    seen = set(dist.nodes)
    strangers = tuple(sorted(seen.difference(map(str, target.others), (str(target.node),))))
    also = f"; connected besides the members: {', '.join(strangers)}" if strangers else ""
    unseen = sorted((str(other), other.host in reading.hosts) for other in target.others if str(other) not in seen)
    missing, outside = ([name for name, here in unseen if here is asked] for asked in (True, False))
    if missing:
        said = [f"{name}{_why(target, reading, name)}" for name in missing]
        detail = f"{target.node} does not see {', '.join(said)}{also}"
        lacking = [reading.members.get(name, PeerView()) for name in missing]
        return Judgement(
            ok=False,
            detail=detail,
            advice=_advice(target, reading, missing),
            caused_by_absent_host=all(sight.absent for sight in lacking),
            secondary=all(sight.trouble for sight in lacking),
            settled=all(sight.settled for sight in lacking),
            outside=tuple(outside),
            missing=tuple(missing),
            strangers=strangers,
        )
    left_out = f"; not seen, and not in this run: {', '.join(outside)}" if outside else ""
    known = f"{len(target.others) - len(outside)} other nodes{left_out}{also}"
    return Judgement(ok=True, detail=known, outside=tuple(outside), strangers=strangers)


def _why(target: Target, reading: NodeReading, missing: str) -> str:
    sight, me = reading.members.get(missing, PeerView()), str(target.node)
    if sight.trouble:
        return f" ({sight.trouble})"
    if reading.dist and missing in reading.dist.hidden:
        return " (connected, but hidden)"
    if sight.nodes is None:
        return ""
    return f" ({missing} sees {me})" if me in sight.nodes else f" (nor does {missing} see {me})"


def _advice(target: Target, reading: NodeReading, missing: list[str]) -> str:
    unhealthy = [name for name in missing if reading.members.get(name, PeerView()).trouble]
    if unhealthy:
        return f"fix {', '.join(unhealthy)} first: this rung follows"
    if reading.dist and any(name in reading.dist.hidden for name in missing):
        return "one of the two was started with -hidden: see nodes.vm_args and the release's vm.args"
    join = f"join them now: {target.node.name}-ctl rpc 'Node.connect(:\"{missing[0]}\")'"
    if target.mesh == "app":
        own = "the release has to connect its nodes itself (cluster.mesh: app); or declare cluster.mesh: boot"
        return f"{own}; {join}" if target.release_dir else own
    lost = "they met at start and have lost each other since: their logs say when (nodedown, global, net_kernel)"
    return f"{lost}; {join}"

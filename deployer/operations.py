"""What else is done to a fleet than bringing it to what is declared: other walks over the same hosts, play by play."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TextIO

from deployer.engine.host_run import Context
from deployer.engine.roll.play import Goal, PlayRun
from deployer.engine.roll.rollout import ClusterLimits
from deployer.errors import ConfigError
from deployer.events import Note
from deployer.fleet import Declaration
from deployer.model import Host
from deployer.options import Options
from deployer.plays import RunKind, each_play
from deployer.project import Project, load
from deployer.resolve import FleetNeeds, Resolver
from deployer.runtime import asker
from deployer.window.choice import Fleet, Spot


def rotate(options: Options, *, check: bool, out: TextIO | None = None) -> int:
    """Give every cluster of the playbook its new cookie, live, climb the ladder, and return the exit code.

    Args:
        options: without limits and tags: whole clusters take part.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: before any host is touched.
    """
    from deployer.engine.rotate.rotation import Rotation

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        code = Rotation(context, resolver, hosts, check).run()
        return code if code or check else PlayRun(context, resolver, hosts, Goal.VERIFY).run()

    return each_play(walk, load(options), out, RunKind("cookie rotate", check))


def rollback(options: Options, to: str, *, check: bool, out: TextIO | None = None) -> int:
    """Send every host back to a release that was good on it, in the play's batches, and return the exit code.

    Args:
        options: which hosts.
        to: a version or an id; empty: the last good one before the current.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched.
    """
    from deployer.engine.roll.rollback import Back

    done = "" if check else "rollback"

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        back, goal = Back(resolver, to, context.emit), Goal.PLAN if check else Goal.DEPLOY
        return PlayRun(context, back, hosts, goal, ask=asker(context.stop, json=options.json), gather=back.gather).run()

    kind = RunKind("rollback", check, what=done, noted=done)
    return each_play(walk, load(options), out, kind, needs=FleetNeeds(tarball=False))


def again(
    options: Options, wanted: Literal["restarted", "started"], whom: str, *, check: bool, out: TextIO | None = None
) -> int:
    """Restart nodes, or start those that do not run, in the play's batches with its hooks; climb the ladder of all.

    Args:
        options: whose hosts take part; the ladder is climbed for all of them.
        wanted: what has to become of the nodes.
        whom: nodes, hosts, groups and patterns, with commas between.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong; no host was touched.
    """
    from deployer.engine.roll.restart import Again

    project, spots = _load_and_choose(options, whom)
    chosen = frozenset(spot.name for spot in spots)

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        anew, goal = Again(resolver, chosen, wanted), Goal.PLAN if check else Goal.DEPLOY
        return PlayRun(context, anew, hosts, goal, ask=asker(context.stop, json=options.json), gather=anew.gather).run()

    doing = f"{'restart' if wanted == 'restarted' else 'start'} {whom}"
    return each_play(walk, project, out, RunKind(doing, check), needs=FleetNeeds(tarball=False))


def stop(options: Options, whom: str, *, check: bool, out: TextIO | None = None) -> int:
    """Stop nodes: drained by the play's hooks, and only when those that stay are healthy and as many as declared.

    Args:
        options: without limits and tags: whole clusters take part.
        whom: nodes, hosts, groups and patterns, with commas between.
        check: stop after the plan.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong, or fewer nodes than ``min_healthy`` would be left; nothing was touched.
    """
    from deployer.engine.retire import Retirement

    project, spots = _load_and_choose(options, whom)
    nodes = frozenset(spot.name for spot in spots)
    gone = {spot.host.name: frozenset(own.name for own in spots if own.host is spot.host) for spot in spots}

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        _check_left(resolver, hosts, nodes)
        stay = project.resolver(resolver.play, FleetNeeds(tarball=False, without=nodes))
        staying = [host for host in hosts if stay.fleet(host)[0]]
        away = [host for host in hosts if host.name in gone]
        leave = Retirement(context, resolver, away, gone, check, purge=False, pause=True)
        verify = PlayRun(context, stay, staying, Goal.VERIFY, leaving=nodes)
        if staying and away and not check and (code := verify.run()):
            context.emit(Note("no node was stopped: the remaining nodes are not all healthy"))
            return code
        code = leave.stop()
        if not code and staying and not check:
            code = verify.run()
        return leave.end() or code

    return each_play(walk, project, out, RunKind(f"stop {whom}", check), needs=FleetNeeds(tarball=False))


def _load_and_choose(options: Options, whom: str) -> tuple[Project, tuple[Spot, ...]]:
    """Load what is written; a word that means no node is told before a password is asked for."""
    spots: list[Spot] = []
    return load(options, first=lambda read: spots.extend(Fleet.within(read).choose([whom]))), tuple(spots)


def _check_left(resolver: Resolver, hosts: Sequence[Host], stopping: frozenset[str]) -> None:
    """Refuse to leave fewer nodes of a cluster than its ``min_healthy``; raises ConfigError."""
    clusters: dict[str, tuple[Declaration, set[str]]] = {}
    for own, members in (resolver.fleet(host) for host in hosts):
        if own:
            clusters[own.cluster.name] = own, {str(node.node) for member in members for node in member.nodes}
    for name, (own, every) in clusters.items():
        least = ClusterLimits(name, {"all": len(every)}, own.rollout.min_healthy).least
        left = len(every - stopping)
        if left < least and every & stopping:
            problem = f"cluster {name} has {len(every)} nodes, and rollout.min_healthy is {own.rollout.min_healthy}"
            hint = "name fewer nodes, or say -e '{rollout: {min_healthy: 0}}'"
            raise ConfigError(f"{problem}: {left} would be left", hint=hint)


def init_tls(options: Options) -> tuple[str, ...]:
    """Make the certificate authorities that the playbook's clusters need, and return a line about each.

    Raises:
        ConfigError: none is needed, or one cannot be made or opened.
    """
    from deployer.fleet.pki import establish

    project, now = load(options, ask=False), datetime.now(UTC)
    found = {kept.file: kept for play in project.plays for kept in project.resolver(play).authorities()}
    if not found:
        hint = "cluster: {tls: true, pki: {passphrase: …}}; certificates that are given need none"
        raise ConfigError("no cluster of the playbook has a certificate authority of its own", hint=hint)
    made = {kept: establish(kept, now) for kept in found.values()}
    return tuple(
        f"{'made' if new else 'is there already'}: {kept.file}, the authority of the cluster {kept.cluster}, until "
        f"{kept.authority(now).certificate.not_valid_after_utc:%Y-%m-%d}"
        for kept, new in made.items()
    )


def survey(goal: str, options: Options, *, lines: int = 50, out: TextIO | None = None) -> int:
    """Ask every host what it runs and remembers, and return the exit code; raises ConfigError.

    Args:
        goal: ``status`` or ``history``.
        options: which hosts.
        lines: how much of its history each host tells.
        out: where the report goes.
    """
    from deployer.engine.survey import StatusQuery

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        return StatusQuery(context, resolver, hosts, goal, lines).run()

    project = load(options, need_secrets=False)
    return each_play(walk, project, out, needs=FleetNeeds(tarball=False, secrets=False))

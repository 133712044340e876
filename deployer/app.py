"""THE flow: load, then for each play resolve, probe, plan, apply, verify, and report all of it as events."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TextIO

from deployer.engine.host_run import Context
from deployer.engine.roll.play import Goal, PlayRun
from deployer.errors import ConfigError
from deployer.events import Note, RunEnded
from deployer.model import Host
from deployer.options import Options
from deployer.plays import RunKind, ansible_core_play, each_play
from deployer.project import Project, load
from deployer.resolve import FleetNeeds, Resolver
from deployer.runtime import asker, report


def run(goal: Goal, options: Options, out: TextIO | None = None) -> int:
    """Walk every play to the goal and return the exit code; raises ConfigError before any host is touched."""
    return _run(goal, load(options), out)


def resume(options: Options, out: TextIO | None = None) -> int:
    """Deploy again to the hosts whose last deploy has not ended well, as this machine and they themselves remember it.

    Raises:
        ConfigError: no deploy of this playbook and these inventories is remembered; or as `run`.
    """
    from deployer.unfinished import unfinished

    project = load(options)
    found = unfinished(project)
    if found.left:
        return _run(Goal.DEPLOY, replace(project, only=found.left, done=found.well), out, found.notes)
    with report(out or sys.stdout, json=options.json, diff=options.diff, verbose=options.verbose) as emit:
        for note in found.notes:
            emit(Note(note))
        emit(RunEnded(0, 0.0))
    return 0


def _run(goal: Goal, project: Project, out: TextIO | None, notes: Iterable[str] = ()) -> int:
    options = project.options
    # A deploy with drift has fixed it, or failed.
    counts = goal is Goal.AUDIT or (goal is Goal.PLAN and options.detailed_exitcode)

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        ask, code = asker(context.stop, json=options.json), 2 if counts else 0
        words: dict[str, Any] = {"drift_code": code, "ask": ask, "done": project.done, "learn": resolver.learn}
        return PlayRun(context, resolver, hosts, goal, **words).run()

    def through(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        return ansible_core_play(project, resolver, hosts).run(context, goal, 2 if counts else 0)

    noted = "deploy" if goal is Goal.DEPLOY else ""
    kind = RunKind(doing=noted, what=noted, noted=noted, notes=notes, ahead=True)
    if goal is not Goal.VERIFY:
        return each_play(walk, project, out, kind, through=through)
    return each_play(walk, project, out, kind, needs=FleetNeeds(tasks=False))  # the ladder is for what is declared


def render(options: Options, name: str) -> str:
    """Return the programs that would run on one host: its probe, and every step as if nothing were there yet."""
    from deployer.engine.render import programs

    if not name:
        raise ConfigError("name the host whose programs to print", hint="--host HOST")
    project = load(options, ask=False)
    parts = [
        programs(project.resolver(play).resolve(host, None))
        for play in project.plays
        for host in project.hosts(play)
        if host.name == name
    ]
    if not parts:
        raise ConfigError(f"no play works on a host {name!r}", hint="deployer inventory --graph shows the hosts")
    return "\n".join(parts)


def show_inventory(options: Options, *, graph: bool, host: str) -> str:
    """Return the inventory as a tree, or as JSON, all of it or one host."""
    inventory = load(options, ask=False).inventory
    if graph:
        return inventory.graph()
    return json.dumps(inventory.host(host) if host else inventory.as_list(), indent=2, default=str)

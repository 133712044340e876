"""Hooks: what a play runs around the switch of a host's nodes, on the host, on this machine or on another host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from deployer.engine import ledger
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.planned import Planned
from deployer.engine.walk.probe import probe_environment
from deployer.engine.walk.steps import GRACE, STEP_TIMEOUT, Job, patience, step_last_words, step_program
from deployer.errors import HostError, StepError
from deployer.events import Emit, Stage
from deployer.fleet import Node
from deployer.model import Mark
from deployer.releases.rehearse import BEGUN
from deployer.resolve import Action, HostPlay
from deployer.resolve.checks import node_of
from deployer.roll_events import HookDone
from deployer.sh import Program, Sh, lines, sh
from deployer.transport.base import Transport

BEFORE, AFTER = "before_switch", "after_start"


@dataclass(slots=True)
class Hooks:
    """Runs hooks, and remembers which of those with ``run_once`` have run.

    Attributes:
        here: makes a connection to this machine, for ``delegate_to: localhost``.
        elsewhere: has the connections to other hosts.
    """

    emit: Emit
    here: Callable[[], Transport]
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    clock: Callable[[], float] = time.monotonic
    _ran: set[Mark] = field(default_factory=set)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def owe_once(self, run: HostRoll) -> bool:
        """Whether a ``run_once`` hook has to run before the first switch, and has not run yet."""
        return any(hook.task.run_once and hook.task.mark not in self._ran for hook in _hooks(run, BEFORE))

    def run(self, run: HostRoll, when: str, *, back: bool = False) -> None:
        """Run a host's hooks in order; stop at the first that fails.

        Args:
            run: the host.
            when: ``before_switch`` or ``after_start``.
            back: the host goes back: leave out ``run_once`` hooks, such as a migration.

        Raises:
            StepError: a hook failed; its output's last lines are in the message.
            HostError: the host was lost.
        """
        hooks = [
            hook for hook in _hooks(run, when) if not (hook.task.run_once and (back or hook.task.mark in self._ran))
        ]
        ran: list[str] = []
        if hooks:
            self.emit(Stage(run.name, "hooks"))
        try:
            for hook in hooks:
                ran.append(hook.label)
                with self._place(run, hook) as transport:
                    self._run(run, hook, when, transport)
                if hook.task.run_once:
                    self._ran.add(hook.task.mark)
        finally:
            _note(run, when, ran)

    @contextmanager
    def _place(self, run: HostRoll, hook: Action) -> Iterator[Transport]:
        """Yield the connection to the place of a hook; this machine and delegates run one program at a time."""
        if hook.task.local:
            with self._turn:
                yield self.here()
        elif hook.place:
            with self.elsewhere.turn(hook.place, run.name) as transport:
                yield transport
        else:
            yield run.connected.transport

    def _run(self, run: HostRoll, hook: Action, when: str, transport: Transport) -> None:
        steps, before = hook.module.act(), self.clock()
        what_runs = hook_program(run.connected.play, hook, run.release)
        for frame in transport.run(what_runs, timeout=max(patience(what_runs), (hook.timeout or 0) + GRACE)):
            what, now = steps[frame.index].what, self.clock()
            said = HookDone(run.name, when, hook.label, what, hook.task.local, frame.rc, now - before, frame.out)
            self.emit(said)
            if frame.rc:
                problem = f"{when}: {hook.label}: {step_last_words(frame.out, frame.rc)}"
                raise StepError(problem, where=hook.task.mark)
            before = now


def hook_program(play: HostPlay, hook: Action, release: str = "") -> Program:
    """Return the program of a hook.

    Args:
        play: the host's resolved play.
        hook: one of its hooks.
        release: id of the release to use for a hook that runs as a node; default: the declared one.
    """
    own = play.fleet[0]
    if own and own.release and (node := node_of(hook, own)):
        given = (probe_environment(hook.environment, step.text) for step in hook.module.within(node.state).act())
        seconds = hook.timeout or STEP_TIMEOUT
        texts = tuple(run_as_node(node, release or own.release.id, text, seconds) for text in given)
        return Program(texts, writes=True, become=play.become, labels=(hook.label,) * len(texts))
    planned, become = Planned(hook, "runs"), hook.place.become if hook.place else play.become and not hook.task.local
    work = [Job(planned, probe_environment(hook.environment, step.text), step) for step in hook.module.act()]
    return replace(step_program(work, become=become), labels=(hook.label,) * len(work))


def run_as_node(node: Node, release: str, text: Sh, seconds: int) -> Sh:
    """Return the step that runs sh text as a node's user, with the environment of NODE-ctl, in the node's directory."""
    body = f"main() {{\n{text}\n}}\nmain </dev/null"
    start = sh('{} --release {} --timeout {} --unit "$unit" run /bin/sh -eus', node.ctl, release, seconds)
    return lines(BEGUN, sh("printf '%s\\n' {} | {}", body, start))


def hook_words(runs: Sequence[HostRoll]) -> tuple[str, ...]:
    """Return a line for each hook of some hosts, each once, with the place where it runs."""
    found = (f"{when}: {_words(hook)}" for run in runs for when in (BEFORE, AFTER) for hook in _hooks(run, when))
    return tuple(dict.fromkeys(found))


def _words(hook: Action) -> str:
    place = ", on this machine" if hook.task.local else ", as the node" if hook.task.as_node else ""
    place = f", on {hook.place}" if hook.place else place
    return f"{hook.task.name}{place}{', once, before the first switch' if hook.task.run_once else ''}"


def _note(run: HostRoll, when: str, ran: Sequence[str]) -> None:
    """Record on the host which hooks have run or begun: a rollback cannot undo a hook such as a migration."""
    switch = ledger.switch_of(run.play) if run.play else None
    if ran and switch and run.transport and run.play and not isinstance(run.problem, HostError):
        step = ledger.note_hooks(switch.root, run.reverted_to or switch.id, f"{when}: {', '.join(ran)}")
        run.connected.finish("note the hooks", step)


def _hooks(run: HostRoll, when: str) -> tuple[Action, ...]:
    play = run.play
    found = () if play is None else play.before_switch if when == BEFORE else play.after_start
    return tuple(hook for hook in found if not hook.skip)

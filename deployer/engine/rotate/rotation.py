"""Rotates the cookie of a running cluster: look at every node, plan, write, switch, prove, forget. No node restarts.

Each phase begins when the one before it has ended on all hosts. What is left to do is always read from the hosts: the
same command finishes a rotation that was stopped or killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployer.engine import facts
from deployer.engine.host_run import Context, HostRun
from deployer.engine.rotate import host as rotate_host
from deployer.engine.rotate import node as rotate_node
from deployer.engine.rotate import plan as rotate_plan
from deployer.engine.rotate.plan import Found, RotationPart, part_of
from deployer.errors import StepError
from deployer.events import HostEnded, Note, Stage, StepDone
from deployer.model import Host
from deployer.resolve import Resolver
from deployer.sh import Program, Sh
from deployer.transport.base import Transport

ROTATION_TIMEOUT = 60.0
"""Seconds a host may stay silent; every step is short."""

MIXED = """\
While it lasts, nodes with the old cookie and nodes with the new one live side by side:
  - nodes that are connected stay connected;
  - a connection opened anew between an old and a new node is refused ("Invalid challenge reply" in the log) until both
    have the new cookie;
  - a node that restarts takes the new cookie from its file;
  - rpc and remote go on working: they use the copy in the node's HOME, which changes with the node.
Stopped anywhere, the same command goes on from what the hosts say."""
NOTHING_WRITTEN = "Nothing was written: a rotation begins only when every node of the cluster runs and answers."
UNFINISHED = "The rotation is not finished: nodes may differ in their cookies. The same command goes on from here."


@dataclass(slots=True)
class _Ready:
    """A host whose nodes have all answered; ``changed``: number of nodes that got, or would get, the new cookie."""

    name: str
    transport: Transport
    part: RotationPart
    found: Found
    changed: int = 0


@dataclass(slots=True)
class _RotatingHost(HostRun):
    """One host's way through the rotation."""

    part: RotationPart | None = None
    ready: _Ready | None = None


@dataclass(slots=True)
class Rotation:
    """A rotation in every cluster that a play's hosts belong to; `run` returns its exit code.

    Attributes:
        check: stop after the plan.
    """

    context: Context
    resolver: Resolver
    hosts: Sequence[Host]
    check: bool

    def run(self) -> int:
        """Rotate and return the run's exit code (docs/design.md).

        Raises:
            ConfigError: the project has an error; no connection was opened.
        """
        names = tuple(host.name for host in self.hosts)
        runs = [_RotatingHost(host, self.context.clock()) for host in self.hosts]
        if not self.resolver.needs_facts:
            for run in runs:
                run.part = part_of(self.resolver.resolve(run.host, None), names)
        name, goal = self.resolver.play.name, "plan" if self.check else "rotate"
        return self.context.walk(name, goal, runs, lambda: self._rotate(runs), self._end)

    def _rotate(self, runs: Sequence[_RotatingHost]) -> None:
        if not self.context.each(runs, self._look):
            self.context.emit(Note(NOTHING_WRITTEN))
            return
        due = [run for run in runs if run.ready and rotate_plan.due(run.ready.part, run.ready.found)]
        for run in runs:
            if run.ready:
                self._tell(run.ready)
        if due:
            self.context.emit(Note(MIXED))
        if due and not self.check and self.context.may_write(runs):
            phases = (self._write, self._switch, self._prove, self._forget)
            if not all(self.context.each(runs, _when_ready(phase)) for phase in phases):
                self.context.emit(Note(UNFINISHED))

    def _look(self, run: _RotatingHost) -> None:
        """Connect, read the cookies on the host, and ask each node which one it accepts."""
        name, transport = run.name, self.context.connect(run)
        if self.resolver.needs_facts:
            said = facts.of_play(self.resolver, transport, run.host)
            run.part = part_of(self.resolver.resolve(run.host, said), [host.name for host in self.hosts])
        part = run.part
        if part is None:
            return
        self.context.emit(Stage(name, "probe"))
        text = rotate_host.read_cookies(part.path, [node for _, node in part.nodes])
        (frame,) = transport.run(Program((text,), become=part.become), timeout=ROTATION_TIMEOUT)
        cookies = rotate_host.parse_cookies(frame.out, frame.rc)
        nodes = tuple(
            rotate_node.accepted(transport, target, cookies.candidates(node.unit, part.new))
            for target, node in part.nodes
        )
        run.ready = _Ready(name, transport, part, Found(cookies, nodes))
        rotate_plan.check_found(part, run.ready.found)

    def _tell(self, ready: _Ready) -> None:
        mark = str(self.resolver.play.mark)
        for event in rotate_plan.planned(ready.part, ready.found, ready.name, mark):
            self.context.emit(event)
        if self.check:
            ready.changed = sum(said.cookie != ready.part.new for said in ready.found.nodes)

    def _write(self, ready: _Ready) -> None:
        path = ready.part.path
        self._step(ready, path, "keep the old cookie, write the new one", rotate_host.write_cookies(path))

    def _switch(self, ready: _Ready) -> None:
        """Change each node and then its copy, so that after a killed run at most one node differs from its copy."""
        for (target, node), said in zip(ready.part.nodes, ready.found.nodes, strict=True):
            before = self.context.clock()
            rotate_node.switch(ready.transport, target, said.cookie, ready.part.new)
            ready.changed += said.cookie != ready.part.new
            what = "set the new cookie in the running node"
            self.context.emit(StepDone(ready.name, str(target.node), what, 0, self.context.clock() - before))
            self._step(ready, str(target.node), "renew its copy", rotate_host.renew(node))

    def _prove(self, ready: _Ready) -> None:
        for index, (target, _) in enumerate(ready.part.nodes):
            before, old = self.context.clock(), rotate_plan.old(ready.part, ready.found, index)
            rotate_node.prove(ready.transport, target, ready.part.new, old, ready.found.nodes[index].sees)
            what = "accepts the new cookie, refuses the old one, sees whom it saw" if old else "accepts the new cookie"
            self.context.emit(StepDone(ready.name, str(target.node), what, 0, self.context.clock() - before))

    def _forget(self, ready: _Ready) -> None:
        what = "remove the old cookie, and crash dumps that hold it"
        self._step(ready, ready.part.path, what, rotate_host.forget(ready.part.path, ready.part.dumps))

    def _step(self, ready: _Ready, label: str, what: str, text: Sh) -> None:
        before = self.context.clock()
        program = rotate_host.cookie_program(text, ready.part.new, become=ready.part.become)
        (frame,) = ready.transport.run(program, timeout=ROTATION_TIMEOUT)
        self.context.emit(
            StepDone(ready.name, label, what, frame.rc, self.context.clock() - before, frame.out if frame.rc else "")
        )
        if frame.rc:
            raise StepError(f"{label}: {what}: failed with status {frame.rc}: {frame.out.strip()[-500:]}")

    def _end(self, run: _RotatingHost) -> HostEnded:
        total, changed = len(run.part.nodes) if run.part else 0, run.ready.changed if run.ready else 0
        return self.context.ended(run, "changed" if changed else "ok", changed, total)


def _when_ready(phase: Callable[[_Ready], None]) -> Callable[[_RotatingHost], None]:
    """Return the phase for a host; a host that declares no node has nothing to do."""
    return lambda run: phase(run.ready) if run.ready else None

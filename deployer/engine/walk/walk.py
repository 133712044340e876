"""One host's walk: probe, plan, apply segment by segment, probe again. A dry run is a walk that stops earlier."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from deployer.engine.walk import probe
from deployer.engine.walk.looking import HostLook, asked_of
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned
from deployer.engine.walk.steps import take_back
from deployer.errors import StepError
from deployer.events import Stage


@dataclass(slots=True)
class Walk(HostLook):
    """A host on its way through a play.

    Attributes:
        changed: number of tasks and handlers that changed, or in a plan would change.
        ran: number of those that run every time.
        handled: number of handlers that ran, or in a plan will or may run.
        switched: a step that switches nodes has run.
        first: the plan from the first probe; in a deploy, what is left of it.
        waits: steps that only take something away; they wait until all hosts of the play have had their turn.
        units: the units of the host's nodes.
    """

    changed: int = 0
    ran: int = 0
    handled: int = 0
    switched: bool = False
    first: Plan | None = None
    waits: Plan = Plan(())  # noqa: RUF009 - frozen
    units: frozenset[str] = frozenset()
    _counted: set[int] = field(default_factory=set)
    _ended: bool = False

    @property
    def total(self) -> int:
        """The number of tasks that are not skipped, plus `handled`."""
        return sum(not action.skip for action in self.host_play.actions) + self.handled

    def plan(self) -> Plan:
        """Probe and plan everything, emit the plan, and return it.

        Raises:
            ConfigError: a module refuses what the host reports.
            HostError: the host was lost or cannot be read.
        """
        return self._begin_with(self._plan())

    def audit(self) -> Plan:
        """Do as `plan` does, but report what a module refuses together with everything else that is not as declared.

        Raises:
            HostError: the host was lost or cannot be read.
        """
        return self._begin_with(self._plan(refuses=False).not_judged())

    def ahead(self) -> None:
        """Run, before the host's turn, the steps that have no effect on what runs.

        Raises:
            StepError: a step failed.
            HostError: the host was lost.
        """
        self._begin()
        now, self.first = (self.first or self._plan()).ahead()
        if now.changing:
            self._apply(now, "prepare")

    def approach(self) -> bool:
        """Run everything before the first step that may stop or start a node; return whether there is such a step.

        Raises:
            DeployerError: as in `deploy`.
        """
        return self._run(halt=True)

    def deploy(self) -> None:
        """Bring the host to the declared state, and prove it by a second reading.

        Raises:
            StepError: a step failed, or a task stays unknown although everything before it ran.
            NotConverged: the second reading disagrees.
            HostError: the host was lost or cannot be read.
        """
        self._run(halt=False)
        if self.changed:
            self._look_again()

    def close(self) -> None:
        """Remove what nothing needs any more, and prove by another reading that everything is as declared.

        Raises:
            DeployerError: as in `deploy`.
        """
        waits, self.waits = self.waits, Plan(())
        if waits.all:
            self._apply(waits, "close")
            self._look_again()

    def _run(self, *, halt: bool) -> bool:
        """Apply segment by segment; with ``halt``, stop before the first switch and return whether there is one."""
        self._begin()
        told = self.first is not None
        while not self._ended:
            fresh = self.first is None
            plan = self.first or self._plan()
            waiting = any(task.verdict == "unknown" for task in plan.all)
            segment = plan.known_part() if waiting else plan
            if not told:
                self._tell(segment)
            now, later = segment.at_switch(self.units) if halt else (segment, Plan(()))
            known, waits = now.closing()
            self.waits = Plan(self.waits.tasks + waits.tasks)
            stuck = waiting and not (later.all or now.changing) and (fresh or not self._results)
            try:
                if known.changing or stuck:
                    self._apply(known, "apply", stuck=None if known.changing else plan.unknown[0])
            except StepError as error:
                place, self.first, told = self._go_on_after(error), None, False
                done = {id(one) for one in self.host_play.actions[:place]}
                self._note_woken([one for one in segment.tasks if id(one.action) in done])
                self.waits = Plan(tuple(one for one in self.waits.tasks if id(one.action) in done))
                self._remaining = self.host_play.actions[place:]
                continue
            self._remaining = self._remaining[segment.own - later.own :]
            if waiting:
                self._note_woken(now.tasks)
            if self._results and (flushes := [i for i, one in enumerate(now.tasks) if one.action.flush]):
                after = [one for one in now.tasks[flushes[-1] :] if one.wakes or one.verdict in ("change", "runs")]
                self._notified &= {name for one in after for name in one.notify}  # those before it have had their turn
                self.host_play = replace(self.host_play, handlers=self._results.flushed(self.host_play.handlers))
            rest = later.tasks + plan.tasks[len(segment.tasks) :]
            self.first = Plan(rest, plan.handlers) if later.all else None
            if later.all:
                return True
            self._ended, told = not waiting, False
        if self._failed:
            raise self._failed
        return False

    def _begin(self) -> None:
        """Reset the counters: the plan counted what would change, from now on they count what has changed."""
        if not self._begun:
            self.changed = self.ran = self.handled = 0
        if self._results:
            self._results.running = True
        self._begun = True

    def _apply(self, plan: Plan, stage: str, *, stuck: Planned | None = None) -> None:
        if stuck:
            problem, action = f"{stuck.action.label}: {stuck.reason}", stuck.action
            raise StepError(problem, where=action.task.mark, failed=action, result={"msg": stuck.reason})
        from deployer.engine.walk.apply import apply

        self.emit(Stage(self.transport.name, stage))
        play = self.host_play
        how: dict[str, Any] = {"become": play.become, "emit": self.emit, "elsewhere": self.elsewhere}
        for done in apply(self.transport, plan, play.handlers, **how):
            fresh = id(done.action) not in self._counted
            self._counted.add(id(done.action))
            changes = not done.result or bool(done.result["changed"])
            self.ran += fresh and done.verdict == "runs"
            self.changed += fresh and changes and done.verdict != "runs"
            self.handled += fresh and done.handler
            self.switched |= done.action.module.RESTARTS_NODES and not all(step.ahead for step in done.steps)
            if done.handler:
                self._notified -= {done.action.task.name, done.action.label}
            if self._results:
                self._results.ran(done, play.actions)
            if changes and not done.action.task.result.unchanged:
                self._notified.update(done.notify)
            elif named := set(done.notify) - self._notified:
                take_back(self.transport, play, named)

    def _begin_with(self, plan: Plan) -> Plan:
        self.first = plan
        self._tell(plan)
        self.changed, self.ran, self.handled = plan.counts()
        return plan

    def _look_again(self, *, followed: bool = False) -> None:
        from deployer.engine.walk.second_look import check_second_look, to_look_at

        actions = self.host_play.actions
        failed = self._results.forgiven(actions) if self._results else ()
        asked = to_look_at(asked_of(actions), self.host_play, failed)
        reading = self._read(asked)
        answers = probe.accept_answers(asked, reading)
        waiting = {id(planned.action) for planned in self.waits.tasks}
        # Tasks that depend on the state of the host (a firewall, on the ports of an sshd that this play has moved) are
        # applied once more.
        again = [task for task in self._made(asked, reading).tasks if task.action.module.FOLLOWS]
        late = Plan(tuple(task for task in again if id(task.action) not in waiting))
        if late.changing and not followed:
            self._apply(late, "apply")
            self._look_again(followed=True)
            return
        check_second_look(asked, answers, waiting)

"""The steps of a plan as one program, with the engine's notes between them about handlers that still have to run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned, handler_id, notes_of
from deployer.engine.walk.probe import probe_environment
from deployer.errors import StepError
from deployer.model import Blob
from deployer.modules import Step
from deployer.resolve import Action, HostPlay
from deployer.resolve.action import Delegate
from deployer.sh import Frame, Program, Sh, lines, sh
from deployer.transport.base import Transport

STEP_TIMEOUT = 600
"""Seconds for one step (a package installation, an unpack), and for a user's command without a timeout of its own."""
GRACE = 30
"""Seconds that a host has to kill a command after its deadline and to report that."""
TOLD = 20_000
"""Bytes of each stream of a command that its ``register`` holds; a step reports 64 KiB in all."""


@dataclass(frozen=True, slots=True)
class Job:
    """One fragment of an apply program: a step of a task, or the engine's own bookkeeping (``step`` is None)."""

    planned: Planned
    text: Sh
    step: Step | None = None

    @property
    def waits(self) -> bool:
        """Whether it has to be confirmed before anything else runs."""
        return bool(self.step and self.step.confirm)

    @property
    def place(self) -> Delegate | None:
        """The machine it is delegated to, if any; bookkeeping runs on the host itself."""
        return self.planned.action.place if self.step else None


Send: TypeAlias = Callable[[Sequence[Job]], Iterable[Frame]]
"""Runs jobs on some machine, and yields their answers."""


def jobs(plan: Plan, handlers: Sequence[Action]) -> Iterator[Job]:
    """Yield the jobs of a plan, in order.

    Before a task that notifies, the host writes a note for each handler, and removes it after the handler has run. So a
    run that is killed in between cannot lose a restart: the next run finds the note. The note of a handler whose result
    other handlers use is removed together with theirs, because the next run would need its result again.
    """
    given = [handler for handler in handlers if handler.task.result.register]
    woken = [planned for planned in plan.changing if planned.handler]
    last = {planned.action.task.name: planned for planned in woken}
    for planned in plan.changing:
        names = planned.notify
        for handler in handlers:
            if not handler.skip and names & {handler.task.name, handler.label}:
                note = sh('mkdir -p "$home/notified" && : >"$home/notified/"{}', handler_id(handler))
                yield Job(planned, note)
        for step in planned.steps:
            text = step.text
            if step.person and (planned.action.judge or planned.action.task.blocks):
                text = told_apart(text)
            yield Job(planned, probe_environment(planned.action.environment, text), step)
        if planned.handler:
            action = planned.action
            ended = notes_of(action) if last[action.task.name] is planned else {handler_id(action)}
            if plan.awaited and action.task.result.register:
                continue
            if planned is woken[-1] and not plan.awaited:
                ended = ended.union(*(notes_of(one) for one in given if one.task.name not in last))
            yield Job(planned, lines(*(sh('rm -f "$home/notified/"{}', note) for note in sorted(ended))))


def step_program(work: Sequence[Job], *, become: bool) -> Program:
    """Return the program of these jobs; each step finds its own blobs as ``$1`` and on."""
    fragments: list[Sh] = []
    blobs: list[Blob] = []
    users: dict[int, str] = {}
    given: dict[int, range] = {}
    bounds: dict[int, int] = {}
    people: dict[int, int] = {}
    for job in work:
        text = job.text
        if job.step and job.step.blobs:
            places = [Sh(f'"$blobs/{len(blobs) + i}"') for i in range(len(job.step.blobs))]
            hushed = job.planned.action.hides
            blobs += [replace(blob, hushed=True) for blob in job.step.blobs] if hushed else job.step.blobs
            text = lines(sh("set -- {}", Sh(" ".join(place.text for place in places))), text)
        if job.step and job.planned.action.user:
            users[len(fragments)] = job.planned.action.user
            given[len(fragments)] = range(len(blobs) - len(job.step.blobs), len(blobs))
            bounds[len(fragments)] = STEP_TIMEOUT + GRACE // 2
        if job.step and job.step.person:
            people[len(fragments)] = job.planned.action.timeout or STEP_TIMEOUT
        fragments.append(text)
    labels = tuple(f"{job.planned.action.label}: {job.step.what if job.step else 'note the handler'}" for job in work)
    texts, own = tuple(fragments), tuple(blobs)
    program = Program(texts, writes=True, blobs=own, become=become, people=people, labels=labels)
    return replace(program, users=users, given=given, bounds=bounds) if users else program


def patience(program: Program, work: Sequence[Job] = ()) -> float:
    """Return the seconds that each step of a program may take: those of the longest one, users' commands included."""
    own = (job.step.seconds for job in work if job.step)
    return max(STEP_TIMEOUT, *program.people.values(), *own, 0) + GRACE


def told_apart(text: Sh) -> Sh:
    """Return a command's text, wrapped so that its output has stdout and stderr apart."""
    from deployer.sh.captured import captured

    return captured(text, TOLD, fails=True)


def finish(transport: Transport, what: str, step: Sh, *, become: bool, seconds: float = 0) -> None:
    """Run one of the engine's own steps on a host; it may take ``seconds``, but never less than STEP_TIMEOUT.

    Raises:
        StepError: it failed; its output's last lines are in the message.
        HostError: the connection broke; the step ends by itself on the host.
    """
    program = Program((step,), writes=True, become=become, labels=(what,))
    for frame in transport.run(program, timeout=max(STEP_TIMEOUT, seconds)):
        if frame.rc:
            raise StepError(f"{what}: {step_last_words(frame.out, frame.rc)}", where=transport.name)


def take_back(transport: Transport, host_play: HostPlay, named: Collection[str]) -> None:
    """Remove a host's notes of handlers for a task that might have notified them, but then changed nothing."""
    noting = [one for one in host_play.handlers if {one.task.name, one.label} & set(named)]
    left = sorted(set[str]().union(*map(notes_of, noting)))
    text = sh('[ ! -d "$home/notified" ] || {{ cd "$home/notified" && rm -f -- {}; }}', left)
    finish(transport, "forget the handler", text, become=host_play.become)


def step_last_words(output: str, rc: int) -> str:
    """Return how a step failed, with the last lines of what it printed."""
    said = output.strip().splitlines()[-20:]
    return "\n    ".join([f"failed with status {rc}", *said])

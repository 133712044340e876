"""Apply a plan: its steps become one program, which stops at the first step that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from deployer.beam.diagnose import diagnose
from deployer.engine.walk import upload
from deployer.engine.walk.delegated import Prove, there, unchanged
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.judged import readable, settled_result
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.planned import Planned
from deployer.engine.walk.steps import Job, Send, jobs, patience, step_last_words, step_program
from deployer.errors import DeployerError, Locked, Reverted, StepError
from deployer.events import Emit, StepDone
from deployer.resolve import Action
from deployer.sh import Frame
from deployer.sh.captured import command_result, heard
from deployer.transport.base import Transport

_HIDDEN = "(what it said is not shown: no_log)"


def apply(
    transport: Transport,
    plan: Plan,
    handlers: Sequence[Action],
    *,
    become: bool,
    emit: Emit,
    elsewhere: Elsewhere | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Planned]:
    """Run a plan's changes on a host and emit each step as it ends; yield each task when all its steps have run.

    Large files are uploaded before the program, when it runs as root (`upload`).

    Raises:
        StepError: a step failed; its output's last lines are in the message, nothing after it ran.
        Unreachable: one of the declared ways to the host accepts no login, before anything has changed.
        Reverted: a switch failed, or a new login failed, and the host has gone back by itself.
        Locked: the change of another run waits to be confirmed.
        HostError: the connection broke; the step that was running ends by itself on the host.
    """
    work, before = list(jobs(plan, handlers)), clock()
    if any(job.waits and not job.place for job in work):
        transport.prove_ways()  # a way that is closed already must not be blamed on the change
    if work and become:
        work = list(_ahead(transport, work, emit))
    last, teller = _last(work), _Teller(transport.name, emit, clock, before)
    with closing(_sent(_parts(work), transport, elsewhere or Elsewhere(), become, teller.prove)) as sent:
        for part, frames, send in sent:
            last |= _last([job for job in part if job.place])  # `there` has planned these again
            if part[0].place and not frames:
                emit(StepDone(transport.name, part[0].planned.action.label, "done already", 0, clock() - teller.before))
                yield unchanged(part[0].planned)
            for frame in frames:
                job = part[frame.index]
                teller.tell(job, frame)
                if (last[id(job.planned)] is job or frame.rc) and not job.waits:
                    yield _judged(send, part, frame) if job.planned.action.judge else job.planned
            if part[-1].waits and frames:
                teller.confirm(transport, part[-1], become)
                if last[id(part[-1].planned)] is part[-1]:
                    yield part[-1].planned


def _last(work: Sequence[Job]) -> dict[int, Job]:
    """Return the last job of each task, by the id of the task; a judged task ends with the step that has its result."""
    found = {id(job.planned): job for job in work}
    return found | {id(job.planned): job for job in work if job.step and job.planned.action.judge}


@dataclass(slots=True)
class _Teller:
    """Reports how the jobs of a host end, and confirms those that wait for it, also on other machines.

    Attributes:
        before: the time at which the last job ended.
    """

    name: str
    emit: Emit
    clock: Callable[[], float]
    before: float

    def tell(self, job: Job, frame: Frame) -> None:
        """Report how a job has ended, unless `prove` has reported it already; raises the error of a failed job."""
        if not (job.place and job.waits):
            self._ended(job, frame)

    def prove(self, over: Transport, part: Sequence[Job], frames: Sequence[Frame], root: bool) -> None:
        """Report and confirm jobs that have run on another machine."""
        for frame in frames:
            self._ended(part[frame.index], frame)
        _confirm(over, part[-1], root, self.name, self.emit)

    def confirm(self, transport: Transport, job: Job, become: bool) -> None:
        """Confirm a job that waits on the host itself."""
        if not job.place:
            _confirm(transport, job, become, self.name, self.emit)

    def _ended(self, job: Job, frame: Frame) -> None:
        now = self.clock()
        _tell(job, frame, self.name, now - self.before, self.emit)
        self.before = now


def _sent(
    parts: Iterable[Sequence[Job]], transport: Transport, elsewhere: Elsewhere, become: bool, prove: Prove
) -> Generator[tuple[Sequence[Job], Iterable[Frame], Send]]:
    """Run each part; yield it, its answers (none if nothing was left to do), and a function that reruns jobs of it."""

    def own(part: Sequence[Job]) -> Iterable[Frame]:
        steps = step_program(part, become=become)
        return transport.run(steps, timeout=patience(steps, part))

    for part in parts:
        if place := part[0].place:
            yield *there(elsewhere, place, transport.name, part, prove), elsewhere.sender(place, transport.name)
        elif part[-1].waits:
            with elsewhere.alone(transport.name):
                yield part, own(part), own
        else:
            yield part, own(part), own


def _tell(job: Job, frame: Frame, name: str, seconds: float, emit: Emit) -> None:
    """Report how a job has ended; raises the error of a failed job."""
    label, (what, said, failed) = job.planned.action.label, _told(job, frame)
    if job.step or frame.rc:
        emit(StepDone(name, label, what, failed, seconds, said if failed else ""))
    if failed:
        raise _failure(job, f"{label}: {what}{_as(job)}: {step_last_words(said, failed)}", failed, frame.out)


def _as(job: Job) -> str:
    return f", as {job.planned.action.user}" if job.step and job.planned.action.user else ""


def _told(job: Job, frame: Frame) -> tuple[str, str, int]:
    """Return what a job did, its output for a person, and its status: 0 if the task may fail or is judged later."""
    what, said, failed, action = (
        job.step.what if job.step else "note the handler",
        frame.out,
        frame.rc,
        job.planned.action,
    )
    if job.step and not job.step.person:
        said = said.rpartition("\x1e")[2]  # the task's result comes before this mark
    if job.step and (action.judge or action.task.blocks):
        said, failed = readable(job.step, said), 0 if action.judge and action.judge.lenient else failed
    if action.hides:  # even the beginning of a command may contain the secret
        what = "run it" if job.step and job.step.person else what.partition(" ")[0] if action.hushed else what
        return what, _HIDDEN, failed
    return what, said, failed


def _judged(send: Send, part: Sequence[Job], frame: Frame) -> Planned:
    """Return a task that has run, with its result, after the retries it asks for; raises StepError when it failed."""
    planned = part[frame.index].planned
    steps = [one for one in part if one.planned is planned and one.step]
    return settled_result(planned, frame, lambda: [*send(steps)][-1])


def _parts(work: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """Split jobs into programs: one ends with a job to be confirmed or judged, and before a job in another place."""
    part: list[Job] = []
    for job, follower in zip(work, (*work[1:], None), strict=False):
        part.append(job)
        ends = follower is None or follower.planned is not job.planned or bool(job.step and not follower.step)
        moves = follower is not None and (follower.place != job.place or (job.place is not None and ends))
        if job.waits or moves or (job.planned.action.judge and job.planned.action.task.result.judged and ends):
            yield part
            part = []
    if part:
        yield part


def _confirm(transport: Transport, job: Job, become: bool, name: str, emit: Emit) -> None:
    from deployer.engine.walk.confirm import confirm

    label, mark, begin = job.planned.action.label, job.planned.action.task.mark, time.monotonic()
    assert job.step  # noqa: S101 - it waits
    assert job.step.confirm  # noqa: S101
    code = 0
    try:
        confirm(transport, job.step.confirm, become=become)
    except StepError as error:
        error.message, error.where, code = f"{label}: {error.message}", error.where or str(mark), error.exit_code
        raise
    finally:
        took = time.monotonic() - begin
        emit(StepDone(name, label, "confirm it over a new connection", code, took))


def _ahead(transport: Transport, work: Sequence[Job], emit: Emit) -> Iterator[Job]:
    """Send large files, and yield the jobs with those files marked as sent."""
    sent = upload.large([blob for job in work if job.step and not job.place for blob in job.step.blobs])
    for blob in sent:
        upload.send(transport, blob, emit)
    there = {blob.sha256 for blob in sent}
    for job in work:
        blobs = job.step.blobs if job.step else ()
        left = tuple(replace(blob, offset=blob.size) if blob.sha256 in there else blob for blob in blobs)
        yield replace(job, step=replace(job.step, blobs=left)) if job.step else job


def _failure(job: Job, problem: str, rc: int, out: str) -> DeployerError:
    action = job.planned.action
    if job.waits and rc == Locked.exit_code:
        return Locked(
            problem, where=action.task.mark, hint="deployer confirm --show says what waits, and --undo takes it back"
        )
    known = diagnose(out.splitlines()) if action.module.RESTARTS_NODES else None
    cause = f"{known.cause}: {known.advice}" if known else ""
    if action.module.RESTARTS_NODES and rc == Reverted.exit_code:
        hint = "; ".join(filter(None, (cause, "the nodes run as before; fix the cause and deploy again")))
        return Reverted(problem, where=action.task.mark, hint=hint)
    result: dict[str, object] = {"rc": rc, "msg": problem}
    if job.step and job.step.person and "\x1e" in out:
        result |= command_result(heard(out))
    return StepError(problem, where=action.task.mark, failed=action, result=result, hint=cause)

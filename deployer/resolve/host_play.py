"""One host's play: its tasks, handlers and hooks as actions, and what is checked of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from deployer.errors import NotYet
from deployer.fleet import Declaration
from deployer.gathering import Gathering
from deployer.load.undefined import NotDefined
from deployer.model import Host, Play, Task
from deployer.resolve.acting import waiting_for
from deployer.resolve.action import Action, Awaiting, Choice, Heard
from deployer.resolve.checks import check_acts, check_handlers, check_nodes, check_twice
from deployer.resolve.delegating import check_no_node
from deployer.resolve.labels import label_of
from deployer.resolve.rescuing import Failure, forgiven
from deployer.resolve.tasking import UNCHOSEN, Tasking


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a host has come in a play, as far as resolving it depends on that.

    Attributes:
        facts: what the host says of itself; None: it was not asked. Never templated.
        tasks: False leaves tasks and handlers out, for a run that makes its own.
        hooks: False leaves hooks out, too.
        results: what actions have given so far, by their place among those of the play.
        failures: of those in blocks.
        heard: what handlers have given so far.
    """

    facts: Mapping[str, Any] | None
    tasks: bool = True
    hooks: bool = True
    results: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    heard: Heard = field(default_factory=dict)


class Lists(NamedTuple):
    """What a play wants of one host."""

    actions: tuple[Action, ...]
    handlers: tuple[Action, ...]
    before_switch: tuple[Action, ...]
    after_start: tuple[Action, ...]
    failures: tuple[Failure, ...]
    """Those that were known, and those of tasks that fail by their own word."""

    @classmethod
    def of(cls, play: Play, choice: Choice, progress: Progress, tasking: Callable[..., Tasking]) -> Lists:
        """Return the actions of a play's tasks.

        Args:
            play: as loaded.
            choice: the tags that were chosen; they count for tasks alone.
            progress: how far the host has come.
            tasking: what takes tasks of the host.

        Raises:
            ConfigError: what is written is wrong; `Problems` has all of it.
        """
        problems, failures = Gathering(), list(progress.failures)
        made = partial(_actions, problems=problems)
        chosen = tasking(choice=choice, results=progress.results, failures=failures)
        actions = made(chosen, play.tasks if progress.tasks else ())
        notified = tasking(choice=None, play=chosen.play, results=progress.results)
        found = cls(
            actions,
            _handlers(notified, actions, problems, progress.heard) if progress.tasks else (),
            made(tasking(choice=None), play.turns.before_switch if progress.hooks else ()),
            made(tasking(choice=None), play.turns.after_start if progress.hooks else ()),
            (),
        )
        # What waits for a task that is wrong is no error of its own.
        problems.found = [error for error in problems.found if not isinstance(error, NotYet)] or problems.found
        problems.check()
        return found._replace(failures=tuple(failures))

    def check(
        self, own: Declaration | None, units: Callable[[Host], frozenset[str]], *, become: bool, strict: bool
    ) -> None:
        """Check what only all of them together show: handlers that are missing, what is declared twice, and so on.

        Raises:
            ConfigError: with the place of the task.
        """
        hooks = *self.before_switch, *self.after_start
        check_handlers((*self.actions, *self.handlers), self.handlers)
        check_twice([one for one in self.actions if not (self.failures and forgiven(one.task, self.failures))])
        check_no_node((*self.actions, *self.handlers), units)
        check_acts(self.actions, (*self.handlers, *hooks), strict=strict)
        check_nodes(hooks, own, become=become)


def _actions(tasking: Tasking, tasks: Iterable[Task], problems: Gathering) -> tuple[Action, ...]:
    """Return what tasks want; what is wrong in one goes to ``problems``."""
    actions: list[Action] = []
    for task in tasks:
        with problems.going_on():
            actions += tasking.actions(task)
    return tuple(actions)


def _handlers(
    tasking: Tasking,
    actions: Sequence[Action],
    problems: Gathering,
    heard: Heard,
) -> tuple[Action, ...]:
    """Return the handlers of a play.

    One that uses what is not defined on this host is no error where no task of the host can notify it: Ansible looks
    at a handler only when it runs. One that uses a result that is not known yet waits for it,
    and so does one that uses what a known result lacks: where nothing wakes it, nobody asks.

    Args:
        tasking: of the host, with the play as far as it is known.
        actions: what the host's tasks are.
        problems: where errors go.
        heard: what handlers have given so far.
    """
    found: list[Action] = []
    for task in tasking.play.handlers:
        with problems.going_on():
            try:
                own = list(tasking.actions(task))
                found += own
                _register(tasking, task, own, actions, heard)
            except NotYet as error:
                if task.include:  # nobody knows what it brings
                    raise
                found.append(_waiting(tasking, task, error))
                _register(tasking, task, found[-1:], actions, heard)
            except NotDefined as error:
                if tasking.results and error.inside:
                    found.append(_waiting(tasking, task, NotYet(error.inside, "it is not there")))
                    continue
                if _may_notify(tasking.play, actions, task):
                    raise
                found.append(Action(task, str(task.name), skip=f"nothing notifies it: {error.message}"))
    return tuple(found)


def _register(
    tasking: Tasking,
    task: Task,
    own: Sequence[Action],
    actions: Sequence[Action],
    heard: Heard,
) -> None:
    """Let those behind a handler see what it registers; where nothing notifies it, they see what is there without it.

    Args:
        tasking: of the host.
        task: the handler.
        own: its actions.
        actions: what the host's tasks are.
        heard: what handlers have given so far.
    """
    name = task.result.register
    if not name or (task.name in heard and heard[task.name] is None):
        return
    from deployer.load.results import Foreseen
    from deployer.resolve.judging import registered

    given = heard.get(task.name)
    if given is None and _may_notify(tasking.play, actions, task):
        skipped, reason = all(one.skip for one in own), f"the handler {str(task.name)!r} has not run yet"
        given = registered(task, [(None, one, None) for one in own]) if skipped else Foreseen(name, reason, sure=False)
    if given is not None:
        hushed = task.no_log or any(one.hides for one in own)
        tasking.scopes.put(tasking.host, {name: given}, {}, {}, hushed=hushed)


def _waiting(tasking: Tasking, task: Task, error: NotYet) -> Action:
    """Return what stands for a handler whose result is not there: not yet, or not with what only a change gives."""
    label = label_of(task, tasking.scopes.task(tasking.host, task))
    notify = tuple(name for name in task.notify if "{{" not in name)
    return replace(waiting_for(task, error), label=label, notify=notify)


def _may_notify(play: Play, actions: Sequence[Action], handler: Task) -> bool:
    """Return whether a handler may be notified on a host, now or when more is known."""
    live = [one for one in actions if not one.skip.startswith("not: ") and one.skip != UNCHOSEN]
    if any(isinstance(one.module, Awaiting) and one.task.include for one in live):
        return True
    named = {name for one in live for name in (*one.notify, *one.task.notify)}
    while handler.name not in named:
        woken = [one for one in play.handlers if one is not handler and (one.name in named or "{{" in one.name)]
        more = {name for topic in named for name in play.listeners.get(topic, ())}
        more |= {name for one in woken for name in one.notify}
        if more <= named:
            return any("{{" in name for name in (handler.name, *named))
        named |= more
    return True

"""One host's play: its tasks, handlers and hooks as actions, and the checks that need all of them."""

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
    """What is known of a host when its play is resolved.

    Attributes:
        facts: the host's facts, never templated; None: it was not asked.
        tasks: False leaves out tasks and handlers, for a run that makes its own.
        hooks: False leaves out hooks, too.
        results: results of actions so far, by their place among those of the play.
        failures: failures of tasks in blocks so far.
        heard: results of handlers so far.
    """

    facts: Mapping[str, Any] | None
    tasks: bool = True
    hooks: bool = True
    results: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    heard: Heard = field(default_factory=dict)


class Lists(NamedTuple):
    """The actions of a play on one host."""

    actions: tuple[Action, ...]
    handlers: tuple[Action, ...]
    before_switch: tuple[Action, ...]
    after_start: tuple[Action, ...]
    failures: tuple[Failure, ...]
    """The failures that were known, and those of ``fail`` and ``assert`` tasks."""

    @classmethod
    def of(cls, play: Play, choice: Choice, progress: Progress, tasking: Callable[..., Tasking]) -> Lists:
        """Return the actions of a play.

        Args:
            play: as loaded.
            choice: the chosen tags; they count only for tasks.
            progress: what is known of the host.
            tasking: makes the `Tasking` of the host.

        Raises:
            ConfigError: the project has an error; `Problems` has all errors.
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
        # A task that waits for one with an error has no error of its own.
        problems.found = [error for error in problems.found if not isinstance(error, NotYet)] or problems.found
        problems.check()
        return found._replace(failures=tuple(failures))

    def check(
        self, own: Declaration | None, units: Callable[[Host], frozenset[str]], *, become: bool, strict: bool
    ) -> None:
        """Run the checks that need all actions: missing handlers, files declared twice, and so on.

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
    """Return the actions of tasks; their errors go to ``problems``."""
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

    A handler that uses an undefined variable is no error if no task of the host can notify it: Ansible renders a
    handler only when it runs. A handler that uses a result which is not known yet waits for it. So does one that uses
    a key that a known result does not have: this matters only if it is notified.

    Args:
        tasking: the host's tasking, with the play as far as it is known.
        actions: the actions of the host's tasks.
        problems: gets the errors.
        heard: results of handlers so far.
    """
    found: list[Action] = []
    for task in tasking.play.handlers:
        with problems.going_on():
            try:
                own = list(tasking.actions(task))
                found += own
                _register(tasking, task, own, actions, heard)
            except NotYet as error:
                if task.include:  # the handlers that it includes are not known
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
    """Set the variable that a handler registers, for the handlers after it; not if nothing notifies the handler.

    Args:
        tasking: the host's tasking.
        task: the handler.
        own: its actions.
        actions: the actions of the host's tasks.
        heard: results of handlers so far.
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
    """Return the action that stands for a handler which uses a result, or a key of one, that is not there yet."""
    label = label_of(task, tasking.scopes.task(tasking.host, task))
    notify = tuple(name for name in task.notify if "{{" not in name)
    return replace(waiting_for(task, error), label=label, notify=notify)


def _may_notify(play: Play, actions: Sequence[Action], handler: Task) -> bool:
    """Return whether a task or another handler of the host may notify a handler, now or when more is known."""
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

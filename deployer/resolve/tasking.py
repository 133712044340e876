"""Turns one host's tasks, in order, into actions: applies tags, conditions, loops and includes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from deployer.errors import ConfigError, NotYet, TaskFails
from deployer.fields import coerce
from deployer.load.hushed import listening, silenced
from deployer.load.keywords import ACTS, SETTERS
from deployer.load.marked import joined
from deployer.load.scope import Scopes
from deployer.load.template import Layer, Variables
from deployer.model import Block, Connection, Gate, Host, Include, Mark, Play, Task
from deployer.resolve.acting import Acting, waiting_for
from deployer.resolve.action import Action, Choice
from deployer.resolve.delegating import Delegates
from deployer.resolve.labels import item_label, label_of, of_rounds, unmet
from deployer.resolve.making import Maker, facts_of
from deployer.resolve.rescuing import Failing, Failure, left_out, own_blocks, spoken

UNCHOSEN = "its tags are not chosen"
"""Why a task without a chosen tag is skipped."""
MAX_INCLUDES = 16
"""The depth to which includes may be nested."""


@dataclass(slots=True)
class Tasking:
    """Turns the tasks of one host into actions. Stateful: knows whether the play has ended, and the results of gates.

    Attributes:
        choice: the chosen tags; None if all tasks count (handlers, hooks).
        first: the host that runs ``run_once`` tasks for the play or the batch; empty: this host.
        results: results of actions that have run or were probed, by their place in the play.
        failures: failures of tasks in blocks: those known before, and those found here.
    """

    play: Play
    scopes: Scopes
    host: Host
    connection: Connection
    maker: Maker
    choice: Choice | None
    delegates: Delegates
    first: str = ""
    results: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    ended: str = ""
    _gates: dict[tuple[Gate, str], str] = field(default_factory=dict)
    _asked: dict[Mark, int] = field(default_factory=dict)
    _roles: set[Any] = field(default_factory=set)
    _count: int = 0
    _blocked: NotYet | None = None
    _doer: Host | None = None

    def actions(self, task: Task, over: tuple[Layer, ...] = (), depth: int = 0) -> Iterator[Action]:
        """Yield the actions of a task: one, one for each round of its loop, or those of its include.

        Args:
            task: as written.
            over: variables of the rounds of the loops around it.
            depth: number of includes around it.

        A task that uses an unknown result of another task is one action that waits for it.

        Raises:
            ConfigError: the task has an error.
        """
        begin = self._count
        try:
            if self._blocked:
                raise self._blocked
            yield from list(self._actions(task, over, depth))
        except NotYet as error:
            if self.choice is None:
                raise
            self._count = begin
            self._unknown(task, "has not run yet")
            if task.include or task.module in ("include_vars", "meta"):  # what it sets or runs is unknown
                self._blocked = error
            yield self._told(waiting_for(task, error))
        except ConfigError:
            if self.choice:  # one error is enough: tasks that use what it would have set get none
                self._unknown(task, "is wrong")
                self._blocked = NotYet("it", "it is wrong") if task.module == "include_vars" else self._blocked
            raise

    def _unknown(self, task: Task, why: str) -> None:
        """Mark the variables that a task would have set as unknown."""
        from deployer.load.results import Foreseen

        names = [*(task.args if task.module == "set_fact" else ()), *filter(None, [task.result.register])]
        why = f"{str(task.name)!r} {why}"
        sets, reads = ({name: Foreseen(name, why) for name in some} for some in (names, facts_of(task)))
        self.scopes.put(self.host, sets, {}, reads)

    def _told(self, action: Action) -> Action:
        self._count += 1
        return action

    def _actions(self, task: Task, over: tuple[Layer, ...], depth: int) -> Iterator[Action]:
        self._doer = self.host
        if task.run_once and self.choice and not self._alone(task, over):
            if not (task.result.register or task.module in SETTERS or facts_of(task)):
                yield self._told(Action(task, task.name, skip=f"run_once: {self.first} does it"))
                return
            self._doer = self.delegates.hosts[self.first]  # all hosts need its result
        if no := self._left_out(task):
            yield self._told(Action(task, task.name, skip=no))
            return
        if passed := [one for one in self.failures if one.place < self._count]:
            over = (*over, passed[-1].variables())
        if self.choice is None and task.module in ACTS and task.module != "debug":
            hint = "handlers and hooks act: systemd, command, shell; write it among the tasks"
            raise ConfigError(f"{task.module} does nothing when it is notified", where=task.mark, hint=hint)
        variables = self._scope(task)
        variables = variables.over(*over) if over else variables
        if no := self.ended or self._shut(task, variables):
            skipped = Action(task, task.name if no == UNCHOSEN else label_of(task, variables), skip=no)
            yield from self._kept(task, [(None, skipped)], told=no != UNCHOSEN)
            return
        named = None if task.loop is None else of_rounds(task.control.var, task.control.index or task.control.var)
        early = [condition for condition in task.when if not (named and named.search(condition))]
        if no := unmet(early, variables, task):
            yield from self._kept(task, [(None, Action(task, label_of(task, variables), skip=no))])
            return
        if task.loop is None:
            yield from self._kept(task, ((None, one) for one in self._one(task, variables, "", over, depth)))
            return
        yield from self._kept(task, self._rounds(task, variables, over, depth, early))

    def _rounds(
        self, task: Task, variables: Variables, over: tuple[Layer, ...], depth: int, early: Sequence[str]
    ) -> Iterator[tuple[Any, Action]]:
        from deployer.resolve.looping import items_of, rounds

        with listening() as heard:
            try:
                items = items_of(task, variables, self.maker.sources)
            except ConfigError as error:
                raise silenced(error, heard, "a loop", task.mark) from None
        if not items:
            yield None, Action(task, label_of(task, variables), skip="its loop is empty")
        late = [condition for condition in task.when if condition not in early]
        for item, given in rounds(task, items):
            layer = replace(given, hushed=frozenset(given.values if heard.touched else ()))
            inner = (self._scope(task) if task.module in ACTS else variables).over(layer, *over)
            label = f"{label_of(task, inner)}{item_label(task, item, inner)}"
            if no := self._left_out(task) or unmet(late, inner, task):
                yield item, Action(task, label, skip=no)
            else:
                yield from ((item, one) for one in self._one(task, inner, label, (layer, *over), depth))

    def _kept(self, task: Task, found: Iterable[tuple[Any, Action]], *, told: bool = True) -> Iterator[Action]:
        """Yield actions, and set what the task registers; actions of an include were counted before."""
        if task.include:
            for _, action in found:
                yield action if action.task is not task else self._told(action)
            return
        entries = []
        for item, action in found:
            entries.append((item, action, self.results.get(self._count)))
            yield self._told(action)
        reads = facts_of(task)
        if (task.result.register or reads) and told and self.choice:
            from deployer.resolve.judging import facts_read, registered

            hushed = task.no_log or any(action.hides for _, action, _ in entries)
            given = {task.result.register: registered(task, entries)} if task.result.register else {}
            self.scopes.put(self.host, given, {}, facts_read(entries) if reads else {}, hushed=hushed)

    def _scope(self, task: Task) -> Variables:
        """Return a task's variables on the host that runs it; for ``run_once``, they are the same for all hosts."""
        doer = self._doer or self.host
        if not (task.run_once and self.choice):
            return self.scopes.task(doer, task)
        nth = self._asked[task.mark] = self._asked.get(task.mark, 0) + 1
        return self.scopes.once(doer, task, nth, now=doer is self.host)

    def _alone(self, task: Task, over: tuple[Layer, ...]) -> bool:
        """Return whether this host runs a ``run_once`` task itself: it is the first, or ``run_once`` is false."""
        if isinstance(task.run_once, str):
            said = self.scopes.task(self.host, task).over(*over).render(task.run_once, task.mark, "run_once")
            if not coerce(bool, said, "run_once"):
                return True
        return self.first in ("", self.host.name)

    def _shut(self, task: Task, variables: Variables) -> str:
        """Return why a task is left out: its tags, or the conditions of the includes around it."""
        if self.choice and not self.choice.chooses(task):
            return UNCHOSEN
        for gate in task.gates:
            key = gate, self._doer.name if self._doer else ""  # its result may differ between hosts
            if key not in self._gates:
                self._gates[key] = unmet(gate.when, variables, replace(task, mark=gate.mark))
            if self._gates[key]:
                return self._gates[key]
        return ""

    def _one(
        self, task: Task, variables: Variables, label: str, over: tuple[Layer, ...], depth: int
    ) -> Iterator[Action]:
        label = label or label_of(task, variables)
        if task.include:
            yield from self._included(task, variables, over, depth)
        elif task.module in ACTS:
            from deployer.resolve.acts import Answers

            answers = Answers(self.maker.sources, partial(self.scopes.put, self.host))
            try:
                done = answers.answer(task, variables, label)
            except TaskFails as error:
                done = self._failed(task, label, error)
            self.ended = f"the host has ended the play ({done.skip})" if done.ends else ""
            yield done
        else:
            on, doer = (self.host, self.connection), self._doer or self.host
            made = Acting(self.play, *on, self.maker, self.delegates, doer, acts=self.choice is None)
            yield from made.actions(task, variables, label)

    def _left_out(self, task: Task) -> str:
        return left_out(task, self._count, self.failures) if task.blocks or self.failures else ""

    def _failed(self, task: Task, label: str, error: TaskFails) -> Action:
        """Return the action for a ``fail`` or ``assert`` task that fails."""
        told = error.message.removeprefix(f"{label}: ")
        if any(one.place < self._count for one in self.failures):  # others have to run before it
            return Action(task, label, Failing(reason=told))
        failure = Failure(self._count, task, {"changed": False, "failed": True, "msg": spoken(task, told, error)})
        if not failure.catcher:
            raise error
        if all(one.place != self._count for one in self.failures):
            self.failures.append(failure)
        return Action(task, label, skip=f"fails: {told}", says=f"fails, and the rescue of its block goes on: {told}")

    def _included(self, task: Task, variables: Variables, over: tuple[Layer, ...], depth: int) -> Iterator[Action]:
        if depth >= MAX_INCLUDES:
            raise ConfigError(f"includes are nested deeper than {MAX_INCLUDES}", where=task.mark)
        read: Include = task.include or (lambda _args, _met: ((), lambda play: play))
        blocks, key = dict[Block, Block](), (self._count, depth)
        tasks, brought = read(variables.render(task.args, task.mark, task.module), self._roles)
        self.play = brought(self.play)
        for inner in tasks:
            own = own_blocks(inner, task, key, blocks) if inner.blocks else inner
            mine = replace(own, defaults=joined(task.defaults, inner.defaults), vars=joined(task.vars, inner.vars))
            yield from self.actions(mine, over, depth + 1)

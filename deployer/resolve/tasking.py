"""One host's tasks in their order → actions: what is chosen, what its conditions leave, what includes bring."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from deployer.errors import ConfigError
from deployer.load.inherited import joined
from deployer.load.inventory import masked
from deployer.load.keywords import ACTS, SETTERS
from deployer.load.scope import Scopes
from deployer.load.template import Layer, Variables
from deployer.model import Connection, Gate, Host, Play, Task
from deployer.resolve.action import Action
from deployer.resolve.confirming import confirm_of, undoable
from deployer.resolve.making import Maker, environment_of, timeout_of, user_of

_UNCHOSEN = "its tags are not chosen"
MAX_INCLUDES = 16
"""How deep includes may nest."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tags a person chose."""

    tags: frozenset[str]
    skip_tags: frozenset[str]

    @classmethod
    def of(cls, tags: Collection[str], skip_tags: Collection[str]) -> Choice:
        """Return the choice of ``--tags`` and ``--skip-tags``."""
        return cls(frozenset(tags), frozenset(skip_tags))

    def takes(self, tags: frozenset[str]) -> bool:
        """Return whether tags let a task run; always, never, tagged, untagged and all mean what Ansible means."""
        own = tags | {"tagged"} if tags - {"always", "never"} else tags | {"untagged"}
        if own & self.skip_tags or ("all" in self.skip_tags and "always" not in tags):
            return False
        if "never" in tags:
            return bool(tags & (self.tags - {"all"}))
        return not self.tags or bool(own & self.tags) or "always" in tags or "all" in self.tags


@dataclass(slots=True)
class Tasking:
    """The tasks of one host on their way to actions; state: whether it has ended, and what gates have said.

    Attributes:
        choice: the tags that were chosen; None where all tasks count (handlers, hooks).
        first: the name of the play's first host, who does what is done once; empty: whoever is asked.
    """

    play: Play
    scopes: Scopes
    host: Host
    connection: Connection
    maker: Maker
    choice: Choice | None
    first: str = ""
    ended: str = ""
    _gates: dict[Gate, str] = field(default_factory=dict)

    def actions(self, task: Task, over: tuple[Layer, ...] = (), depth: int = 0) -> Iterator[Action]:
        """Yield what a task is on this host: one action, one for each round of its loop, or those of its include.

        Args:
            task: as written.
            over: variables of the rounds of the loops around it.
            depth: how many includes are around it.

        Raises:
            ConfigError: anything about it is wrong.
        """
        if task.run_once and self.choice and not self._alone(task):
            yield Action(task, task.name, skip=f"run_once: {self.first} does it")
            return
        if self.choice is None and task.module in ACTS and task.module != "debug":
            hint = "handlers and hooks act: systemd, command, shell; write it among the tasks"
            raise ConfigError(f"{task.module} does nothing when it is notified", where=task.mark, hint=hint)
        variables = self.scopes.task(self.host, task)
        variables = variables.over(*over) if over else variables
        if no := self.ended or self._shut(task, variables):
            yield Action(task, task.name if no == _UNCHOSEN else label_of(task, variables), skip=no)
            return
        control = task.control
        named = re.compile(rf"\b(?:{control.var}|{control.index or control.var}|ansible_loop)\b")
        early = [condition for condition in task.when if task.loop is None or not named.search(condition)]
        if no := unmet(early, variables, task):
            yield Action(task, label_of(task, variables), skip=no)
            return
        if task.loop is None:
            yield from self._one(task, variables, label_of(task, variables), over, depth)
            return
        from deployer.resolve.looping import items_of, rounds

        items = items_of(task, variables, self.maker.sources)
        if not items:
            yield Action(task, label_of(task, variables), skip="its loop is empty")
        late = [condition for condition in task.when if condition not in early]
        for item, layer in rounds(task, items):
            inner = (self.scopes.task(self.host, task) if task.module in ACTS else variables).over(layer, *over)
            label = f"{label_of(task, inner)}{item_label(task, item, inner)}"
            if no := unmet(late, inner, task):
                yield Action(task, label, skip=no)
            else:
                yield from self._one(task, inner, label, (layer, *over), depth)

    def _alone(self, task: Task) -> bool:
        """Return whether this is the one host of the play that runs a task that is run once.

        Raises:
            ConfigError: the play has batches, or the task sets variables, which all hosts would have to know.
        """
        if self.play.turns.serial is not None:
            hint = "write a play for one host, or a hook, which understands run_once in each batch"
            raise ConfigError("run_once is not understood in a play with serial", where=task.mark, hint=hint)
        if task.module in SETTERS or task.include:
            hint = "leave run_once out: every host answers it for itself, before anything runs"
            raise ConfigError(f"run_once is not understood with {task.module}", where=task.mark, hint=hint)
        return self.first in ("", self.host.name)

    def _shut(self, task: Task, variables: Variables) -> str:
        """Return why a task is not there at all: its tags, or what stands at the includes around it."""
        if self.choice and not all(self.choice.takes(tags) for tags in (task.tags, *(one.tags for one in task.gates))):
            return _UNCHOSEN
        for gate in task.gates:
            if gate not in self._gates:
                self._gates[gate] = unmet(gate.when, variables, replace(task, mark=gate.mark))
            if self._gates[gate]:
                return self._gates[gate]
        return ""

    def _one(
        self, task: Task, variables: Variables, label: str, over: tuple[Layer, ...], depth: int
    ) -> Iterator[Action]:
        if task.include:
            yield from self._included(task, variables, over, depth)
        elif task.module in ACTS:
            from deployer.resolve.acts import Answers

            done = Answers(self.maker.sources, partial(self.scopes.put, self.host)).answer(task, variables, label)
            self.ended = "the host has ended the play (meta: end_host)" if done.ends else ""
            yield done
        else:
            yield self._action(task, variables, label)

    def _included(self, task: Task, variables: Variables, over: tuple[Layer, ...], depth: int) -> Iterator[Action]:
        if depth >= MAX_INCLUDES:
            raise ConfigError(f"includes are nested deeper than {MAX_INCLUDES}", where=task.mark)
        read: Callable[[Mapping[str, object]], Sequence[Task]] = task.include or (lambda _args: ())
        for inner in read(variables.render(task.args, task.mark, task.module)):
            mine = replace(inner, defaults=joined(task.defaults, inner.defaults), vars=joined(task.vars, inner.vars))
            yield from self.actions(mine, over, depth + 1)

    def _action(self, task: Task, variables: Variables, label: str) -> Action:
        module = self.maker.make(task, variables)
        names = [str(variables.render(name, task.mark)) for name in task.notify]
        notify = dict.fromkeys(name for one in names for name in (one, *self.play.listeners.get(one, ())))
        known = {handler.name for handler in self.play.handlers}
        told = tuple(name for name in notify if name in known or name not in self.play.listeners)
        user, environment = None if task.local else user_of(task, self.connection), environment_of(task, variables)
        timeout, confirm = timeout_of(task, variables), confirm_of(task, variables, module, self.connection)
        undoes = undoable(task, module) if confirm else ()
        return Action(task, label, module, told, user, environment, timeout, confirm, undoes)


def unmet(conditions: Sequence[str], variables: Variables, task: Task) -> str:
    """Return why a task is skipped, or nothing when every condition holds."""
    for condition in conditions:
        if not variables.holds(condition, task.mark):
            return f"not: {condition}"
    return ""


def label_of(task: Task, variables: Variables) -> str:
    """Return a task's name, rendered as far as it can be."""
    try:
        return str(variables.render(task.name, task.mark))
    except ConfigError:
        return str(task.name)  # a name is no reason to fail


def item_label(task: Task, item: Any, variables: Variables) -> str:
    """Return how a label names a loop's item; not at all where nothing of the task may be shown."""
    if task.no_log:
        return ""
    label = task.control.label
    return f" => {_shown(item if label is None else variables.render(label, task.mark, 'label'))}"


def _shown(item: Any) -> str:
    """Return how a loop's item is called in a label; secrets in it are masked."""
    named = item.get("name") if isinstance(item, Mapping) else None
    plain = masked(item if named is None else named)
    text = plain if isinstance(plain, str) else repr(plain)
    return text if len(text) <= 60 else f"{text[:57]}…"

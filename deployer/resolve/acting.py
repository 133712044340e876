"""Turns a task, or one round of its loop, into actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from deployer.errors import ConfigError, NotYet
from deployer.load.hushed import listening, silenced
from deployer.load.instead import OF_OTHER_SYSTEMS
from deployer.load.keywords import ACTS
from deployer.load.template import Variables
from deployer.model import Connection, Host, Play, Task
from deployer.modules import Module
from deployer.resolve.action import Action, Awaiting, AwaitingRestart, Delegate
from deployer.resolve.becoming import becomes_another, check_may_act, user_of
from deployer.resolve.confirming import confirm_of, undoable
from deployer.resolve.delegating import Delegates, delegated
from deployer.resolve.homes import home_of
from deployer.resolve.making import Maker, environment_of, module_class, timeout_of


@dataclass(frozen=True, slots=True)
class Acting:
    """Makes actions of one host.

    Attributes:
        play: this, and what is not listed, as in `deployer.resolve.tasking.Tasking`.
        doer: the host whose variables are used; for ``run_once``, the host that runs the task for all.
        acts: its actions act when it is their turn and read nothing before that, as handlers and hooks do.
    """

    play: Play
    host: Host
    connection: Connection
    maker: Maker
    delegates: Delegates
    doer: Host
    acts: bool = False

    def actions(self, task: Task, variables: Variables, label: str) -> Iterator[Action]:
        """Yield the actions of a task: one, or one for each file of a directory that it copies.

        Raises:
            ConfigError: the task has an error.
        """
        if task.module != "copy" or "src" not in task.args:
            yield self.action(task, variables, label)
            return
        from deployer.resolve.trees import in_tree

        with listening() as heard:
            try:
                parts = in_tree(task, variables, self.maker.sources, lambda: self._where(task, variables)[-1])
            except ConfigError as error:
                raise silenced(error, heard, task.module, task.mark) from None
        for path, part, module in parts:
            own = label if not path or heard.touched or task.no_log else f"{label} => {path}"
            found = self.action(part, variables, own, module)
            yield replace(found, hushed=found.hushed or heard.touched)

    def action(self, task: Task, variables: Variables, label: str, module: Module | None = None) -> Action:
        """Return the action of a task, with its arguments checked; ``module``: the module if it was made already.

        Raises:
            ConfigError: the task has an error.
        """
        with listening() as heard:
            try:
                found = self._made(task, variables, label, module)
            except ConfigError as error:
                raise silenced(error, heard, task.module, task.mark) from None
        if heard.touched:
            found = replace(found, hushed=True)
        words = task.result
        if not (words.register or words.judged or found.facts):
            return found
        if found.confirm:
            hint = "write two tasks: what is confirmed goes back by itself, and has no result until then"
            raise ConfigError("confirm goes without register, until and their like", where=task.mark, hint=hint)
        from deployer.resolve.judging import ResultJudge

        return replace(found, judge=ResultJudge.of(task, variables))

    def _where(self, task: Task, variables: Variables) -> tuple[Connection, Delegate | None, str | None, str | None]:
        """Return a task's connection, delegate, user, and that user's home."""
        once = self.doer.name != self.host.name
        connection = self.delegates.connection(self.doer) if once else self.connection
        on, place = delegated(task, variables, self.doer, connection, self.delegates)
        if once and not place:
            place = Delegate(self.doer.name, on.become, self.doer)
        elsewhere = place is not None
        another = becomes_another(task, variables, on, every=self.delegates.become, elsewhere=elsewhere)
        user = None if task.local or task.as_node else user_of(task, variables, on, another=another)
        return on, place, user, home_of(user, on, variables, elsewhere=elsewhere)

    def _made(self, task: Task, variables: Variables, label: str, given: Module | None) -> Action:
        on, place, user, home = self._where(task, variables)
        once = self.doer.name != self.host.name
        module, words = given or self.maker.make(task, variables, home, str(place or "")), task.result
        if user and module.handler_only and not words.ignore_errors:
            check_may_act(task, user)
        if words.register and not self.acts and (module.only_reads or words.unchanged or words.check_mode is False):
            module = module.reading()
        if once and not module.READS:
            hint = "give it changed_when: false where it only reads; or write a play for one host before this one"
            raise ConfigError("run_once with register is for what only reads", where=task.mark, hint=hint)
        if task.module == "file" and (made := vars(module))["state"] not in (None, "file", "touch"):  # attributes
            folders, path = self.maker.folders, (str(place or ""), made["path"])
            (folders.add if made["state"] == "directory" else folders.discard)(path)
        names = [str(variables.render(name, task.mark)) for name in task.notify]
        notify = dict.fromkeys(name for one in names for name in (one, *self.play.listeners.get(one, ())))
        known = {handler.name for handler in self.play.handlers}
        told = tuple(name for name in notify if name in known or name not in self.play.listeners)
        environment = environment_of(task, variables)
        timeout, confirm = timeout_of(task, variables), confirm_of(task, variables, module, on, user)
        undoes = undoable(task, module) if confirm else ()
        label = f"{label}, on {place}" if place else label
        return Action(task, label, module, told, user, environment, timeout, confirm, undoes, place=place)


def waiting_for(task: Task, error: NotYet) -> Action:
    """Return the action that stands for a task which cannot be resolved yet."""
    known = None if task.include or task.module in (*ACTS, *OF_OTHER_SYSTEMS) else module_class(task)
    restarts = task.include or task.module == "systemd" or (known and known.RESTARTS_NODES)
    reason = f"it uses {error.name!r}: {error.reason}"
    return Action(task, str(task.name), (AwaitingRestart if restarts else Awaiting)(name=error.name, reason=reason))

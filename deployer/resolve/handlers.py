"""The handlers of a play on one host: those that may be notified there have to be right."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.gathering import Gathering
from deployer.load.undefined import NotDefined
from deployer.model import Play, Task
from deployer.resolve.action import Action, Awaiting
from deployer.resolve.tasking import UNCHOSEN, Tasking


def handlers_of(tasking: Tasking, play: Play, actions: Sequence[Action], problems: Gathering) -> tuple[Action, ...]:
    """Return the handlers of a play.

    One that uses what is not defined on this host is no error where no task of the host can notify it: Ansible looks
    at a handler only when it runs.

    Args:
        tasking: of the host.
        play: whose handlers they are.
        actions: what the host's tasks are.
        problems: where errors go.
    """
    found: list[Action] = []
    for task in play.handlers:
        with problems.going_on():
            try:
                found += list(tasking.actions(task))
            except NotDefined as error:
                if _may_notify(play, actions, task):
                    raise
                found.append(Action(task, str(task.name), skip=f"nothing notifies it: {error.message}"))
    return tuple(found)


def _may_notify(play: Play, actions: Sequence[Action], handler: Task) -> bool:
    """Return whether a handler may be notified on a host, now or when more is known."""
    live = [one for one in actions if not one.skip.startswith("not: ") and one.skip != UNCHOSEN]
    if any(isinstance(one.module, Awaiting) and one.task.include for one in live):
        return True
    tasks = [*(one.task for one in live), *(one for one in play.handlers if one is not handler)]
    named = {name for one in live for name in one.notify} | {name for task in tasks for name in task.notify}
    named |= {name for topic in named for name in play.listeners.get(topic, ())}
    return handler.name in named or any("{{" in name for name in (handler.name, *named))

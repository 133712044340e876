"""After a task has failed: what its blocks (``rescue``, ``always``) leave to do of the host's play."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deployer.errors import ConfigError, Reverted, StepError
from deployer.resolve import HostPlay
from deployer.resolve.action import NOTHING
from deployer.resolve.rescuing import Failure

if TYPE_CHECKING:
    from deployer.engine.walk.results import Results

_GOES_ON = "it failed, and {what} of its block goes on"


def failed_place(host_play: HostPlay, error: StepError) -> int:
    """Return the place of the action that has failed.

    Raises:
        StepError: the error itself, if the failed task is in no block of the play, or the host has reverted by itself.
    """
    places = (i for i, one in enumerate(host_play.actions) if one is error.failed and one.task.blocks)
    place = next(places, None)
    if place is None or isinstance(error, Reverted):
        raise error
    return place


def rescued(host_play: HostPlay, place: int, error: StepError, results: Results, *, running: bool) -> HostPlay:
    """Return the play with what is left to do: the block's ``rescue``, or its ``always``.

    Args:
        host_play: as resolved so far.
        place: the place of the action that has failed.
        error: its failure.
        results: the results of the play's actions.
        running: changes are being made; a plan leaves out ``always`` on a host that has failed.

    Raises:
        StepError: the host has failed, and nothing is left to do.
    """
    action = host_play.actions[place]
    result = {"changed": False, "msg": error.message, **error.result, "failed": True}
    failure = Failure(place, action.task, result, action.hides)
    caught = failure.catcher is not None
    if host_play.again is None or not (caught or running):
        raise error
    results.failed(action, place, error.result)
    before = tuple(one for one in host_play.failures if one.place < place)
    try:
        fresh = host_play.again(results.known, (*before, failure), results.heard)
    except ConfigError as wrong:
        raise StepError(wrong.message, where=wrong.where, hint=wrong.hint) from error
    left = fresh.actions[place + 1 :]
    if not caught and all(one.skip for one in left):
        raise error
    told = _GOES_ON.format(what="the rescue" if caught else "always")
    passed = replace(action, module=NOTHING, skip="failed", says=told, judge=None)
    actions = (*host_play.actions[:place], passed, *left)
    return replace(fresh, actions=actions, handlers=host_play.with_handlers(fresh.handlers))

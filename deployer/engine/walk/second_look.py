"""The second reading after a deploy: success means that it agrees with the declaration."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from deployer.errors import NotConverged
from deployer.model import Absent, Observed, Unknown
from deployer.resolve import Action, HostPlay
from deployer.resolve.rescuing import forgiven


def to_look_at(actions: Sequence[Action], host_play: HostPlay, failed: Collection[int]) -> list[Action]:
    """Return the actions of a play whose end state is probed once more.

    Args:
        actions: those that have a module.
        host_play: knows which blocks have failed and were rescued.
        failed: ids of actions that have failed and are allowed to.
    """
    failures = host_play.failures
    return [
        one
        for one in actions
        if not (one.module.READS or one.module.PASSING or id(one) in failed)
        and not (failures and forgiven(one.task, failures))
    ]


def check_second_look(asked: Sequence[Action], answers: Sequence[Observed], waiting: Collection[int]) -> None:
    """Compare the state of a host after a deploy with the declaration.

    Args:
        asked: actions.
        answers: the observed state of each.
        waiting: ids of actions that have steps left for later.

    Raises:
        NotConverged: one differs, or its state is unknown.
    """
    for action, observed in zip(asked, answers, strict=True):
        if id(action) in waiting:
            continue
        if isinstance(observed, Unknown):
            raise NotConverged(f"{action.label}: {observed.reason}", where=action.task.mark)
        left = action.module.differences(observed)
        if left:
            said = "absent" if isinstance(observed, Absent) else ", ".join(left)
            raise NotConverged(
                f"{action.label}: every step returned 0, but the second reading still differs: {said}",
                where=action.task.mark,
                hint="another run or the host itself changes it back, or two tasks declare different end states for it",
            )

"""Success means that a second reading agrees."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from deployer.errors import NotConverged
from deployer.model import Absent, Observed, Unknown
from deployer.resolve import Action, HostPlay
from deployer.resolve.rescuing import forgiven


def to_look_at(actions: Sequence[Action], host_play: HostPlay, failed: Collection[int]) -> list[Action]:
    """Return the actions of a play whose end state is asked about once more.

    Args:
        actions: those that have a module.
        host_play: says which blocks have failed and were rescued.
        failed: ids of those that have failed, and may.
    """
    failures = host_play.failures
    return [
        one
        for one in actions
        if not (one.module.READS or one.module.PASSING or id(one) in failed)
        and not (failures and forgiven(one.task, failures))
    ]


def check_second_look(asked: Sequence[Action], answers: Sequence[Observed], waiting: Collection[int]) -> None:
    """Compare what a host says after a deploy with what is declared.

    Args:
        asked: actions.
        answers: what the host says of each.
        waiting: ids of those that are not done yet.

    Raises:
        NotConverged: one is otherwise.
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

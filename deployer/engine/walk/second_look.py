"""Success means that a second reading agrees."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from deployer.errors import NotConverged
from deployer.model import Absent, Observed, Unknown
from deployer.resolve import Action


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
                f"{action.label}: every step returned 0, but a second look still differs: {said}",
                where=action.task.mark,
                hint="another run, or the host itself, changes it back; or two tasks declare different ends for it",
            )

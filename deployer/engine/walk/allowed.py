"""Finds tasks of a user other than root that this user cannot do, from what the host reports before anything runs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from deployer.engine.walk.planned import Planned
from deployer.errors import ConfigError, Problems
from deployer.resolve import Action
from deployer.resolve.becoming import OF_ROOT
from deployer.sh import Sh, lines, script, sh

_FILES = (
    *("copy", "template", "file", "lineinfile", "blockinfile", "replace", "ini_file", "get_url", "unarchive", "slurp"),
    "pam_limits",
)
"""Modules that only touch files: what such a task changes cannot give a later task's user new rights elsewhere."""
_QUIET = ("ok", "skipped")


def what_it_lacks(action: Action) -> Sh:
    """Return sh text that prints what a task's user lacks, if anything."""
    what = "of_root" if action.task.module in OF_ROOT else "of_files" if action.task.module in _FILES else "nothing"
    paths = [path for path in action.module.touches() if path.startswith("/")] if what == "of_files" else []
    return lines(script("allowed.sh", "deployer.engine.walk"), sh("lacks_{} {}", Sh(what), paths))


def unable(planned: Planned, lack: str, before: Iterable[Planned], touched: Iterable[str], barred: str = "") -> str:
    """Return why a task cannot be done as its user, in words for a person; empty when it may be possible.

    Args:
        planned: the task.
        lack: what the user lacks, as the host reported it.
        before: the tasks planned before it on the same machine.
        touched: what those tasks alter.
        barred: the directory that its probe could not enter.
    """
    if planned.verdict not in ("change", "runs") and not barred:
        return ""
    action = planned.action
    if any(block.rescues for block, _ in action.task.blocks) or (action.judge and action.judge.lenient):
        return ""  # the play itself says what happens when this task fails
    hint = f"this task runs as {action.user}, who {lack}: set become: true, or the become_user who may"
    if action.task.module in OF_ROOT:
        return hint
    if any(one.verdict not in _QUIET and one.action.task.module not in _FILES for one in before):
        return ""  # such a task may give the user what he lacks now
    own = {above for path in (*action.module.touches(), barred) for above in _with_above(path)}
    return "" if own.intersection(touched) else hint


def check_able(refused: Iterable[Planned]) -> None:
    """Refuse a plan where tasks cannot be done; raises ConfigError with all of them."""
    told = ((f"{one.action.label}: {one.reason}", one.action.task.mark) for one in refused)
    Problems.check(ConfigError(problem, where=where) for problem, where in told)


def _with_above(path: str) -> Iterable[str]:
    while len(path) > 1:
        yield path
        path = posixpath.dirname(path)

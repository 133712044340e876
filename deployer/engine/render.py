"""The programs of a host as readable text, for `deployer render`."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.engine.roll import hooks
from deployer.engine.walk import plan, probe
from deployer.engine.walk.steps import jobs, step_program
from deployer.model import Absent
from deployer.resolve import HostPlay
from deployer.sh import Program, encode


def programs(host_play: HostPlay) -> str:
    """Return the probe, the steps and the hooks of a host, as if nothing were on it yet.

    Secrets are blobs, so the text has none; tasks under ``no_log`` are left out and counted in the program's title.
    """
    asked = [action for action in host_play.actions if not action.skip]
    nothing = probe.Reading(tuple(Absent() for _ in asked))
    first = plan.make(asked, nothing, host_play.handlers, frozenset())
    steps = list(jobs(first, host_play.handlers))
    found = []
    for place in dict.fromkeys((None, *(one.place for one in asked), *(job.place for job in steps))):
        become = place.become if place else host_play.become
        asking, doing = [one for one in asked if one.place == place], [job for job in steps if job.place == place]
        name = f"{place}{', as root' if become else ''}" if place else host_play.host.name
        shown = [one for one in asking if not one.hides]
        done = [job for job in doing if not (job.step and job.planned.action.hides)]
        if asking or not place:
            reads = f"{name}: the probe, which only reads{_left_out(len(asking) - len(shown))}"
            writes = f"{name}: every step, as where nothing is there yet{_left_out(len(doing) - len(done))}"
            found.append(_titled(reads, probe.probe_program(shown, become=become)))
            found.append(_titled(writes, step_program(done, become=become)))
    return "\n\n".join([*found, *_hooks(host_play)])


def _hooks(host_play: HostPlay) -> Iterator[str]:
    for when, found in ((hooks.BEFORE, host_play.before_switch), (hooks.AFTER, host_play.after_start)):
        for hook in (hook for hook in found if not hook.skip):
            place = "this machine" if hook.task.local else hook.place or host_play.host.name
            title = f"{place}: {when}: {hook.label}"
            yield f"# {title}{_left_out(1)}" if hook.hides else _titled(title, hooks.hook_program(host_play, hook))


def _left_out(count: int) -> str:
    return f" ({count} under no_log not shown)" if count else ""


def _titled(title: str, program: Program) -> str:
    shebang, text = encode(program).split("\n", 1)
    return f"{shebang}\n# {title}\n{text}"

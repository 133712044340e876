"""Decides whether a roll may begin, which hosts may be switched together, and whether it may go on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from deployer.engine.roll import rollout
from deployer.engine.roll.batch import Batch
from deployer.engine.roll.climb import Climb
from deployer.engine.roll.climbed import WAY_OUT, connected, outsiders
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.joining import Joining
from deployer.engine.roll.state import HostState
from deployer.errors import ConfigError, Interrupted
from deployer.fleet import Declaration
from deployer.resolve import Limits
from deployer.roll_events import STOPPED


@dataclass(slots=True)
class RolloutRules:
    """The rules of play and fleet, applied to the current state of the play's hosts.

    Attributes:
        runs: all hosts of the play, prepared.
        due: the hosts on which there is something to do.
        limits: the batch settings of play and fleet.
        fatal: ``any_errors_fatal`` of the play.
        climb: knows which nodes are healthy.
        stop: set by Ctrl-C, or by the answer no to a question.
        done: names of hosts that an earlier run has brought to the declared state.
        leaving: names of nodes that are being retired.
    """

    runs: Sequence[HostRoll]
    due: Sequence[HostRoll]
    limits: Limits
    fatal: bool
    climb: Climb
    stop: threading.Event
    done: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()

    def joining(self) -> Joining | None:
        """Return the hosts on which nodes are about to join others that run; None when there are none."""
        able = [run for run in self.runs if run.targets and not run.problem]
        new = [run for run in able if run in self.due and run.disturbed and not (run.alive or run.replaces)]
        old = [run for run in able if run.alive]
        outside = {host for run in new for target in run.targets for host in (p.host for p in target.others)}
        return Joining(new, old) if new and (old or outside - {run.name for run in self.runs}) else None

    def start_blocker(self) -> str:
        """Return why the roll may not begin; empty when it may.

        Unreachable hosts do not prevent it, except the canary: without it, no host could go first.
        """
        if self.stop.is_set():
            return STOPPED
        if wrong := self._fatal():
            return wrong
        canary = next((run for run in self.runs if run.name == self.limits.rollout.canary), None)
        if canary and canary.problem and any(run.disruptive for run in self.due):
            return f"the canary {canary.name} cannot go first: {canary.problem.message.partition(chr(10))[0]}"
        return ""

    def stop_reason(self, batch: Batch = ()) -> str:
        """Return why no other batch may follow: the user stopped the run, or too many hosts have failed; else ""."""
        if self.stop.is_set():
            failed = [run.name for run in batch if run.problem and not isinstance(run.problem, Interrupted)]
            return f"{STOPPED}; failed before: {', '.join(failed)}" if failed else STOPPED
        if wrong := self._fatal():
            return wrong
        failed = [run.name for run in self.due if run.problem]
        most, percentage = self.limits.rollout.max_failed, self.limits.max_fail_percentage
        if most is None and percentage is None:
            most = 0
        if most is not None and len(failed) > most:
            return f"failed: {', '.join(failed)}; rollout.max_failed is {most}"
        here = sum(bool(run.problem) for run in batch)
        if rollout.too_many(here, len(batch), percentage):
            return f"{here} of {len(batch)} hosts of a batch have failed; max_fail_percentage is {percentage:g}"
        return ""

    def _fatal(self) -> str:
        failed = [run.name for run in self.runs if run.problem and self.fatal]
        return f"failed: {', '.join(failed)}; any_errors_fatal is true" if failed else ""

    def batches(self, order: str | Sequence[str]) -> list[Batch]:
        """Return the batches, in order.

        Hosts that have to change together are one batch, and so are hosts on which nothing runs.

        Raises:
            ConfigError: not even one host could be switched without falling below ``min_healthy``; or hosts have to
                change together, and a member of their cluster takes no part.
        """
        self._check_whole()
        self._check_strangers()
        due = {run.name: run for run in self.due}
        names = rollout.arranged(list(due), order)
        running = [name for name in names if due[name].disruptive and not any(run.together for run in self.due)]
        idle = [name for name in names if name not in running]
        canary, total = self.limits.rollout.canary, len(self.runs)
        found = rollout.batches(
            idle, running, self.limits.serial, canary=canary, total=total, clusters=self._clusters(), down=self._down()
        )
        return [tuple(due[name] for name in batch) for batch in found]

    def _check_whole(self) -> None:
        """Refuse to change, on only a part of a cluster, what must be the same on all its members."""
        here = {run.name for run in self.runs if not run.problem} | self.done
        for play in (run.play for run in self.due if run.together and run.play):
            absent = [member for member in play.fleet[1] if member.host not in here]
            if absent:
                names, one = ", ".join(member.host for member in absent), len(absent) == 1
                takes = f"{'is' if one else 'are'} of cluster {absent[0].cluster.name} and {'takes' if one else 'take'}"
                hint = "leave out --limit, widen the play's hosts:, or fix what is wrong there"
                raise ConfigError(
                    f"{names} {takes} no part here; the way nodes connect must change on all members at once", hint=hint
                )

    def _check_strangers(self) -> None:
        """Refuse to close firewalls to a connected node: that would split a working cluster."""
        found = outsiders(self.climb.strangers, self.runs, self.leaving)
        if found and any(run.closes for run in self.due):
            problem = f"{connected(found)}: closing the firewalls while it runs would split the cluster"
            raise ConfigError(problem, hint=WAY_OUT)

    def resized(self, left: Sequence[Batch]) -> list[Batch]:
        """Return the remaining batches, smaller if too few nodes are healthy now.

        Raises:
            ConfigError: not even one host may be switched any more.
        """
        runs = {run.name: run for batch in left for run in batch}
        sizes = [len(batch) for batch in left]
        found = rollout.batches([], list(runs), sizes, clusters=self._clusters(), down=self._down())
        return [tuple(runs[name] for name in batch) for batch in found]

    def outside(self) -> dict[str, list[str]]:
        """Return host → names of its nodes, for hosts of the play's clusters that take no part in this run."""
        ours = {run.name for run in self.runs}
        return {host: _nodes(one) for host, one in self._members().items() if host not in ours}

    def _members(self) -> dict[str, Declaration]:
        return {member.host: member for run in self.runs if run.play for member in run.play.fleet[1]}

    def _clusters(self) -> list[rollout.ClusterLimits]:
        least, members = self.limits.rollout.min_healthy, self._members()
        names = dict.fromkeys(member.cluster.name for member in members.values())
        return [
            rollout.ClusterLimits(name, {h: len(m.nodes) for h, m in members.items() if m.cluster.name == name}, least)
            for name in names
        ]

    def _down(self) -> dict[str, int]:
        """Return how many nodes of each host are not healthy; for hosts outside of the run, those that no node sees."""
        climb, outside = self.climb, self.outside()
        well = climb.healthy if climb.nodes else frozenset(node for run in self.runs for node in run.alive)
        names = {run.name: run.names if climb.nodes else run.alive for run in self.runs}
        unhealthy = {
            host: len(one.nodes) - len(well & names.get(host, frozenset())) for host, one in self._members().items()
        }
        unhealthy |= {host: len(climb.unseen.intersection(nodes)) for host, nodes in outside.items()}
        # A service that is replaced works until its host's turn.
        return unhealthy | {run.name: 0 for run in self.due if run.replaces and run.state is HostState.WAITING}


def _nodes(member: Declaration) -> list[str]:
    return [str(node.node) for node in member.nodes]

"""Who keeps a plan while it is made, and who holds a deploy to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from deployer.engine.roll.batch import Batch
from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.witness import machine_id
from deployer.errors import ConfigError
from deployer.events import Emit
from deployer.roll_events import FactChanged
from deployer.saved.digests import Digests
from deployer.saved.facts import Fact, SavedPlay, differing, host_facts


@dataclass(slots=True)
class Keeper:
    """Keeps what is planned for one play.

    Attributes:
        kept: the play; None where something went wrong, and there is no whole plan.
    """

    play: str
    digests: Digests
    kept: SavedPlay | None = None
    order: Sequence[str] = ()
    holds: bool = False

    def judge(self, runs: Sequence[HostRoll], batches: list[Batch]) -> list[Batch]:
        """Keep it."""
        if not any(run.problem for run in runs):
            self.kept = _seen(self.play, runs, batches, self.digests)
        return batches


@dataclass(slots=True)
class Checker:
    """Refuses a play that is not as it was planned, before anything is written; host by host, fact by fact.

    Attributes:
        begin: is called when all is as planned, right before the first write; what it raises refuses the play, too.
        later: an earlier play of this run has changed the hosts: what they say of themselves is left out.
        found: facts that have changed.
    """

    saved: SavedPlay
    digests: Digests
    emit: Emit
    begin: Callable[[], object]
    later: bool = False
    found: list[Fact] = field(default_factory=list)
    holds: bool = True

    @property
    def order(self) -> Sequence[str]:
        """The hosts in the turns that were planned."""
        return tuple(name for batch in self.saved.batches for name in batch)

    def judge(self, runs: Sequence[HostRoll], batches: list[Batch]) -> list[Batch]:
        """Compare, and return the batches.

        Raises:
            ConfigError: something has changed, or a host cannot be asked; or `begin` refuses.
        """
        if lost := [run for run in runs if run.problem]:
            names = ", ".join(run.name for run in lost)
            raise ConfigError(
                f"not begun here: a plan is applied to all of its hosts or none, and {names} cannot be asked"
            )
        self.found = list(self._compared(runs, batches))
        for fact in self.found:
            self.emit(FactChanged(fact.host, fact.task, fact.key, fact.before, fact.now))
        if self.found:
            named = dict.fromkeys(fact.host or "the play" for fact in self.found)
            count = len(self.found)
            words = f"{count} fact{'s' if count > 1 else ''} of {', '.join(named)}"
            hint = "nothing was changed; look at what is different, and make a new plan"
            raise ConfigError(f"the plan does not hold any more: {words}", hint=hint)
        self.begin()
        return batches

    def _compared(self, runs: Sequence[HostRoll], batches: Sequence[Batch]) -> Iterator[Fact]:
        now, saved = _seen(self.saved.play, runs, batches, self.digests), self.saved
        for name in dict.fromkeys((*saved.hosts, *now.hosts)):
            if name not in saved.hosts or name not in now.hosts:
                yield Fact(name, "", "host of the play", *_there(name in saved.hosts))
            else:
                yield from differing(name, saved.hosts[name], now.hosts[name], declared_only=self.later)
        if saved.limits != now.limits:
            yield Fact("", "", "serial, max_fail_percentage or rollout", saved.limits, now.limits)
        if saved.batches != now.batches and not self.later:
            yield Fact("", "", "batches", _turns(saved.batches), _turns(now.batches))


def _seen(play: str, runs: Sequence[HostRoll], batches: Sequence[Batch], digests: Digests) -> SavedPlay:
    limits = {run.play.limits for run in runs if run.play}
    return SavedPlay(
        play=play,
        batches=tuple(tuple(run.name for run in batch) for batch in batches),
        limits=digests.of(sorted(digests.of(one) for one in limits)),
        hosts={run.name: host_facts(run, digests, machine_id(run)) for run in runs},
    )


def _there(before: bool) -> tuple[str, str]:
    return ("there", "gone") if before else ("not there", "there")


def _turns(batches: Sequence[Sequence[str]]) -> str:
    return " | ".join(" ".join(batch) for batch in batches) or "none"

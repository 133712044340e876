"""Runs the rules of an audit: fragments added to the probe, questions to the nodes, and the judgement of both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from deployer.audit.advisories import Advisories
from deployer.audit.facts import Facts, parse_group, readers
from deployer.audit.rule import Rule
from deployer.audit.rules_peers import reach_of
from deployer.audit.signatures import Signature
from deployer.audit.waivers import Waiver, waive
from deployer.engine.ladder.inside import ask_inside
from deployer.engine.ladder.target import Target
from deployer.engine.tracing import trace_drift
from deployer.engine.walk.plan import Plan
from deployer.events import SEVERITIES, Emit, Note, RuleJudged, Severity
from deployer.fleet import AuditWords, Declaration
from deployer.resolve import HostPlay
from deployer.sh import Frame, Sh
from deployer.transport.base import Transport

_TIMEOUT = 5.0


@dataclass(slots=True)
class Auditing:
    """Judges hosts by rules. May be used from several threads.

    Attributes:
        rules: the rules to apply.
        counts: exit with code 2 if a rule of this severity, or of a worse one, FAILs.
        today: the date that decides which waivers have expired.
        waivers: the accepted findings, by host.
        advisories: known vulnerabilities, if the user has given any.
        words: the inventory's ``audit`` settings, by host.
        command: the command that deploys what is audited; empty without a playbook.
        signatures: returns the result for the signature of a host's tarball, if the inventory names signers.
    """

    rules: Sequence[Rule]
    counts: Severity
    today: date
    waivers: Mapping[str, Sequence[Waiver]] = field(default_factory=dict)
    advisories: Advisories | None = None
    words: Mapping[str, AuditWords] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    signatures: Callable[[HostPlay], Signature | None] = lambda _: None
    _used: set[Waiver] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of facts that the rules need."""
        needed = {group for rule in self.rules for group in rule.groups}
        return tuple(name for name in readers() if name in needed)

    @property
    def watched(self) -> tuple[str, ...]:
        """The unit that nodes.sh needs on every host: asked together with the probe's units, it costs no process."""
        return ("nftables.service",) if "nodes" in self.groups else ()

    def extra_probes(self, play: HostPlay) -> tuple[Sh, ...]:
        """Return the fragments to add to the probe, so that the rules cost no exec of their own."""
        words = self.words.get(play.host.name, AuditWords())
        deep, keys = any(rule.deep for rule in self.rules), words.authorized_keys is not None
        found = readers(reach_of(*play.fleet, deep=deep, keys=keys, signed=words.signers is not None))
        return tuple(found[name] for name in self.groups)

    def judge(
        self,
        play: HostPlay,
        frames: Sequence[Frame],
        transport: Transport,
        targets: Sequence[Target],
        emit: Emit,
    ) -> bool:
        """Apply the rules to a host, emit the results, and return whether a rule that counts FAILs.

        Args:
            play: the host's resolved play.
            frames: the answers to `extra_probes`, in their order.
            transport: the connection to the host, to ask its nodes.
            targets: its nodes, as declared.
            emit: gets each result.
        """
        own, members = play.fleet
        groups = {name: parse_group(frame) for name, frame in zip(self.groups, frames, strict=False)}
        groups["sums"] = _sums(own, frames[len(self.groups) :])
        words = self.words.get(play.host.name, AuditWords())
        signature = self.signatures(play) if "signed" in groups else None
        live = self._live(transport, targets)
        facts = Facts(groups, own, members, live, self.advisories, words, signature)
        worst = False
        given = self.waivers.get(play.host.name, ())
        for rule in self.rules:
            finding, waiver = waive(rule.id, play.host.name, rule.apply(facts), given, self.today)
            if waiver:
                with self._lock:
                    self._used.add(waiver)
            worst |= finding.answer == "FAIL" and self._counts(rule)
            remedy = rule.remedy if finding.answer == "FAIL" else ""
            emit(RuleJudged(play.host.name, rule.id, rule.severity, rule.title, finding.answer, finding.reason, remedy))
        return worst

    def trace(self, play: HostPlay, plan: Plan, transport: Transport, emit: Emit) -> None:
        """Report when each drift began, who caused it, and how to end it; needs a second exec if there is drift."""
        if self.command:
            trace_drift(play, plan, transport, emit, self.command)

    def tell_useless(self, emit: Emit) -> None:
        """Report waivers that match no finding of the rules that were applied."""
        given, judged = (
            dict.fromkeys(one for some in self.waivers.values() for one in some),
            {rule.id for rule in self.rules},
        )
        useless = [one for one in given if one not in self._used and one.rule in judged]
        if useless:
            emit(Note("\n".join(f"this waiver matches no finding, and can be removed: {one}" for one in useless)))

    def _counts(self, rule: Rule) -> bool:
        return SEVERITIES.index(rule.severity) <= SEVERITIES.index(self.counts)

    def _live(self, transport: Transport, targets: Sequence[Target]) -> Mapping[str, Mapping[str, object] | str]:
        if not any("live" in rule.groups for rule in self.rules):
            return {}
        return {
            str(target.node): ask_inside(transport, target, timeout=_TIMEOUT) for target in targets if target.cookie
        }


def _sums(own: Declaration | None, told: Sequence[Frame]) -> dict[str, str] | str:
    """Return what the host's own record reports about the release's files, or why this is not known."""
    if told:
        return "the host's own record cannot be read" if told[0].rc else {"told": told[0].out.strip()}
    if own is None or own.release is None:
        return {"told": ""}
    return "no task of this play installs the release, so the host's own record was not read"

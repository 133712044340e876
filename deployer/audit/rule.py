"""What a rule is: an id, how bad it is, what is read, a pure judge, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Literal

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process
from deployer.errors import ProbeError
from deployer.events import Severity

Answer = Literal["PASS", "FAIL", "UNKNOWN", "NOT APPLICABLE", "WAIVED"]
PROFILES = ("baseline", "strict")
Complaints = Iterable[str]
_LONGEST = 1000
_UNIT_WORD = re.compile(r"unit: \{(\w+): '?([^'}]*)'?\}")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's answer on one host, and why in a sentence; of PASS the sentence may be empty."""

    answer: Answer
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: such as ``CK-01``.
        title: what holds when it holds.
        reads: what is read on the host, and where, for a person.
        groups: the groups of facts that its judge looks at; ``live`` is the node itself, asked over distribution.
        judge: yields what is wrong, raises CannotTell or NotApplicable; it is pure.
        fix: the remedy as YAML of ours: words of the fleet, or a list of tasks; empty where only a command helps.
        command: the remedy as a command.
        sources: where the rule comes from.
        others: what Lynis, dev-sec and CIS call something of the kind; theirs may ask for more, or for less.
        profile: ``baseline``: in both profiles; ``strict``: in that one alone.
        deep: what it reads costs a host more than the rest together, and is read only where it is judged.
    """

    id: str
    severity: Severity
    title: str
    reads: str
    groups: tuple[str, ...]
    judge: Callable[[Facts], Complaints]
    sources: tuple[str, ...]
    fix: str = ""
    command: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    profile: Literal["baseline", "strict"] = "baseline"
    deep: bool = False

    @property
    def remedy(self) -> str:
        """What to do: the YAML, of a word of ``unit`` also its like for a unit that is not ours, and the command."""
        word = _UNIT_WORD.fullmatch(self.fix)
        edit = (
            f"a unit that a package brought: systemctl edit UNIT, and there [Service] {word[1]}={word[2]}"
            if word
            else ""
        )
        return "\n".join(part.strip("\n") for part in (self.fix, edit, self.command) if part)

    def apply(self, facts: Facts) -> Finding:
        """Judge a host. What is surely wrong is told, whatever else could not be read; only what was read passes."""
        wrong: list[str] = []
        try:
            wrong.extend(self.judge(facts))  # what came before it raised stays
        except CannotTell as why:
            return (
                Finding("FAIL", _joined([*wrong, f"(beyond that: {why})"])) if wrong else Finding("UNKNOWN", str(why))
            )
        except NotApplicable as why:
            return Finding("FAIL", _joined(wrong)) if wrong else Finding("NOT APPLICABLE", str(why))
        except (ValueError, LookupError, ProbeError):  # what a host says is data, and may be anything
            return Finding("FAIL", _joined(wrong)) if wrong else Finding("UNKNOWN", "the host's answer makes no sense")
        if not wrong and "nodes" in self.groups and "more" in facts.group("nodes"):
            return Finding("UNKNOWN", "more BEAMs and EPMDs run here than are read")
        return Finding("FAIL", _joined(wrong)) if wrong else Finding("PASS")


def each(some: Iterable[Process], judge: Callable[[Process], Complaints]) -> Iterator[str]:
    """Yield what is wrong with each process, by its name; what could not be told of one does not hide another.

    Raises:
        CannotTell: of one of them it could not be told; why, once for all those of which it is so.
        NotApplicable: it is about none of them.
    """
    unknown: dict[str, list[str]] = {}
    beside: list[str] = []
    judged = 0
    for one in some:
        try:
            for complaint in judge(one):
                yield f"{one.name}: {complaint}"
            judged += 1
        except CannotTell as why:
            reason = str(why).removeprefix(f"{one.name}: ")
            unknown.setdefault(reason, []).extend([one.name] * (reason != str(why)))
        except NotApplicable as why:
            beside.append(str(why))
    if unknown:
        raise CannotTell("; ".join(f"{', '.join(names)}: {why}" if names else why for why, names in unknown.items()))
    if beside and not judged:
        raise NotApplicable("; ".join(dict.fromkeys(beside)))


def of_each_beam(judge: Callable[[Process], Complaints]) -> Callable[[Facts], Complaints]:
    """Return a judge of a host from one of a single BEAM on it: all are judged, as `each` does it."""

    @wraps(judge)
    def whole(facts: Facts) -> Complaints:
        return each(facts.beams, judge)

    return whole


def _joined(wrong: Iterable[str]) -> str:
    text = "; ".join(dict.fromkeys(wrong))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

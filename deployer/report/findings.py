"""The findings of an audit's rules as text: the worst first, and equal findings of several hosts only once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from deployer.events import SEVERITIES, DriftTraced, RuleJudged
from deployer.report.plain import Line, by_number, safe

_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_TOLD = {"FAIL": 0, "UNKNOWN": 1, "WAIVED": 2}
_OF_NODE = re.compile(r"(?:[^\s@]+@\S+, )*[^\s@]+@\S+: ")
"""The names of nodes at the beginning of a reason."""
_QUIET = ("PASS", "NOT APPLICABLE")


def worst_first(judged: Sequence[RuleJudged]) -> list[RuleJudged]:
    """Return results in order: FAIL, UNKNOWN, the rest; in these by severity, rule and host."""
    return sorted(
        judged,
        key=lambda one: (_TOLD.get(one.answer, 3), SEVERITIES.index(one.severity), one.rule, by_number(one.host)),
    )


def audit_lines(events: Sequence[RuleJudged | DriftTraced], verbosity: int) -> Iterator[Line]:
    """Yield the traced drift, then the findings of the rules."""
    from deployer.report.traced import traced_lines  # an audit's alone

    yield from traced_lines([one for one in events if isinstance(one, DriftTraced)])
    yield from finding_lines([one for one in events if isinstance(one, RuleJudged)], verbosity)


def finding_lines(judged: Sequence[RuleJudged], verbosity: int) -> Iterator[Line]:
    """Yield a block for each failed rule, with hosts, reason and remedy; then the number of each result.

    Args:
        judged: the results of all hosts.
        verbosity: 1 adds unknown results with their reasons, and waived findings; 2 adds all the rest.
    """
    shown = [one for one in worst_first(judged) if one.answer == "FAIL" or verbosity > (one.answer in _QUIET)]
    blocks: dict[tuple[str, str], dict[str, list[RuleJudged]]] = defaultdict(lambda: defaultdict(list))
    for one in shown:
        blocks[one.rule, one.answer][one.reason].append(one)
    if judged:
        yield (("\n  RULES", "bold"),)
    for (rule, answer), reasons in blocks.items():
        first = next(iter(reasons.values()))[0]
        words = "" if answer == "FAIL" else f"  {answer}"
        yield (
            (f"    {first.severity:<9}", _STYLE[first.severity]),
            (f"{rule}  ", "bold"),
            (first.title, ""),
            (words, "dim"),
        )
        for reason, ones in reasons.items():
            hosts = " ".join(one.host for one in ones)
            yield (f"        {hosts}  ", "bold"), (safe(reason), "")
        for line in first.remedy.splitlines():
            yield ((f"        | {line}", "cyan"),)
    counts = Counter(one.answer for one in judged)
    if judged:
        yield ((f"    {', '.join(f'{count} {answer}' for answer, count in sorted(counts.items()))}", "dim"),)
    hidden = [] if verbosity else [_OF_NODE.sub("", one.reason, count=1) for one in judged if one.answer == "UNKNOWN"]
    if hidden:
        (most, _), *others = Counter(hidden).most_common()
        root = "; -b works as root" if any("this user" in reason for reason in hidden) else ""
        told = f"{len(hidden)} answers are UNKNOWN: {safe(most)}{', and other reasons' if others else ''}"
        yield ((f"    {told}; -v says which{root}", "magenta"),)

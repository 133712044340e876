"""How it ended: a line for each host, what went wrong there, and once for all what went wrong alike on several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from deployer.errors import ConfigError
from deployer.events import HostEnded
from deployer.report.plain import Line, by_number, safe

LOOKS = ("status", "history", "confirm", "lock show", "lock break", "lock hold")
"""Goals of which all is told when each host has answered: they look, or pass on a person's word."""

_ENDINGS = {
    "ok": "green",
    "changed": "yellow",
    "drift": "yellow",
    "findings": "yellow",
    "unknown": "magenta",
    "failed": "bold red",
    "unreachable": "bold red",
    "reverted": "bold red",
    "stopped": "magenta",
    "not reached": "magenta",
}


def recap_lines(ended: Sequence[HostEnded], goal: str) -> Iterator[Line]:
    """Yield the recap's lines, hosts in order of their names; where each has told all there is, those in trouble."""
    ends = sorted((end for end in ended if end.problem or goal not in LOOKS), key=lambda end: by_number(end.host))
    told: dict[str, list[str]] = defaultdict(list)
    for end in ends:
        for problem in _problems(end):
            told[problem].append(end.host)
    for end in ends:
        words = {"changed": "would change" if goal == "plan" else "changed"}.get(end.ending, end.ending)
        ran = (
            f", {end.ran} {'would run' if goal == 'plan' else 'not judged' if goal == 'audit' else 'ran'}"
            if end.ran
            else ""
        )
        count = f"{end.changed}{ran} of {end.total} tasks" if end.total else ""
        yield (
            (f"    {end.host:<12} ", "bold"),
            (f"{words:<12} ", _ENDINGS[end.ending]),
            (f"{count}  {end.seconds:.1f} s", "dim"),
        )
        for problem in _problems(end):
            if len(told[problem]) == 1:
                yield from _shown(problem)
    for problem, hosts in told.items():
        if len(hosts) > 1:
            yield ((f"    {' '.join(hosts)}", "bold"),)
            yield from _shown(problem)


def _problems(end: HostEnded) -> list[str]:
    """Return what went wrong on a host; a refusal may hold several errors, each a line with its hint indented below."""
    if end.code != ConfigError.exit_code:
        return [end.problem] if end.problem else []
    found: list[str] = []
    for line in end.problem.splitlines():
        if line.startswith(" ") and found:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return list(dict.fromkeys(found))


def _shown(problem: str) -> Iterator[Line]:
    for line in safe(problem).splitlines():
        yield ((f"        {line}", "red"),)

"""What runs where and what happened when, as lines for a person: `deployer status` and `deployer history`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from deployer.events import HostEnded, HostSeen, NodeSeen, ReleaseEntry
from deployer.report.journal import Journals
from deployer.report.plain import by_number, safe

StyledLine = tuple[str, str]
"""Text and style."""


def survey_lines(
    goal: str, seen: Sequence[HostSeen], ended: Sequence[HostEnded], journals: Journals
) -> Iterator[StyledLine]:
    """Return the lines of ``deployer history`` where that is the goal, else those of ``deployer status``."""
    return history_lines(seen, journals) if goal == "history" else status_lines(seen, ended, journals)


def status_lines(seen: Sequence[HostSeen], ended: Sequence[HostEnded], journals: Journals) -> Iterator[StyledLine]:
    """Yield a sentence for each release, a line for each host and what is odd about it, and the last deploy's plan."""
    lost = sum(end.ending == "unreachable" for end in ended)
    for name in dict.fromkeys(host.release for host in seen):
        what = Counter(_what_runs(node) for host in seen if host.release == name for node in host.nodes)
        told = [f"{count} {running}" for running, count in what.most_common()]
        told += [f"{lost} host{'s' if lost > 1 else ''} unreachable"] if lost else []
        yield f"{name}: {', '.join(told)}", "bold"
    for host in sorted(seen, key=lambda host: by_number(host.host)):
        yield from _host(host)
    last = max((entry for host in seen for entry in host.history), key=lambda entry: entry.time, default=None)
    if last and (plan := _plan(last.run, journals)):
        yield f"  last run, noted here:{plan}", "dim"


def _host(host: HostSeen) -> Iterator[StyledLine]:
    judged = "good" if host.current in host.good else "not judged yet"
    if host.current in dict(host.bad):
        judged = "bad"
    since = f"{_last(host.history)}{_away(host.away)}"
    yield f"  {host.host:<12} {_one_line(host.current) or 'nothing'} · {judged}{since}", ""
    for node in host.nodes:
        up = f", up {_span(node.age)}" if node.age is not None else ""
        elsewhere = f", runs {_one_line(node.release)}" if node.release and node.release != host.current else ""
        style = "dim" if node.state == "active" and not elsewhere else "yellow"
        yield f"    {_one_line(node.node)} {_one_line(node.state)}{up}{elsewhere}", style
    for release, why in host.bad:
        yield f"    bad here: {_one_line(release)}: {_one_line(why)}", "red"


def _what_runs(node: NodeSeen) -> str:
    version = _one_line(node.release.rpartition("-")[0] or node.release)
    return f"on {version}" if version else _one_line(node.state) or "not installed"


def _last(history: Sequence[ReleaseEntry]) -> str:
    last = next((entry for entry in reversed(history) if entry.event in ("switch", "back")), None)
    if last is None:
        return ""
    run, _, who = last.run.partition(" ")
    what = "went back" if last.event == "back" else "switched"
    return f" · {what} {_date(last.time)} by {_one_line(who or 'somebody')} (run {_one_line(run)})"


def _away(seconds: float | None) -> str:
    return "" if seconds is None else f" · was down for {seconds:.2f} s in its last switch"


def history_lines(seen: Sequence[HostSeen], journals: Journals) -> Iterator[StyledLine]:
    """Yield every run that the hosts remember, oldest first, its plan if it is known here, and what it did where."""
    runs: dict[str, list[tuple[str, ReleaseEntry]]] = defaultdict(list)
    for host in seen:
        for entry in host.history:
            runs[entry.run].append((host.host, entry))
    for run, entries in sorted(runs.items(), key=lambda item: min(entry.time for _, entry in item[1])):
        name, _, who = run.partition(" ")
        begun, plan = _date(min(entry.time for _, entry in entries)), _plan(run, journals)
        yield f"{begun}  {_one_line(who)}  run {_one_line(name)}{plan}", "bold"
        done: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for place, entry in sorted(entries, key=lambda item: item[1].number):
            done[entry.event, entry.release, entry.detail].append(place)
        for (event, release, detail), hosts in done.items():
            style = {"bad": "red", "back": "yellow"}.get(event, "")
            where, why = " ".join(sorted(set(hosts), key=by_number)), f"  ({_one_line(detail)})" if detail else ""
            yield f"  {event:<7} {release}  {where}{why}", style


def _one_line(text: str) -> str:
    """What a host says is data: it can neither steer the terminal nor look like a line of ours."""
    return " ".join(safe(text).split())


def _plan(run: str, journals: Journals) -> str:
    found = journals.of(run)
    return f"  {_one_line(found.plan)}" if found else ""


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

"""An audit as one page that stands alone: no request to anywhere, no script; light and dark; it prints."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from deployer.events import SEVERITIES, HostEnded, RuleJudged
from deployer.report.audited import Audited
from deployer.report.exchange import drift_words
from deployer.report.findings import worst_first
from deployer.report.plain import by_number
from deployer.report.sheet import escaped, sheet
from deployer.report.traced import traced_words


def html(audited: Audited) -> str:
    """Return the page. Everything that a host has said is text in it, never markup."""
    judged = worst_first(audited.judged)
    parts = [
        f"<p>{audited.time:%Y-%m-%d %H:%M} UTC, exit code {audited.code}. {_counted(judged, len(audited.drift))}</p>",
        *_fleet(audited),
        *_drift(audited),
        *_rules(judged, "Findings", ("FAIL",)),
        *_rules(judged, "Let off", ("WAIVED",)),
        *_rules(judged, "Unknown", ("UNKNOWN",)),
        *_quiet(judged, len(audited.hosts)),
    ]
    return sheet(audited.title, parts)


def _counted(judged: Iterable[RuleJudged], drift: int) -> str:
    counts = Counter(one.answer for one in judged)
    said = ", ".join(f"{counts[name]} {name}" for name in ("FAIL", "UNKNOWN", "WAIVED", "PASS", "NOT APPLICABLE"))
    return f"Rules: {said}. Drift: {drift}."


def _fleet(audited: Audited) -> Iterator[str]:
    yield '<h2>Hosts</h2><div class="scroll" tabindex="0" role="group" aria-label="hosts">'
    yield '<table><thead><tr><th scope="col">host</th><th scope="col">ended</th>'
    yield "".join(f'<th scope="col">{name}</th>' for name in SEVERITIES)
    yield '<th scope="col">drift</th><th scope="col">trouble</th></tr></thead><tbody>'
    worst: dict[str, Counter[str]] = defaultdict(Counter)
    for one in audited.judged:
        worst[one.host][one.severity] += one.answer == "FAIL"
    drift = Counter(one.host for one in audited.drift)
    for host in sorted(audited.hosts, key=lambda host: by_number(host.host)):
        yield _row(host, worst[host.host], drift[host.host])
    yield "</tbody></table></div>"


def _row(host: HostEnded, counts: Counter[str], drift: int) -> str:
    cells = "".join(f'<td class="{name if counts[name] else "dim"}">{counts[name]}</td>' for name in SEVERITIES)
    ending = host.ending.replace(" ", "-")
    name = f'<th scope="row">{escaped(host.host)}</th><td class="{ending}">{escaped(host.ending)}</td>'
    return f"<tr>{name}{cells}<td>{drift}</td><td>{escaped(host.problem)}</td></tr>"


def _drift(audited: Audited) -> Iterator[str]:
    told: dict[str, list[str]] = defaultdict(list)
    for task in audited.drift:
        told[drift_words(task)].append(task.host)
    if told:
        yield "<h2>Drift</h2><ul>"
        for words, hosts in told.items():
            yield f"<li>{escaped(words)} <span class=dim>({escaped(', '.join(hosts))})</span></li>"
        yield "</ul>"
    if audited.traced:
        yield "<details><summary>since when, by whom, and what to do</summary>"
        for one in audited.traced:
            yield f"<p><b>{escaped(one.host)}</b> {escaped(one.task)} <span class=dim>{escaped(one.where)}</span><br>"
            yield f"{escaped(traced_words(one))}</p><pre>{escaped(one.restore)}\n\n{escaped(one.accept)}</pre>"
        yield "</details>"


def _rules(judged: Iterable[RuleJudged], heading: str, answers: tuple[str, ...]) -> Iterator[str]:
    rules: dict[str, dict[str, list[RuleJudged]]] = defaultdict(lambda: defaultdict(list))
    for one in judged:
        if one.answer in answers:
            rules[one.rule][one.reason].append(one)
    if not rules:
        return
    yield f"<h2>{heading}</h2>"
    for rule, reasons in rules.items():
        ones = [one for some in reasons.values() for one in some]
        first, hosts = ones[0], f"{len(ones)} host{'s' if len(ones) > 1 else ''}"
        head = (
            f'<span class="{first.severity}">{escaped(first.severity)}</span> {escaped(rule)}: {escaped(first.title)}'
        )
        yield f"<article><h3>{head} <span class=dim>({hosts})</span></h3>"
        yield f"<details{' open' if len(reasons) <= 3 else ''}><summary>why, and what to do</summary><ul>"
        for reason, some in reasons.items():
            yield f"<li><b>{escaped(', '.join(one.host for one in some))}</b> {escaped(reason)}</li>"
        remedy = f"<pre>{escaped(first.remedy)}</pre>" if first.remedy else ""
        yield f"</ul>{remedy}</details></article>"


def _quiet(judged: Iterable[RuleJudged], count: int) -> Iterator[str]:
    """Yield the rules that hold or do not apply, with the hosts folded."""
    rules: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in judged:
        if one.answer in ("PASS", "NOT APPLICABLE"):
            reason = one.reason if one.answer == "NOT APPLICABLE" else ""
            rules[one.rule, f"{one.answer}: {one.title}", reason].append(one.host)
    if rules:
        yield "<h2>What holds, and what does not apply</h2><details><summary>all of it</summary><ul>"
        for (rule, words, reason), hosts in rules.items():
            told = " ".join(part for part in (rule, words, reason) if part)
            whom = "all hosts" if len(hosts) == count > 1 else ", ".join(hosts)
            yield f"<li>{escaped(told)} <span class=dim>{escaped(whom)}</span></li>"
        yield "</ul></details>"

"""Charts for a page, as SVG without scripts: the connections between nodes, and batches on a time axis.

Their content is also given in words, for readers who cannot see them. Output of hosts is escaped text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from deployer.events import RungRead
from deployer.report.plain import by_number
from deployer.report.sheet import escaped, scrolled
from deployer.roll_events import BatchEnded, BatchStarted

_LABELLED, _PAIRS = 40, 400
"""The most nodes that are named in the chart, and the most broken connections that are drawn."""
_REACH, _MESH = 6, 8
_WIDTH, _ROW = 720, 26


def broken_ways(rungs: Iterable[RungRead]) -> list[tuple[str, str, str]]:
    """Return the broken connections of a fleet: from where, to which node, and ``reaches`` or ``sees``."""
    found = []
    for one in rungs:
        if one.ok is False and one.rung == _REACH:
            found += [(host, one.node, "reaches") for host in one.missing]
        elif one.ok is False and one.rung == _MESH:
            found += [(one.node, name, "sees") for name in one.missing]
    return found


def fleet_map(rungs: Sequence[RungRead]) -> str:
    """Return the nodes on a ring, green if they are healthy, and the broken connections between them.

    Empty if no node was checked.
    """
    nodes: dict[str, list[RungRead]] = {}
    for one in sorted(rungs, key=lambda one: (by_number(one.host), one.node)):
        nodes.setdefault(one.node, []).append(one)
    if not nodes:
        return ""
    shut = broken_ways(rungs)
    places = dict(zip(nodes, _ring(len(nodes)), strict=True))
    of_host: dict[str, str] = {some[0].host: node for node, some in reversed(nodes.items())}
    lines = [
        f'<line class="{"reach" if way == "reaches" else "sight"}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
        for came, to, way in shut[:_PAIRS]
        if (first := places.get(came) or places.get(of_host.get(came, ""))) and (last := places.get(to))
        for (x1, y1), (x2, y2) in ((first, last),)
    ]
    dots = "".join(_dot(node, some, places[node], named=len(nodes) <= _LABELLED) for node, some in nodes.items())
    well = sum(all(rung.ok is not False for rung in some) for some in nodes.values())
    words = f"{well} of {len(nodes)} nodes are healthy; {_ways(len(shut))}"
    drawn = f'<svg viewBox="-360 -220 720 440" role="img" aria-label="{escaped(words)}">{"".join(lines)}{dots}</svg>'
    told = "".join(f"<li>{escaped(f'{came} does not {_VERBS[way]} {to}')}</li>" for came, to, way in shut)
    listed = f"<details{' open' if len(shut) <= 20 else ''}><summary>which</summary><ul>{told}</ul></details>"
    return f"<p>{escaped(words)}.</p>{scrolled(drawn, 'map')}{listed if shut else ''}"


_VERBS: Mapping[str, str] = {"reaches": "reach", "sees": "see"}


def _ways(count: int) -> str:
    if not count:
        return "no way between them that was tried is shut"
    return f"{count} {'way' if count == 1 else 'ways'} between them {'is' if count == 1 else 'are'} shut"


def _ring(count: int) -> list[tuple[int, int]]:
    """Return places on an ellipse, the first at its top, clockwise."""
    turns = (2 * math.pi * at / count - math.pi / 2 for at in range(count))
    return [(round(220 * math.cos(turn)), round(170 * math.sin(turn))) for turn in turns] if count > 1 else [(0, 0)]


def _dot(node: str, rungs: Sequence[RungRead], place: tuple[int, int], *, named: bool) -> str:
    (x, y), bad = place, next((rung for rung in rungs if rung.ok is False), None)
    unread = any(rung.ok is None for rung in rungs)
    kind = "bad" if bad else "dunno" if unread else "good"
    said = f"{node}: {f'{bad.rung} {bad.title}' if bad else 'healthy'}"
    mark = (
        f'<rect class="{kind}" x="{x - 6}" y="{y - 6}" width="12" height="12"/>'
        if bad
        else f'<circle class="{kind}" cx="{x}" cy="{y}" r="{6 if named else 4}"/>'
    )
    label = ""
    if named:
        side = "middle" if abs(x) < 20 else "start" if x > 0 else "end"
        at = (x, y + (22 if y >= 0 else -12)) if side == "middle" else (x + (11 if x > 0 else -11), y + 4)
        short = node if len(node) <= 22 else f"{node[:21]}…"
        label = f'<text x="{at[0]}" y="{at[1]}" text-anchor="{side}">{escaped(short)}</text>'
    return f"<g><title>{escaped(said)}</title>{mark}{label}</g>"


_BARS: Mapping[str, str] = {"ok": "good", "stopped": "dunno", "failed": "bad"}


def timeline(began: Mapping[int, BatchStarted], ended: Mapping[int, BatchEnded]) -> str:
    """Return the batches as bars on one time axis, each with its number of healthy nodes at the end; empty for none.

    A batch that did not end is a grey bar to the end of the axis, like one that the user has stopped. Pauses between
    batches are not shown.
    """
    numbers = sorted({*began, *ended})
    total = sum(one.seconds for one in ended.values())
    if not numbers or not total:
        return ""
    scale, at, parts = (_WIDTH - 170) / (total * (1.1 if began.keys() - ended.keys() else 1)), 0.0, []
    for row, number in enumerate(numbers):
        last, top = ended.get(number), row * _ROW
        width = last.seconds * scale if last else _WIDTH - 170 - at * scale
        kind = _BARS[last.ended] if last else "dunno"
        share = f"{last.healthy}/{last.nodes}" if last else "did not end"
        said = f"batch {number}: {', '.join((last or began[number]).hosts)}"
        parts.append(
            f'<g><title>{escaped(said)}</title><text x="0" y="{top + 17}">batch {number}</text>'
            f'<rect class="{kind}" x="{70 + at * scale:.1f}" y="{top + 4}" width="{max(width, 2):.1f}" height="18"/>'
            f'<text x="{_WIDTH - 92}" y="{top + 17}">{escaped(share)}</text></g>'
        )
        at += last.seconds if last else 0
    height = len(numbers) * _ROW
    parts.append(f'<line class="axis" x1="70" y1="{height + 2}" x2="{_WIDTH - 100}" y2="{height + 2}"/>')
    parts += [
        f'<text x="{70 + (_WIDTH - 170) * part / 4:.0f}" y="{height + 18}" text-anchor="middle">'
        f"{(_WIDTH - 170) * part / 4 / scale:.0f} s</text>"
        for part in range(5)
    ]
    least = min((one.healthy / one.nodes for one in ended.values() if one.nodes), default=0)
    count = f"{len(numbers)} batch{'es' if len(numbers) > 1 else ''}"
    words = f"{count} in {total:.1f} s; whenever one ended, at least {least:.0%} of the nodes were healthy"
    drawn = f'<svg viewBox="0 0 {_WIDTH} {height + 26}" role="img" aria-label="{escaped(words)}">{"".join(parts)}</svg>'
    return f"<p>{escaped(words)}.</p>{scrolled(drawn, 'time axis')}"

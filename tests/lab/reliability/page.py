"""docs/reliability.md, as the trials have written it."""

from __future__ import annotations

from typing import Protocol

from tests.lab.reliability.rows import FIGURES, ROWS
from tests.lab.reliability.table import ROOT, Row, Tried, outcome

PAGE = ROOT / "docs" / "reliability.md"
_HEAD = """\
# What goes wrong, tried for real

Each row is a fault, or a figure that has to hold. The trials run on lab hosts (`deployer lab`), which are whole Debian
systems with systemd, sshd and nftables of their own. Plain ssh and the host's own programs check the outcome, not
deployer. Nobody edits this page. These commands write it, from the results in `tests/lab/reliability/tried.json`:

    python -m tests.lab.reliability                 # as root, on Debian 12
    python -m tests.lab.reliability --only F3,F7    # some rows again; what is known of the others stays
    DEPLOYER_RELIABILITY_PAGE=1 make test           # by the way: what any run of the tests came to

* `held` means that everything that has to happen did happen. A row that does not hold, or that was not tried in full,
  says so.
* Seconds are those of the whole trial with its setup, on a machine that did other work, too. Figures that matter are
  beside the outcome.
* Every run of the tests includes some trials (`tests/lab/reliability`); `DEPLOYER_RELIABILITY_ALL=1` runs all of them.
  With `DEPLOYER_RELIABILITY_TRIALS=N`, dead peers and cut uploads are tried N times.
* The benchmarks of lockouts and of several writers keep every trial themselves (`benchmarks/kept.py`), with the commit
  that was tried.
"""
_TABLE = """\
| row | what goes wrong | what is done, and has to come of it | outcome | seconds | tried |
|---|---|---|---|---|---|
"""


class _Known(Protocol):
    """What has been tried: `tests.lab.reliability.kept.Kept`."""

    def of(self, row: Row) -> list[list[Tried]]: ...


def line(row: Row, kept: _Known) -> str:
    """A row for the terminal."""
    told = kept.of(row)
    figures = "; ".join(figure for some in told for one in some for figure in one.figures)
    return f"{row.name:<5} {_seconds(told):>6} s  {outcome(row, told)}{': ' + figures if figures else ''}"


def page(kept: _Known) -> str:
    """The page."""
    faults = [row for row in ROWS if row not in FIGURES]
    parts = [_HEAD, "## Faults\n", _TABLE + "".join(_row(row, kept) for row in faults)]
    parts += ["## Figures\n", _TABLE.replace("what goes wrong", "figure") + "".join(_row(row, kept) for row in FIGURES)]
    parts += ["## Which tests, by which command\n", "".join(_tests(row, kept) for row in ROWS)]
    return "\n".join(parts)


def _seconds(told: list[list[Tried]]) -> str:
    return f"{sum(one.seconds for some in told for one in some):.0f}"


def _row(row: Row, kept: _Known) -> str:
    told = kept.of(row)
    every = [one for some in told for one in some]
    figures = "".join(f"<br>{figure}" for one in every for figure in one.figures)
    when = sorted({f"{one.when[:10]} at {one.commit}" for one in every})
    cells = [row.name, row.fault, row.done, outcome(row, told) + figures, _seconds(told), "<br>".join(when)]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _many(one: Tried) -> str:
    return f", {one.count} tests" if one.count > 1 else ""


def _tests(row: Row, kept: _Known) -> str:
    every = [one for some in kept.of(row) for one in some]
    if not every:
        return ""
    lines = [f"    {one.outcome}  {one.seconds:6.1f} s  {one.when} UTC  {one.test}{_many(one)}" for one in every]
    commands = sorted({one.command for one in every})
    return f"{row.name}, by {', '.join(f'`{command}`' for command in commands)}:\n\n" + "\n".join(lines) + "\n\n"

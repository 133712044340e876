"""Who reaches whom, for a person: a line for each port, the hosts it was tried from, and what is not as declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from deployer.report.plain import Line, by_number, safe
from deployer.roll_events import CellTried

_WORDS = {"open": "yes", "refused": "yes, nobody listens", "no answer": "no", "silent": "not known, it says nothing"}


def matrix_lines(tried: Sequence[CellTried]) -> Iterator[Line]:
    """Yield a block for each host that is reached, with a line for each port and answer."""
    blocks: dict[str, dict[tuple[int, str, str, bool, str, bool], list[str]]] = defaultdict(lambda: defaultdict(list))
    for cell in tried:
        line = (cell.port, cell.protocol, cell.what, cell.declared, cell.tried, cell.differs)
        blocks[cell.host][line].append(cell.source)
    for host in sorted(blocks, key=by_number):
        yield ((f"\n  {host}", "bold"),)
        for (port, protocol, what, declared, answer, differs), sources in sorted(blocks[host].items()):
            sign, style = ("✗", "bold red") if differs else ("=", "dim")
            word = f"{port:>5}/{protocol} {safe(what):<12} {'open' if declared else 'shut':<5}"
            said = f"{word} {_WORDS.get(answer, safe(answer))}"
            yield (f"    {sign} ", style), (f"{said:<48}", style), (f" from {' '.join(sources)}", "")

"""What ``top`` shows: a row for each node, all that is known of one, its biggest processes; and the keys for that."""

from __future__ import annotations

import os
import select
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deployer.window.crash import human
from deployer.window.keyboard import lent
from deployer.window.sample import KEYS, ROWS_SHOWN, Sample
from deployer.window.top import Top, Watched

_HELP = "up/down choose a node   p its processes   s sort (now: {})   x leave"
_HELP_BIG = "by m memory, r reductions, q queue   p back to the nodes   x leave"
_KINDS = ("processes", "binary", "ets", "atom", "code")
_LEAVE = b"\x1b[?1049l\x1b[?25h"
"""Back to the screen of before, with its cursor."""
_LATE = 2.0
"""Seconds without an answer after which a row says so."""
_FULL = 0.8
"""Part of a limit from which it is marked."""
_MOVES = {"\x1b[A": -1, "k": -1, "\x1b[B": 1, "j": 1}
_ORDERS = ("name", "memory", "busy", "queue")


@dataclass(slots=True)
class View:
    """What a person has chosen to see.

    Attributes:
        at: which row.
        order: by what the rows are sorted.
        key: by what the chosen node's processes are; empty: the nodes are shown.
    """

    at: int = 0
    order: str = "name"
    key: str = ""
    over: bool = False

    def press(self, key: str, rows: int) -> None:
        """Heed a key; one that means nothing does nothing."""
        if key == "x":
            self.over = True
        elif self.key:
            self.key = "" if key in ("p", "\x1b") else KEYS.get(key, self.key)
        elif key == "q":
            self.over = True
        elif key == "p":
            self.key = "memory"
        elif key in _MOVES:
            self.at = max(0, min(rows - 1, self.at + _MOVES[key]))
        elif key == "s":
            self.order = _ORDERS[(_ORDERS.index(self.order) + 1) % len(_ORDERS)]


def ordered(watched: Sequence[Watched], order: str) -> list[Watched]:
    """Return the rows in the order that was chosen; those that say nothing come last."""

    def size(one: Watched) -> float:
        if one.sample is None:
            return -1.0
        return {
            "memory": float(one.sample.memory.get("total", 0)),
            "busy": one.rates.busy if one.rates else 0.0,
            "queue": float(one.sample.longest_queue),
        }[order]

    return list(watched) if order == "name" else sorted(watched, key=size, reverse=True)


def nodes_table(rows: Sequence[Watched], view: View, *, width: int, height: int) -> Table:
    """Return the table of nodes that fits into a terminal; the chosen row is in it."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold reverse", width=width)
    wide = width >= 120
    heads = ["up", "cpu", "runq", "memory", "procs", "queue", "reds/s"]
    more = ["release", "binary", "ets", "atoms", "ports", "gc/s", "nodes"] if wide else ["nodes"]
    table.add_column("node", no_wrap=True, overflow="ellipsis", ratio=1)
    for head in (*heads, *more):
        table.add_column(head, justify="right", no_wrap=True)
    room = max(1, height)
    first = max(0, min(view.at - room // 2, len(rows) - room))
    for at, one in enumerate(rows[first : first + room], first):
        style = "reverse" if at == view.at else "dim" if _late(one) or one.problem else ""
        sample = one.sample
        if sample is None:
            # One cell that spans all columns is not to be had: what is wrong stands below, for the chosen row.
            table.add_row(one.spot.name, *["-"] * (len(heads) + len(more)), style=style or "dim")
            continue
        table.add_row(one.spot.name, *_cells(one, sample, wide=wide), style=style)
    return table


def _cells(one: Watched, sample: Sample, *, wide: bool) -> list[Text | str]:
    rates, memory = one.rates, sample.memory
    queue = "-" if sample.longest_queue < 0 else short_number(sample.longest_queue)
    cells: list[Text | str] = [
        since(sample.wall / 1000), f"{rates.busy * 100:.0f}%" if rates else "-", str(sample.run_queue),
        _short(memory.get("total", 0)), _of(sample.processes, sample.process_limit), queue,
        short_number(rates.reductions) if rates else "-",
    ]  # fmt: skip
    if wide:
        cells += [
            sample.release or "-", _short(memory.get("binary", 0)),
            _short(memory.get("ets", 0)), _of(sample.atoms, sample.atom_limit),
            _of(sample.ports, sample.port_limit), short_number(rates.collections) if rates else "-",
        ]  # fmt: skip
    return [*cells, str(sample.connected)]


def about(one: Watched) -> RenderableType:
    """Return everything that is known of one node, in five lines of a narrow terminal."""
    sample, rates = one.sample, one.rates
    state = one.problem or (one.late if _late(one) else "")
    lines = [Text(f"{one.spot.name} on {one.spot.host.name}  ", style="bold").append(state, style="red")]
    if sample:
        memory = sample.memory
        kinds = " ".join(
            f"{kind} {_short(memory.get(kind, 0))}" for kind in ("processes", "binary", "ets", "atom", "code")
        )
        limits = (
            f"processes {sample.processes}/{sample.process_limit}  ports {sample.ports}/{sample.port_limit}  "
            f"atoms {sample.atoms}/{sample.atom_limit}"
        )
        lines += [
            Text(f"release {sample.release or '?'} on OTP {sample.otp}, {sample.schedulers} schedulers, "
                 f"up {since(sample.wall / 1000)}, {sample.connected} nodes and {sample.hidden} hidden"),
            Text(f"memory {_short(memory.get('total', 0))}: {kinds}"),
            Text(f"{limits}  ets {sample.tables}"),
            Text(f"gc {rates.collections:.0f}/s, {rates.reductions:.0f} reductions/s" if rates else ""),
        ]  # fmt: skip
    return Group(*(Text.assemble(line, overflow="ellipsis", no_wrap=True) for line in lines))


def processes_table(one: Watched, key: str, *, width: int, height: int) -> Table:
    """Return the table of a node's biggest processes."""
    title = f"{one.spot.name}: the biggest processes by {key}"
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold reverse", width=width, title=title)
    table.add_column("process", no_wrap=True, overflow="ellipsis", ratio=2)
    table.add_column("runs", no_wrap=True, overflow="ellipsis", ratio=3)
    for head in ("memory", "reds", "queue"):
        table.add_column(head, justify="right", no_wrap=True)
    for big in one.big[: max(1, min(height, ROWS_SHOWN))]:
        name = big.name or f"{big.pid} {big.initial}"
        reductions, queue = short_number(big.reductions), short_number(big.message_queue_len)
        table.add_row(Text(name), Text(big.current), _short(big.memory), reductions, queue)
    return table


def screen(top: Top, view: View, *, width: int, height: int) -> RenderableType:
    """Return the whole screen."""
    rows = ordered(top.watched, view.order)
    chosen = rows[min(view.at, len(rows) - 1)]
    for one in top.watched:
        one.wants = view.key if one is chosen else ""
    if view.key:
        return Group(processes_table(chosen, view.key, width=width, height=height - 4), Text(_HELP_BIG, style="dim"))
    table = nodes_table(rows, view, width=width, height=height - 8)
    return Group(
        table, Text(""), about(chosen), Text(_HELP.format(view.order), style="dim", no_wrap=True, overflow="ellipsis")
    )


def live(top: Top, interval: float) -> None:
    """Show nodes on this terminal until a person has seen enough.

    Args:
        top: what is watched.
        interval: seconds between two questions to each node.
    """
    console, view, next_ask = Console(highlight=False), View(), 0.0
    with _keys() as keys, Live(console=console, screen=True, auto_refresh=False) as shown:
        while not view.over:
            if time.monotonic() >= next_ask:
                top.ask()
                next_ask = time.monotonic() + interval
                top.answered(0.1)
            width, height = console.size
            shown.update(screen(top, view, width=width, height=height), refresh=True)
            for key in keys(0.25):
                before = view.key
                view.press(key, len(top.watched))
                if view.key != before:
                    next_ask = 0.0


@contextmanager
def _keys() -> Iterator[Callable[[float], Iterator[str]]]:
    """Yield what waits for keys, so many seconds, and yields each."""

    def wait(seconds: float) -> Iterator[str]:
        if select.select([0], [], [], seconds)[0]:
            text = os.read(0, 256).decode("utf-8", "replace")
            while text:
                size = 3 if text[:2] == "\x1b[" else 1
                yield text[:size]
                text = text[size:]

    with lent(tty.setcbreak, _LEAVE):
        yield wait


def since(seconds: float) -> str:
    """Return a time in at most six characters: ``3d4h``, ``12m7s``."""
    whole = int(seconds)
    for unit, size, less, smaller in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller}{less}"
    return f"{whole}s"


def short_number(value: float) -> str:
    """Return a number in at most five characters: ``12k``, ``3.4M``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f}{unit}" if value < 10 * size else f"{value / size:.0f}{unit}"
    return f"{value:.0f}"


def _short(size: int) -> str:
    """Return bytes in at most seven characters: ``12.4 M``."""
    return human(size).replace("iB", "")


def _of(value: int, limit: int) -> Text | str:
    return Text(short_number(value), style="bold red") if limit and value / limit >= _FULL else short_number(value)


def _late(one: Watched) -> bool:
    return one.silent > _LATE

"""What ``top`` does: a screen for a person, a table or JSON lines for a script."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence

from deployer.errors import ConfigError
from deployer.window.choice import Fleet, Spot
from deployer.window.crash import human
from deployer.window.keyboard import here
from deployer.window.top import Top

_FIRST, _LATER = 15.0, 3.0
"""Seconds for the first answers of all, which begin with a login, and for those of a refresh."""
_REST, _BETWEEN = 2.0, 1.0
"""Seconds for the others when some have answered; and between two answers, for their rates."""


def watch(fleet: Fleet, spots: Sequence[Spot], *, once: bool, as_json: bool, interval: float) -> int:
    """Watch nodes until a person leaves; return 0, or 1 where one was asked once and a node gave no answer.

    Raises:
        ConfigError: there is no terminal for a screen.
    """
    if not once and not as_json and here() is None:
        raise ConfigError("a screen needs a terminal", hint="deployer top --once, or --json")
    from deployer.window.screen import live

    top = Top(fleet, spots)
    try:
        if not once and not as_json:
            live(top, interval)
            return 0
        top.ask()
        top.answered(_FIRST, rest=_REST)
        while True:
            time.sleep(_BETWEEN if once else interval)
            top.ask()
            top.answered(_LATER, rest=_BETWEEN)
            said = [json.dumps(one.as_json()) for one in top.watched] if as_json else table_once(top)
            sys.stdout.writelines(f"{line}\n" for line in said)
            sys.stdout.flush()
            if once:
                return 0 if all("problem" not in one.as_json() for one in top.watched) else 1
    finally:
        top.close()


def table_once(top: Top) -> Iterator[str]:
    """Yield plain lines, one a node, for a person who wants no screen."""
    from deployer.window.screen import short_number, since

    names = [one.spot.name for one in top.watched]
    width = max(map(len, names))
    heads = f"{'UP':>6} {'CPU':>5} {'RUNQ':>4} {'MEMORY':>10} {'PROCS':>7} {'QUEUE':>6} {'NODES':>5}  RELEASE"
    yield f"{'NODE':<{width}}  {heads}"
    for one in top.watched:
        sample, rates = one.sample, one.rates
        if sample is None or one.problem or one.asked is not None:
            yield f"{one.spot.name:<{width}}  {one.problem or one.late}"
            continue
        busy = f"{rates.busy * 100:.0f}%" if rates else "-"
        queue = "-" if sample.longest_queue < 0 else short_number(sample.longest_queue)
        yield (
            f"{one.spot.name:<{width}}  {since(sample.wall / 1000):>6} {busy:>5} {sample.run_queue:>4} "
            f"{human(sample.memory.get('total', 0)):>10} {sample.processes:>7} {queue:>6} {sample.connected:>5}  "
            f"{sample.release}"
        )

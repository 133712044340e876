"""What ``logs`` prints: lines of all nodes, each in its node's colour, and what crash dumps say."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.engine.host_run import EXIT_ORDER
from deployer.errors import ConfigError, DeployerError
from deployer.window import crash
from deployer.window.choice import Fleet, Spot
from deployer.window.journal_lines import LogLine, wanted
from deployer.window.logs import NodeJournals
from deployer.window.voices import COLOURS, painted


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says of ``logs``."""

    follow: bool
    since: str
    grep: str
    lines: int


def show_logs(fleet: Fleet, spots: Sequence[Spot], flags: Flags, *, colour: bool) -> int:
    """Print the journals of nodes; returns 0, or the exit code of a host that could not be read.

    Raises:
        ConfigError: a flag is wrong.
    """
    what = wanted(last=flags.lines, since=flags.since, grep=flags.grep, now=time.time())
    journals = NodeJournals(fleet, spots, what, lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
    names = list(dict.fromkeys(spot.name for spot in spots))
    width, place = max(map(len, names)), {name: at for at, name in enumerate(names)}

    def head(line: LogLine) -> str:
        words = f"{line.time} {line.node:<{width}}"
        return painted(words, COLOURS[place[line.node] % len(COLOURS)]) if colour else words

    for line in journals.follow() if flags.follow else journals.all():
        text = painted(line.text, "red") if colour and line.urgent else line.text
        sys.stdout.write(f"{head(line)} {text}\n")
        if flags.follow:
            sys.stdout.flush()
    return next((code for code in EXIT_ORDER if code in journals.codes), 0)


def show_crashes(fleet: Fleet, spots: Sequence[Spot], place: str) -> int:
    """Print what the crash dumps of nodes say, and save the one of a single node where ``place`` is not empty.

    Returns 0, also when there is none; or the exit code of a host that could not be read.
    """
    if place and len(spots) != 1:
        raise ConfigError(f"--save takes the dump of one node, not of {len(spots)}", hint="name one")
    codes = [0]
    for spot in spots:
        try:
            found = crash.crash(fleet, spot)
            said = crash.dump_lines(spot, found) if found else [f"{spot.name}  no crash dump"]
            sys.stdout.writelines(f"{line}\n" for line in said)
            if place and found:
                size = crash.save(fleet, spot, Path(place))
                sys.stdout.write(
                    f"  saved to {place}, {crash.human(size)}; it holds the node's memory and its cookie\n"
                )
        except ConfigError:
            raise
        except DeployerError as error:
            sys.stderr.write(f"error: {spot.name}: {error}\n")
            codes.append(error.exit_code)
    return next(code for code in EXIT_ORDER if code in codes)

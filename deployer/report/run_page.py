"""A run as one page, and as one JSON document: the facts of ``--json``, for whoever was not there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from deployer.events import Event, HostEnded, PlayStarted, RunEnded
from deployer.report.files import check_formats
from deployer.report.run_parts import of_kind, run_parts
from deployer.report.sheet import escaped, sheet

RUN_FORMAT = "deployer-run/1"


def check_pages(paths: Sequence[str]) -> None:
    """Refuse a file that cannot be written, or whose ending is no format, before any host is asked.

    Raises:
        ConfigError: with the endings that there are.
    """
    check_formats(paths, _FORMATS)


def write_pages(paths: Sequence[str], events: Sequence[Event]) -> tuple[str, ...]:
    """Write a run to files, each in the format of its ending, and return what went wrong, for the run is done."""
    failed = []
    for path in map(Path, paths):
        try:
            path.write_text(_FORMATS[path.suffix](events, datetime.now(UTC)), encoding="utf-8")
        except OSError as error:
            failed.append(f"the report {path} cannot be written: {error.strerror}")
    return tuple(failed)


def run_json(events: Sequence[Event], now: datetime) -> str:
    """Return one JSON document with the lines that ``--json`` prints."""
    lines = [{"event": type(event).__name__, **asdict(event)} for event in events]
    whole = {"format": RUN_FORMAT, "time": now.isoformat(timespec="seconds"), "events": lines}
    return json.dumps(whole, indent=1) + "\n"


def run_html(events: Sequence[Event], now: datetime) -> str:
    """Return the page."""
    plays, ends = of_kind(events, PlayStarted), of_kind(events, HostEnded)
    goal = next((play.title.split()[0] for play in plays), "run")
    hosts = len({host for play in plays for host in play.hosts} | {end.host for end in ends})
    parts = [_head(events, ends, now), *run_parts(events)]
    return sheet(f"{goal.capitalize()} of {hosts} host{'' if hosts == 1 else 's'}", parts)


_FORMATS: Mapping[str, Callable[[Sequence[Event], datetime], str]] = {".html": run_html, ".json": run_json}


def _head(events: Sequence[Event], ends: Sequence[HostEnded], now: datetime) -> str:
    said = ", ".join(f"{count} {ending}" for ending, count in Counter(end.ending for end in ends).most_common())
    ended = "".join(f", exit code {end.code} after {end.seconds} s" for end in of_kind(events, RunEnded))
    return f"<p>{now:%Y-%m-%d %H:%M} UTC{escaped(ended)}. {escaped(said)}</p>"

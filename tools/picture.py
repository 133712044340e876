"""Draw the README's picture of a real run: replay its events into the terminal report and export what it prints.

deployer deploy site.yml -i … --json >run.jsonl; python tools/picture.py run.jsonl docs/deploy.svg
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from deployer import events, roll_events
from deployer.model import Change
from deployer.report.terminal import TerminalReport


def event(line: str) -> events.Event:
    """Return the event that one line of ``--json`` tells of."""
    given: dict[str, Any] = json.loads(line)
    name = given.pop("event")
    kind = getattr(events, name, None) or getattr(roll_events, name)
    if "changes" in given:
        given["changes"] = tuple(Change(**change) for change in given["changes"])
    if "hosts" in given:
        given["hosts"] = tuple(given["hosts"])
    found: events.Event = kind(**given)
    return found


def main(source: str, target: str) -> None:
    """Write the picture."""
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=False)
    report = TerminalReport(console)
    for line in Path(source).read_text().splitlines():
        report(event(line))
    console.save_svg(target, title="deployer deploy site.yml -i inventory.yml")


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""One JSON object a line: the event's name and its fields."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TextIO

from deployer.events import Event


class JsonLines:
    """Writes each event as it comes; undecodable bytes of hosts are escaped, so every line is valid UTF-8."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._out.write(json.dumps({"event": type(event).__name__, **asdict(event)}) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is held back."""

"""Explains a failed rung with the last log lines of its unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from deployer.beam.diagnose import diagnose
from deployer.engine.ladder.rung import Log, RungResult

_OF_TLS = re.compile(r"\b(TLS|SSL|ssl|certfile|keyfile|[Cc]ertificate)\b")
"""Lines in which a node says why it ended a handshake."""


def explained(bad: RungResult, said: Sequence[str]) -> RungResult:
    """Return a failed rung with the cause that the unit's last lines show, if one is known, else with those lines."""
    if not asks_log(bad):
        return bad
    if bad.rung.row.log is Log.TLS:
        own = [line for line in said if _OF_TLS.search(line)][-3:]
        return replace(bad, detail="\n".join([bad.detail, *own]))
    advice = diagnose(said)
    if advice:
        return replace(bad, detail=f"{bad.detail}\n{advice.cause}: {advice.line}", advice=advice.advice)
    return replace(bad, detail="\n".join([bad.detail, *said[-8:]])) if bad.rung.row.log is Log.LINES else bad


def asks_log(bad: RungResult) -> bool:
    """Whether the unit's last lines may explain a failed rung."""
    return bad.ok is False and bad.rung.row.log is not Log.SILENT

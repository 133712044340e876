"""The result of an audit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from deployer.events import DriftTraced, Event, HostEnded, RuleJudged, TaskPlanned

FORMAT = "deployer-audit/1"
_DRIFTED = ("change", "unknown", "refused")


@dataclass(frozen=True, slots=True)
class Audited:
    """The result of an audit.

    Attributes:
        time: when it ended.
        code: its exit code.
        hosts: how it ended on each host.
        drift: tasks whose state is not as declared, or not known.
        judged: the result of every rule on every host.
        traced: when each drift began, and who caused it.
    """

    time: datetime
    code: int
    hosts: tuple[HostEnded, ...]
    drift: tuple[TaskPlanned, ...]
    judged: tuple[RuleJudged, ...]
    traced: tuple[DriftTraced, ...] = ()

    @property
    def title(self) -> str:
        """The title of a page about it."""
        count = len(self.hosts)
        return f"Audit of {count} host{'s'[: count != 1]}"

    def as_plain(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "format": FORMAT,
            "time": self.time.isoformat(timespec="seconds"),
            "code": self.code,
            "hosts": [asdict(one) for one in self.hosts],
            "drift": [asdict(one) for one in self.drift],
            "traced": [asdict(one) for one in self.traced],
            "findings": [asdict(one) for one in self.judged],
        }


def gathered(events: Iterable[Event], code: int, now: datetime | None = None) -> Audited:
    """Return the result of an audit from its events."""
    seen = tuple(events)
    return Audited(
        now or datetime.now(UTC),
        code,
        tuple(one for one in seen if isinstance(one, HostEnded)),
        tuple(one for one in seen if isinstance(one, TaskPlanned) and one.verdict in _DRIFTED),
        tuple(one for one in seen if isinstance(one, RuleJudged)),
        tuple(one for one in seen if isinstance(one, DriftTraced)),
    )


def audit_as_json(audited: Audited) -> str:
    """Return one JSON document; bytes that are not text are escaped."""
    return json.dumps(audited.as_plain(), indent=1) + "\n"

"""Rules about a node as a service: what starts it at boot and after a crash, and how often it crashed."""

from __future__ import annotations

import re
from math import inf

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, Process
from deployer.audit.rule import Complaints, Rule, each

_LIMITS = ("StartLimitBurst", "StartLimitIntervalUSec", "RestartUSec")
_UNITS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "month": 2_629_800,
    "y": 31_557_600,
}


def systemd_seconds(text: str) -> float:
    """Return a time as systemd writes it, ``1min 30s``; ``infinity`` is endless. Raises ValueError."""
    if text in ("0", "infinity"):
        return 0.0 if text == "0" else inf
    found = [re.fullmatch(r"([0-9.]+)([a-z]+)", word) for word in text.split()]
    if not all(one and one[2] in _UNITS for one in found):
        raise ValueError(text)
    return sum(float(one[1]) * _UNITS[one[2]] for one in found if one)


def _restarts(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        unit = facts.unit_of(beam)
        burst, interval, pause = (unit.get(word, "0") for word in _LIMITS)
        if unit.get("Restart", "") not in ("always", "on-failure"):
            yield f"{beam.unit} does not restart it when it crashes (Restart={unit.get('Restart', '') or 'no'})"
        elif burst == "0" or interval == "0":
            yield f"{beam.unit} restarts it without limit, however often it crashes (StartLimit…=0)"
        elif burst.isdigit() and (int(burst) * systemd_seconds(pause)) > systemd_seconds(interval):
            yield (
                f"{beam.unit} restarts it without limit: {burst} starts, {pause} apart, never happen within {interval}"
                " (StartLimitIntervalSec)"
            )
        if unit.get("TimeoutStopUSec") == "infinity":
            yield f"{beam.unit} waits without limit for it to stop (TimeoutStopSec=infinity)"

    return each(facts.beams, judge)


def _restarted(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        count = facts.unit_of(beam).get("NRestarts", "")
        if not count.isdigit():
            raise CannotTell(f"systemd does not say how often it restarted {beam.unit}")
        if count != "0":
            yield f"systemd had to restart {beam.unit} {count} time{'' if count == '1' else 's'}"

    return each(facts.beams, judge)


def _supervised(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        if not beam.unit:
            group = beam.raw.get("unit") or "its control group cannot be read"
            yield f"it runs in no service ({group}): nothing starts it after a reboot"
        elif (state := facts.unit_of(beam).get("UnitFileState", "")) not in (
            "enabled",
            "static",
            "enabled-runtime",
            "generated",
            "indirect",
        ):
            yield f"{beam.unit} is {state or 'not installed'}: nothing starts it after a reboot"

    return each(facts.beams, judge)


SERVICE_RULES = (
    Rule(
        id="UN-07", severity="medium", title="a crashed node is restarted, but not for ever", judge=_restarts,
        reads="Restart, StartLimit… and TimeoutStop of the unit, as systemd has them", groups=("nodes",),
        fix="unit: {Restart: on-failure}",
        command=(
            "where restarts have no end: systemctl edit UNIT, and there [Unit] StartLimitBurst=5 and"
            " StartLimitIntervalSec=300 (more than 5 times RestartSec); where the stop has no end: [Service]"
            " TimeoutStopSec=60"
        ),
        sources=("systemd.unit(5), StartLimitIntervalSec=",),
    ),
    Rule(
        id="UN-14", severity="medium", title="no node has crashed since it was started", judge=_restarted,
        reads="NRestarts of the unit", groups=("nodes",), command="journalctl -u UNIT -p err",
        sources=("systemd.service(5), Restart=",),
    ),
    Rule(
        id="UN-15", severity="medium", title="every BEAM is a service that starts at boot", judge=_supervised,
        reads="the control group of each BEAM, and its unit's state", groups=("nodes",),
        command="systemctl enable UNIT", sources=("systemd.service(5)",),
    ),
)  # fmt: skip
"""All of them."""

"""What systemd takes as the value of a setting, for those whose grammar is plain: spans, sizes, numbers, yes and no.

It ignores a value that it cannot read, and says so in its journal alone. The grammars are those of systemd.time(7),
systemd.syntax(7), systemd.resource-control(5) and systemd.exec(5); settings that are not here are systemd's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from deployer.syntax import span_seconds

_SIZES = re.compile(r"(?:\s*\+?[0-9]+(?:\.[0-9]+)?\s*[KMGTPEB]?(?=[\s0-9]|\Z))+\s*", re.ASCII)
_SHARE = re.compile(r"[0-9]+(?:\.[0-9]{1,2})?%|[0-9]+(?:\.[0-9])?‰|[0-9]+‱", re.ASCII)
_BOOLEAN = re.compile("1|0|yes|no|y|n|true|false|t|f|on|off", re.IGNORECASE)
_ZERO = re.compile(r"[^1-9]*")

_SPANS = """
    CPUQuotaPeriodSec LogRateLimitIntervalSec RestartSec RuntimeMaxSec RuntimeRandomizedExtraSec TimeoutAbortSec
    TimeoutCleanSec
"""
_RESERVED = "MemoryLow MemoryMin MemorySwapMax DefaultMemoryLow DefaultMemoryMin"
_SWITCHES = """
    CPUAccounting CPUSchedulingResetOnFork IOAccounting IPAccounting IgnoreSIGPIPE LockPersonality MemoryAccounting
    MemoryDenyWriteExecute MountAPIVFS NoNewPrivileges NonBlocking PrivateDevices PrivateIPC PrivateMounts
    PrivateNetwork ProtectClock ProtectKernelLogs ProtectKernelModules ProtectKernelTunables RemoveIPC RestrictRealtime
    RestrictSUIDSGID SyslogLevelPrefix TasksAccounting
"""
_RANGES = {
    "Nice": (-20, 19), "OOMScoreAdjust": (-1000, 1000), "IOSchedulingPriority": (0, 7),
    "CPUWeight": (1, 10000), "StartupCPUWeight": (1, 10000), "IOWeight": (1, 10000), "StartupIOWeight": (1, 10000),
}  # fmt: skip
_CHOICES = {
    "Restart": "no on-success on-failure on-abnormal on-watchdog on-abort always",
    "OOMPolicy": "continue stop kill",
    "KeyringMode": "inherit private shared",
    "ManagedOOMSwap": "auto kill",
    "ManagedOOMMemoryPressure": "auto kill",
}
_IDLE = ("CPUWeight", "StartupCPUWeight")


def value_complaint(name: str, text: str) -> str | None:
    """Complain about a value that systemd would ignore; None where it is empty, or where nobody here knows."""
    good, write = _GRAMMARS.get(name, (None, ""))
    return None if good is None or not text or good(text) else f"{name}: {text!r} is ignored by systemd; write {write}"


def _span(text: str) -> bool:
    return text == "infinity" or span_seconds(text) is not None


def _boolean(text: str) -> bool:
    return bool(_BOOLEAN.fullmatch(text))


def _share(text: str) -> bool:
    found = _SHARE.fullmatch(text)
    most = {"%": 100, "‰": 1000, "‱": 10000}
    return bool(found) and float(text[:-1]) <= most[text[-1]]


def _memory(text: str) -> bool:
    return text == "infinity" or _share(text) or bool(_SIZES.fullmatch(text))


def _some_memory(text: str) -> bool:
    return text == "infinity" or (_memory(text) and not _ZERO.fullmatch(text))


def _tasks(text: str) -> bool:
    number = re.fullmatch(r"\+?[0-9]+", text, re.ASCII)
    return text == "infinity" or _share(text) or bool(number and not _ZERO.fullmatch(text))


def _quota(text: str) -> bool:
    return bool(_SHARE.fullmatch(text)) and not _ZERO.fullmatch(text)


def _within(name: str) -> tuple[Callable[[str], bool], str]:
    least, most = _RANGES[name]
    idle = name in _IDLE

    def good(text: str) -> bool:
        number = re.fullmatch("[+-]?[0-9]{1,9}", text, re.ASCII)
        return (idle and text == "idle") or bool(number and least <= int(text) <= most)

    return good, f"a number from {least} to {most}" + " or idle" * idle


def _one_of(words: str) -> tuple[Callable[[str], bool], str]:
    return lambda text: text in words.split(), f"one of {', '.join(words.split())}"


_MEMORY = "a size such as 512M or 2G, a share such as 50%, or infinity"
_GRAMMARS: dict[str, tuple[Callable[[str], bool], str]] = {
    **dict.fromkeys(_SPANS.split(), (_span, "a time span such as 90, 5min 30s, 1d, or infinity")),
    **dict.fromkeys(_SWITCHES.split(), (_boolean, "yes or no")),
    **dict.fromkeys(("MemoryMax", "MemoryHigh"), (_some_memory, f"{_MEMORY}, more than 0")),
    **dict.fromkeys(_RESERVED.split(), (_memory, _MEMORY)),
    "TasksMax": (_tasks, "a number, a share such as 50%, or infinity"),
    "CPUQuota": (_quota, "a percentage such as 150%"),
    **{name: _within(name) for name in _RANGES},
    **{name: _one_of(words) for name, words in _CHOICES.items()},
}

"""How an account and its password age: numbers of /etc/shadow, as ``chage`` writes them (shadow(5), chage(1))."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from deployer.errors import ConfigError, ProbeError
from deployer.sh import Sh, sh

_FLAGS: Mapping[str, str] = {
    "password_expire_min": "-m",
    "password_expire_max": "-M",
    "password_expire_warn": "-W",
    "password_expire_account_disable": "-I",
    "expires": "-E",
}
"""Argument → flag of ``chage``, in the order of the fields of /etc/shadow."""
_BEGIN = date(1970, 1, 1).toordinal()
_PROBE = """if [ -n "$entry" ]; then
  shadow=$(getent shadow {0}) || {{ echo "may not read the shadow file"; exit 1; }}
  emit aging "$(printf '%s\\n' "$shadow" | cut -s -d : -f 4-8)"
fi"""


def days(value: int) -> str | None:
    """Complain about what is neither a number of days nor -1, which takes the limit away."""
    return None if -1 <= value <= 999_999 else "write a number of days, or -1 for none"


def aging(expires: int | None, **ages: int | None) -> dict[str, str]:
    """Return what is declared, under the names of the arguments, as a plan tells it.

    Args:
        expires: seconds since 1970; the day counts, as with Ansible. Below zero: never.
        ages: the other arguments, in days.
    """
    found = {name: str(value) for name, value in ages.items() if value is not None}
    if expires is None:
        return found
    try:
        day = datetime.fromtimestamp(expires, UTC).date().isoformat() if expires >= 0 else "never"
    except (OverflowError, ValueError, OSError):
        raise ConfigError(
            f"expires {expires} is not a time", hint="write seconds since 1970: date -d 2030-01-01 +%s"
        ) from None
    return found | {"expires": day}


def asked(name: str) -> Sh:
    """Return text that prints them, for a place where ``$entry`` has the account's entry."""
    return sh(_PROBE, name)


def observed(fields: str) -> dict[str, str]:
    """Return what the host says, as `aging` does.

    Raises:
        ProbeError: these are not fields of /etc/shadow.
    """
    parts = [part or "-1" for part in fields.split(":")]
    if len(parts) != len(_FLAGS) or not all(part.removeprefix("-").isdecimal() for part in parts):
        raise ProbeError("the user's entry in /etc/shadow cannot be read")
    *ages, end = parts
    try:
        day = "never" if int(end) < 0 else date.fromordinal(_BEGIN + int(end)).isoformat()
    except (OverflowError, ValueError):
        day = f"{end} days after 1970"
    return dict(zip(_FLAGS, [*ages, day], strict=True))


def set_to(name: str, declared: Mapping[str, str]) -> Sh:
    """Return text that sets what is declared."""
    return sh(
        "chage {} -- {}", [word for key, value in declared.items() for word in (_FLAGS[key], _number(value))], name
    )


def _number(value: str) -> str:
    """Return a day as its number: ``chage`` takes a date for one of the host's time zone, a day off at its ends."""
    if value == "never":
        return "-1"
    return str(date.fromisoformat(value).toordinal() - _BEGIN) if value.count("-") == 2 else value

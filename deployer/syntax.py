"""What a value may look like, wherever it is written: hosts, addresses, users, ports, variables, nodes, time spans.

None of them can become an option, a token or a command.
"""

from __future__ import annotations

import ipaddress
import re

from deployer.errors import ConfigError

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
"""The name of a variable: of the inventory, and of an environment."""
NODE_LABEL = r"[a-z0-9_][A-Za-z0-9_-]{0,62}"
"""What stands before the @ of a node's name; units and firewall sets are called after it."""
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What no line of a file may hold: control characters, and what is no UTF-8."""
_UNITS = {
    "us µs μs usec": 1e-6, "ms msec": 1e-3, "s sec second seconds": 1.0, "m min minute minutes": 60.0,
    "h hr hour hours": 3600.0, "d day days": 86400.0, "w week weeks": 604800.0,
    "M month months": 2629800.0, "y year years": 31557600.0,
}  # fmt: skip
_LENGTHS = {word: length for words, length in _UNITS.items() for word in words.split()} | {"": 1.0}
_SPAN = re.compile(r"\s*(\+?[0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([A-Za-zµμ]*)(?=[\s0-9.]|\Z)")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\$?", re.ASCII)


def check_address(text: str) -> str:
    """Return ``text`` when it is an IP address or a host name (RFC 1123, and ``_``), at most 253 characters.

    Raises:
        ConfigError: anything else, an IPv6 zone (``fe80::1%eth0``) and a trailing dot among it.
    """
    if "%" in text and ":" in text:
        raise ConfigError(
            f"the address {text[:64]!r} has an IPv6 zone, which means something on this machine only",
            hint="give a global address or a name",
        )
    if ":" in text or _numeric(text):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise ConfigError(f"{text[:64]!r} is not an IP address", hint=_hint(text)) from None
        return text
    if not 1 <= len(text) <= 253 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        raise ConfigError(
            f"{text[:64]!r} is not a host name or address",
            hint="letters, digits, - and _ between dots; at most 253 characters",
        )
    return text


def check_host_name(text: str) -> None:
    """Refuse what cannot be an inventory's name of a host, which stands in argv; it need not be an address.

    Raises:
        ConfigError: it is neither labels between dots nor an IP address.
    """
    labels = text.split(".")
    if len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels):
        return
    try:
        if "%" not in text and ipaddress.ip_address(text):
            return
    except ValueError:
        pass
    hint = "letters, digits, - and _ between dots, or an IP address"
    raise ConfigError(f"{text[:60]!r} is not a host name", hint=hint)


def ports(text: str, least: int = 1) -> tuple[int, int] | None:
    """Return first and last port of ``FIRST-LAST`` or of one alone; None when it is none, or one is below ``least``."""
    match = _PORTS.fullmatch(text)
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, last) if is_port(first, least) and is_port(last, least) and first <= last else None


def is_port(number: int, least: int = 1) -> bool:
    """Return whether a number is a TCP port, and not below ``least``."""
    return least <= number <= 65535


def check_user(text: str) -> str:
    """Return ``text`` when it can be a login name; raises ConfigError otherwise."""
    if not _USER.fullmatch(text):
        raise ConfigError(
            f"{text[:64]!r} is not a user name", hint="letters, digits, _ . @ + and -, not starting with -"
        )
    return text


def check_port(port: int) -> int:
    """Return ``port`` when it is 1 to 65535; raises ConfigError otherwise."""
    if not is_port(port):
        raise ConfigError(f"{port} is not a TCP port", hint="1 to 65535")
    return port


def _numeric(text: str) -> bool:
    """Tell whether the last label is a number: then it can only be an IPv4 address (RFC 3696, section 2)."""
    return text.rsplit(".", 1)[-1].isdigit()


def _hint(text: str) -> str:
    return "a port belongs into ansible_port" if text.count(":") == 1 else "such as 10.0.0.7 or 2001:db8::7"


def truth(word: object) -> bool | None:
    """Return what a word of YAML 1.1 (``yes``, ``Off``, ``TRUE``) says where a boolean is meant; None: it says none."""
    if not isinstance(word, str) or word not in (word.lower(), word.capitalize(), word.upper()):
        return None
    return {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}.get(word.lower())


class Bare(str):
    """A word that YAML 1.1 reads as a boolean (``yes``, ``off``): it prints as written, and is as true as it says."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return bool(truth(str(self)))

    def __eq__(self, other: object) -> bool:
        return bool(self) is other if isinstance(other, bool) else str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def span_seconds(span: str) -> float | None:
    """Return the seconds of a time span as systemd.time(7) writes it, ``90`` or ``5min 30s``; None where it is none."""
    found, place = 0.0, 0
    while match := _SPAN.match(span, place):
        if match[2] not in _LENGTHS:
            return None
        found += float(match[1]) * _LENGTHS[match[2]]
        place = match.end()
    return found if place and not span[place:].strip() else None

"""The grammar of what names a host on the wire: no address or user can become an option, a token or a command."""

from __future__ import annotations

import ipaddress
import re

from deployer.errors import ConfigError

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\$?", re.ASCII)


def check_address(text: str, *, where: object = "") -> str:
    """Return ``text`` when it is an IP address or a host name (RFC 1123, and ``_``), at most 253 characters.

    Raises:
        ConfigError: anything else, an IPv6 zone (``fe80::1%eth0``) and a trailing dot among it.
    """
    if "%" in text and ":" in text:
        raise ConfigError(
            f"the address {text[:64]!r} has an IPv6 zone, which means something on this machine only",
            where=where,
            hint="give a global address or a name",
        )
    if ":" in text or _numeric(text):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise ConfigError(f"{text[:64]!r} is not an IP address", where=where, hint=_hint(text)) from None
        return text
    if not 1 <= len(text) <= 253 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        raise ConfigError(
            f"{text[:64]!r} is not a host name or an IP address",
            where=where,
            hint="letters, digits, - and _ between dots; at most 253 characters",
        )
    return text


def check_user(text: str, *, where: object = "") -> str:
    """Return ``text`` when it can be a login name; raises ConfigError otherwise."""
    if not _USER.fullmatch(text):
        raise ConfigError(
            f"{text[:64]!r} is not a user name", where=where, hint="letters, digits, _ . @ + and -, not starting with -"
        )
    return text


def check_port(port: int, *, where: object = "") -> int:
    """Return ``port`` when it is 1 to 65535; raises ConfigError otherwise."""
    if not 1 <= port <= 65535:
        raise ConfigError(f"{port} is not a TCP port", where=where, hint="1 to 65535")
    return port


def _numeric(text: str) -> bool:
    """Tell whether the last label is a number: then it can only be an IPv4 address (RFC 3696, section 2)."""
    return text.rsplit(".", 1)[-1].isdigit()


def _hint(text: str) -> str:
    return "a port belongs into ansible_port" if text.count(":") == 1 else "such as 10.0.0.7 or 2001:db8::7"

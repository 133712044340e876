"""``confirm_over``: the further ways by which a person logs in to a host, which a change must not cut off either."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import coerce, kind, nearest
from deployer.model import Connection, Mark
from deployer.syntax import check_address, check_port

WORD = "confirm_over"
_WORDS = ("address", "port", "jump")
_PLACE = re.compile(r"\[([^]]+)](?::([0-9]{1,5}))?|([^:\s]+)(?::([0-9]{1,5}))?", re.ASCII)


def login_ways(value: Any, main: Connection, where: Mark) -> tuple[Connection, ...]:
    """Return the further ways to a host.

    Args:
        value: a list; each is ``ADDRESS``, ``ADDRESS:PORT``, ``[IPV6]:PORT``, or a mapping with ``address``, ``port``
            and ``jump`` (``[user@]host[:port]``, several with commas; ``none``: directly). What one leaves out is as
            in ``main``.
        main: the way by which the run comes.
        where: for errors.

    Raises:
        ConfigError: it is no such list, or none of it can differ from ``main``.
    """
    with At(where):
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{WORD} is {kind(value)}", hint=f'write a list: {WORD}: ["2001:db8::7", 10.1.0.7]')
        if value and main.local:
            raise ConfigError(f"{WORD} needs a host to log in to, and this one is this machine itself")
        found = tuple(_way(one, main) for one in value)
        if main in found:
            raise ConfigError(f"{WORD} names the way by which this run comes anyway", hint="leave it out")
        return found


def check_spelling(names: Mapping[str, Any]) -> str:
    """Return a host's variable that is one slip away from the word; "" where there is none."""
    return next((name for name in names if name != WORD and get_close_matches(name, (WORD,), 1, 0.88)), "")


def _way(value: Any, main: Connection) -> Connection:
    if not isinstance(value, Mapping):
        address, port = _place(str(coerce(str, value, WORD)))
        return replace(main, address=address, port=port or main.port)
    for word in value:
        if word not in _WORDS:
            raise ConfigError(f"unknown word {word!r} in {WORD}", hint=nearest(str(word), _WORDS))
    address = check_address(str(coerce(str, value.get("address", main.address), f"{WORD}.address")))
    port = check_port(coerce(int, value["port"], f"{WORD}.port")) if "port" in value else main.port
    options = dict(main.ssh_options)
    if "jump" in value:
        options.pop("proxycommand", None)
        options["proxyjump"] = str(coerce(str, value["jump"], f"{WORD}.jump"))
    return replace(main, address=address, port=port, ssh_options=options)


def _place(text: str) -> tuple[str, int | None]:
    try:
        return str(ipaddress.IPv6Address(text)), None
    except ValueError:
        pass
    if not (parts := _PLACE.fullmatch(text)):
        raise ConfigError(f"{WORD}: {text!r} is no address", hint="ADDRESS, ADDRESS:PORT or [IPV6]:PORT")
    port = parts[2] or parts[4]
    return check_address(parts[1] or parts[3]), check_port(int(port)) if port else None

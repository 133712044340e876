"""What is needed from a host to talk to one of its nodes: state, cookie, certificate; as `door.sh` prints them."""

from __future__ import annotations

import binascii
import re

from deployer.beam.identity import Identity
from deployer.errors import ProbeError
from deployer.model import Secret
from deployer.sh import Sh, lines, script, sh

_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n?", re.DOTALL)


def look_behind(unit: str, runtime: str, private: str, authority: str) -> Sh:
    """Return the fragment that reads what is needed to talk to a node. Its answer contains secrets."""
    words = sh("unit={} runtime={} pem={} authority={}", unit, runtime, private, authority)
    return lines(words, script("door.sh", "deployer.window"))


def state_in(said: dict[str, str]) -> str:
    """Return the state of a node's unit, such as ``active/running``; if it is starting, also for how long."""
    show = dict(line.partition("=")[::2] for line in said["show"].splitlines())
    if show.get("LoadState") not in ("loaded", None):
        return f"{show['LoadState']}: it was never deployed here"
    state = f"{show.get('ActiveState', 'unknown')}/{show.get('SubState', '')}"
    if show.get("ActiveState") != "activating" or said["pid"] != "0":
        return state
    restarts = int(show.get("NRestarts") or 0)
    since = float(said["uptime"]) - int(show.get("InactiveExitTimestampMonotonic") or 0) / 1e6
    again, count = ("re", f", restart {restarts}") if restarts else ("", "")
    return f"{state}: systemd has been {again}starting it for {since:.0f} s{count}"


def cookie_in(encoded: str) -> Secret | None:
    """Return the cookie that was read; None for none."""
    text = _text(encoded).rstrip()  # as auth.erl reads it
    return Secret(text, "cookie") if text else None


def identity_in(said: dict[str, str]) -> Identity | None:
    """Return the identity for a node with TLS, None without TLS; raises ProbeError: its certificate is unreadable."""
    if "pem" not in said:
        return None
    pem, authority = _text(said["pem"]), _text(said["authority"])
    key = _KEY.search(pem)
    if not key or not authority:
        raise ProbeError("it speaks TLS, and its certificate cannot be read", hint="deploy, which puts it there")
    return Identity(_KEY.sub("", pem), Secret(key[0], "key of the node"), authority)


def _text(encoded: str) -> str:
    try:
        return binascii.a2b_base64(encoded, strict_mode=bool(encoded)).decode("ascii")
    except ValueError:
        raise ProbeError("the host's answer about a node cannot be understood") from None

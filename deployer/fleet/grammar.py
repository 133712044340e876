"""What each word of the fleet may say: small checks that return a complaint, or None when the value is fine."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from deployer import syntax
from deployer.beam import names, overrides
from deployer.checks import as_check
from deployer.model import Secret

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}", re.ASCII)
_SERVICE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,200}\.service", re.ASCII)
_ROOT = re.compile(r"(?:/opt|/srv|/var/lib|/var/opt|/home/[a-z0-9_-]+)/[A-Za-z0-9][A-Za-z0-9._+/-]*", re.ASCII)
_PUBLIC = re.compile(r"(\d{1,5}(?:-\d{1,5})?)/(tcp|udp)", re.ASCII)
_SERVER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?", re.ASCII)
_NOT_OURS = ("/var/lib/deployer", "/var/lib/beam", "/var/lib/systemd", "/var/lib/dpkg", "/var/lib/apt")
_OWN_FLAGS = (
    "-name",
    "-sname",
    "-setcookie",
    "-start_epmd",
    "-erl_epmd_port",
    "-args_file",
    "-proto_dist",
    "-ssl_dist_opt",
    "-ssl_dist_optfile",
)
_LOADER_KEYS = frozenset({"BASH_ENV", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "PS4", "GCONV_PATH", "GLIBC_TUNABLES"})
_SHARE = re.compile(r"\d{1,6}|(?:\d{1,2}|100)%", re.ASCII)
ENV_LIMIT = 128 * 1024 - 1
"""Bytes of ``KEY=VALUE``: the kernel's MAX_ARG_STRLEN less the closing NUL."""


release_name = as_check(names.check_release_name)
release_version = as_check(names.check_release_version)
alive_name = as_check(names.check_alive)


def user(text: str) -> str | None:
    """A system user's name; never root, because a node needs no right that root has."""
    if not _USER.fullmatch(text):
        return "write lower-case letters, digits, _ and -, at most 31, not starting with a digit"
    return "a node must not run as root" if text == "root" else None


def service(text: str) -> str | None:
    """A systemd service."""
    return None if _SERVICE.fullmatch(text) else "write the name of a systemd unit that ends in .service"


def root(text: str) -> str | None:
    """A directory of its own, where a recursive delete can never reach a system's tree."""
    clean = not any(part in ("", ".", "..") for part in text.split("/")[1:])
    if not _ROOT.fullmatch(text) or not clean:
        return "write an absolute directory below /opt, /srv, /var/lib or /var/opt, without . and .."
    if any(text == taken or text.startswith(f"{taken}/") for taken in _NOT_OURS):
        return "this directory belongs to another program"
    return None


def port_number(number: int) -> str | None:
    """A TCP port that needs no privilege."""
    return None if syntax.is_port(number, 1024) else "write a port between 1024 and 65535"


def port_words(text: str) -> str | None:
    """A range of ports that need no privilege, ``9100-9109``; one alone is a range too."""
    complaint = _any_ports(text)
    return complaint or port_number(port_range(text)[0])


def _any_ports(text: str) -> str | None:
    if syntax.ports(text):
        return None
    first, dash, last = text.partition("-")
    if not all(number.isdecimal() and len(number) <= 5 for number in (first, *([last] if dash else []))):
        return "write FIRST-LAST, such as 9100-9109"
    return "the last port is below the first" if _in_range(first, last) else "a port lies between 1 and 65535"


def _in_range(*numbers: str) -> bool:
    return all(syntax.is_port(int(number)) for number in numbers if number)


def port_range(text: str) -> tuple[int, int]:
    """Return first and last port of a range."""
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def bind(text: str) -> str | None:
    """One address of this host: EPMD of OTP 25 and 27 silently does not start on 0.0.0.0 (docs/design.md)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "write an IP address of this host; EPMD and the distribution listen there"
    if address.is_unspecified or "%" in text:
        return "write one address of this host, not all of them"
    return None


def public(given: tuple[str, ...]) -> str | None:
    """Ports with their protocol: ``4000/tcp``."""
    for text in given:
        match = _PUBLIC.fullmatch(text)
        complaint = _any_ports(match[1]) if match else "write PORT/tcp or PORT/udp, such as 4000/tcp"
        if complaint:
            return f"{text!r}: {complaint}"
    return None


def environment(given: Mapping[str, str | Secret]) -> str | None:
    """Keys that a node may be given, with values that arrive exactly as written."""
    return next((complaint for key, value in given.items() if (complaint := _variable(key, value))), None)


def variable(key: str) -> str | None:
    """The name of a variable that a node may be given."""
    return _variable(key, "")


def _variable(key: str, value: str | Secret) -> str | None:
    if not syntax.VARIABLE.fullmatch(key):
        return f"{key!r} is not the name of a variable: write letters, digits and _"
    if key.startswith("LD_") or key in _LOADER_KEYS:
        return f"{key} steers the loader or the shell, not the node; it is not passed on"
    text = value.reveal() if isinstance(value, Secret) else value
    for what, (harm, advice) in overrides.judge_variable(key, text):
        if harm != "never" or what.rpartition(" ")[2] in _OWN_FLAGS:
            return f"{what} cannot be set here: {advice}"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"{key}: the value is not UTF-8, which systemd ignores"
    if "\0" in text:
        return f"{key}: the value holds a NUL byte"
    return f"{key}: the value is larger than {ENV_LIMIT} bytes" if size + len(key) + 1 > ENV_LIMIT else None


def vm_args(given: tuple[str, ...]) -> str | None:
    """Lines of vm.args, except the flags that follow from the declaration."""
    for line in given:
        if syntax.CONTROL.search(line):
            return f"{line!r}: write one line without control characters"
        own = next((flag for flag in _OWN_FLAGS if flag in line.split()), None)
        if own:
            return f"{own} follows from the words of the cluster"  # what stands behind it may be the cookie
        if "-extra" in line.split():
            return f"{line!r}: nothing that comes after -extra is a flag any more, the release's own neither"
        told = (found for _, flag, values in overrides.flags_of(line) for found in overrides.judge_flag(flag, values))
        if ruled := next(((what, advice) for what, (harm, advice) in told if harm != "never"), None):
            return f"{line!r}: {ruled[0]}: {ruled[1]}"
        if "inet_dist_" in line or "sync_nodes_" in line:
            return f"{line!r}: ports, interface and mesh follow from cluster.ports, bind and mesh"
    return None


def server_name(text: str) -> str | None:
    """A host name or an address, as certificates name one."""
    return None if _SERVER.fullmatch(text) else "write a host name such as shop.example.com"


def http_url(text: str) -> str | None:
    """An http or https address."""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    return (
        None
        if fine and not syntax.CONTROL.search(text) and " " not in text
        else "write http://HOST:PORT/PATH or https://…"
    )


def socket(text: str) -> str | None:
    """``ADDRESS:PORT``; an IPv6 address stands in brackets."""
    host, colon, number = text.rpartition(":")
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        colon = ""
    return None if colon and number.isdecimal() and syntax.is_port(int(number)) else "write ADDRESS:PORT"


def single_line(text: str) -> str | None:
    """Text without control characters."""
    return "write one line without control characters" if not text.strip() or syntax.CONTROL.search(text) else None


def release_script(text: str) -> str | None:
    """A script within the release, with its arguments."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return str(error)
    path = words[0] if words else ""
    if single_line(text) or "/" not in path or any(part in ("", ".", "..") for part in path.split("/")):
        return "write a path within the release, such as bin/migrate, and arguments"
    return None


def serial(given: tuple[int | str, ...]) -> str | None:
    """Sizes of batches: at least one, each a number of hosts or a share of them."""
    wrong = "write a number of hosts or per cent, such as 2 or 25%, or a list of them"
    return None if given and all(_SHARE.fullmatch(str(size)) and amount(size, 100) for size in given) else wrong


def share(given: int | str) -> str | None:
    """A number, or per cent of something."""
    return None if _SHARE.fullmatch(str(given)) else "write a number or per cent, such as 2 or 75%"


def percentage(given: float) -> str | None:
    """A share of a batch."""
    return None if 0 <= given <= 100 else "write a number from 0 to 100"


def amount(given: int | str, whole: int) -> float:
    """Return how many of ``whole`` a number or a share means, not rounded."""
    text = str(given)
    return int(text[:-1]) * whole / 100 if text.endswith("%") else int(text)


def pause(given: float | str) -> str | None:
    """Seconds, or ``ask``."""
    return None if given == "ask" or float(given) >= 0 else "write seconds, or ask"


def at_least(least: int) -> Callable[[float], str | None]:
    """Return a check for numbers not below ``least``."""
    return lambda number: None if number >= least else f"write a number of at least {least}"

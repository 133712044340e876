"""The grammar of node names, release names and versions: what passes here is safe in argv, in a unit and in EPMD."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from deployer.errors import ConfigError
from deployer.syntax import NODE_LABEL

Naming = Literal["long", "short"]

EPMD_PORT = 4369
"""Where EPMD listens unless ERL_EPMD_PORT says otherwise (epmd(1))."""

_ALIVE = re.compile(NODE_LABEL, re.ASCII)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_LABELS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
_NODE_LIMIT = 255  # an Erlang atom, which every node name is


@dataclass(frozen=True, slots=True, order=True)
class NodeName:
    """The full name of an Erlang node; ``str()`` gives ``name@host``.

    Attributes:
        name: the part EPMD knows.
        host: a host name or an address, as the node was told with ``-name`` or ``-sname``.
    """

    name: str
    host: str

    def __str__(self) -> str:
        return f"{self.name}@{self.host}"

    @property
    def naming(self) -> Naming:
        """``long`` when the host part has a dot or is an address, else ``short``: OTP never lets the two kinds mix."""
        return "long" if "." in self.host or ":" in self.host else "short"


def parse_node(text: str, naming: Naming | None = None) -> NodeName:
    """Return the node name written in ``text``.

    Args:
        text: ``name@host``; the host part is a host name, an IPv4 or an IPv6 address.
        naming: the kind the cluster uses; None accepts both.

    Raises:
        ConfigError: the grammar or the kind is wrong.
    """
    name, at, host = text.partition("@")
    if not at or len(text) > _NODE_LIMIT or not (_LABELS.fullmatch(host) or _is_ipv6(host)):
        raise ConfigError(
            f"{_shown(text)} is not a node name", hint=f"write name@host, at most {_NODE_LIMIT} characters in all"
        )
    node = NodeName(check_alive(name), host)
    if naming is not None and node.naming != naming:
        long = "a dot or an address in its host part"
        need = f"a long name needs {long}" if naming == "long" else f"a short name must not have {long}"
        raise ConfigError(f"{node} is not a {naming} name: {need}", hint="set cluster.names to the kind you write")
    return node


def check_alive(name: str) -> str:
    """Return ``name`` when it can be the part before ``@``; raises ConfigError."""
    if not _ALIVE.fullmatch(name):
        raise ConfigError(
            f"{_shown(name)} cannot be the name of a node",
            hint="start with a lower-case letter, digit or _; go on with letters, digits, _ and -; at most 63",
        )
    return name


def check_release_name(name: str) -> str:
    """Return ``name`` when it is safe as a release name and as a directory; raises ConfigError."""
    return _release_word(name, "a release name")


def check_release_version(version: str) -> str:
    """Return ``version`` when it is safe as a release version and as a directory; raises ConfigError."""
    return _release_word(version, "a release version")


def name_kind(protocol: str, naming: Naming, *, epmd: int | None) -> str:
    """Return in words what two nodes must have in common before they can meet: ``inet_tcp, EPMD, long names``.

    Args:
        protocol: what ``-proto_dist`` says.
        naming: long names or short ones.
        epmd: port of EPMD, which a node asks on every other host, too; None without EPMD.
    """
    at = f" at port {epmd}" if epmd != EPMD_PORT else ""
    return f"{protocol}, {f'EPMD{at}' if epmd else 'no EPMD'}, {naming} names"


def kind_of_flags(flags: str) -> str:
    """Return the same of a node, from the words of its command line; empty when they name no node.

    Args:
        flags: its flags with their values; ``ERL_EPMD_PORT=4370`` where its environment has that.
    """
    words = flags.split()
    if not {"-name", "-sname"} & set(words):
        return ""
    protocol = next((word for flag, word in pairwise(words) if flag == "-proto_dist"), "inet_tcp")
    told = next((word.partition("=")[2] for word in words if word.startswith("ERL_EPMD_PORT=")), "")
    port = int(told) if told.isdecimal() else EPMD_PORT
    return name_kind(
        protocol, "long" if "-name" in words else "short", epmd=None if "-erl_epmd_port" in words else port
    )


def erlang_address(address: str) -> str:
    """Return an address as the Erlang tuple ``inet_dist_use_interface`` wants: ``{10,77,0,2}``; raises ConfigError."""
    try:
        ip = ipaddress.ip_address(address.replace("%", " "))  # a zone has no place in the tuple
    except ValueError:
        raise ConfigError(f"{_shown(address)} is not an IP address", hint="write an IPv4 or IPv6 address") from None
    width = 1 if ip.version == 4 else 2
    packed = ip.packed
    groups = (int.from_bytes(packed[at : at + width], "big") for at in range(0, len(packed), width))
    return "{" + ",".join(map(str, groups)) + "}"


def _release_word(text: str, kind: str) -> str:
    if not _RELEASE.fullmatch(text):
        raise ConfigError(
            f"{_shown(text)} is not {kind}",
            hint="start with a letter or digit; go on with letters, digits, dot, _, + and -; at most 64",
        )
    return text


def _is_ipv6(host: str) -> bool:
    try:
        return "%" not in host and bool(ipaddress.IPv6Address(host))
    except ValueError:
        return False


def _shown(text: str) -> str:
    """Wrong input may be anything, so it is shown escaped and short."""
    return ascii(text if len(text) <= 80 else text[:80] + "…")

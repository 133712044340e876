"""Resolves how to reach a host: from the inventory first, then the user's ssh configuration, then defaults.

The OpenSSH client itself evaluates its configuration (`deployer.transport.ssh_oracle`). Without a client, or if it
refuses the file, `deployer.transport.ssh_words` does. Supported: HostName User Port IdentityFile IdentitiesOnly
IdentityAgent ProxyJump ProxyCommand UserKnownHostsFile GlobalKnownHostsFile HostKeyAlias ConnectTimeout
StrictHostKeyChecking CanonicalizeHostname CanonicalDomains Tag, with Host, Match and Include. ``Match exec`` would run
a program as a side effect of a look-up, so such a block is left out with a warning.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import re
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deployer.errors import At, ConfigError
from deployer.model import Connection, Mark
from deployer.syntax import check_address, check_port, check_user, is_port
from deployer.transport import ssh_lines, ssh_oracle, ssh_words
from deployer.transport.options import SshOptions

_GLOBAL = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_SYSTEM = Path("/etc/ssh/ssh_config")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class SshTarget:
    """One SSH server, completely resolved.

    Attributes:
        name: its name in messages.
        known_as: the name to look up in known_hosts.
        keys: private key files that are named; empty: agent and default files.
        agent: whether the agent may be asked for keys beyond ``keys``.
        jumps: hops before it, nearest first, as ``[user@]host[:port]``.
        proxy: a command whose standard streams are the connection; empty: none.
        agent_socket: path of the agent's socket; empty: no agent.
        known_port: the port to look up in known_hosts; 0: ``port``.
    """

    name: str
    address: str
    port: int
    user: str
    known_as: str
    keys: tuple[Path, ...]
    agent: bool
    known_hosts: tuple[Path, ...]
    accept_new: bool
    connect_timeout: float
    jumps: tuple[str, ...]
    proxy: str
    agent_socket: str = ""
    known_port: int = 0

    @property
    def place(self) -> str:
        """``address:port``, for messages; an IPv6 address is put in brackets."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def who(self) -> str:
        """``user@address:port``, for messages."""
        return f"{self.user}@{self.place}"


def resolve(name: str, connection: Connection, options: SshOptions) -> SshTarget:
    """Merge inventory, ssh configuration and defaults; raises ConfigError: malformed, or host keys not checked."""
    with At(name):
        check_address(connection.address)
        found = _lookup(connection, options)
        config = {word: " ".join(words) for word, words in found.items()}
        said = {**config, **connection.ssh_options}
        address = check_address(config.get("hostname", connection.address))
        port = _number(said.get("port", "22"), "Port") if connection.port is None else connection.port
        user = check_user(connection.user or said.get("user") or getpass.getuser())
        jumps, proxy = _way(connection, config)
        known_as = said.get("hostkeyalias") or address
        tokens = _tokens(connection.address, address, known_as, port, user, ",".join(jumps), options.home)
        named = (str(connection.private_key),) if connection.private_key else found.get("identityfile", ())
        return SshTarget(
            name=name,
            address=address,
            port=check_port(port),
            user=user,
            known_as=known_as,
            keys=tuple(_path(key, tokens, options.home) for key in named if key.lower() != "none"),
            agent=not named or (not connection.private_key and said.get("identitiesonly", "no") not in ("yes", "true")),
            known_hosts=_known_hosts(found, connection, tokens, options),
            accept_new=_accept_new(said, options),
            connect_timeout=_seconds(said.get("connecttimeout", "none")) or options.connect_timeout,
            jumps=jumps,
            proxy=expand_tokens(proxy, tokens),
            agent_socket=_agent_socket(said.get("identityagent", ""), tokens, options.home),
        )


def resolve_ways(main: SshTarget, connection: Connection, options: SshOptions) -> tuple[SshTarget, ...]:
    """Return the further ways to a resolved host; they must show its known host key, so no new key is accepted.

    Raises:
        ConfigError: as in `resolve`.
    """
    same = {"known_as": main.known_as, "known_port": main.port, "accept_new": False}
    return tuple(replace(resolve(main.name, way, options), **same) for way in connection.ways)  # type: ignore[arg-type]


def hop(spec: str, options: SshOptions) -> SshTarget:
    """Resolve one ``[user@]host[:port]`` of ProxyJump, with a look-up of its own; raises ConfigError."""
    user, _, rest = spec.removeprefix("ssh://").rpartition("@")
    match = re.fullmatch(r"\[(?P<v6>[^]]+)](?::(?P<p6>\d+))?|(?P<host>[^:]+)(?::(?P<port>\d+))?", rest)
    if not match:
        raise ConfigError(f"ProxyJump {spec!r} is not [user@]host[:port]", hint="several hops are separated by commas")
    port = match["p6"] or match["port"]
    return resolve(spec, Connection(match["v6"] or match["host"], int(port) if port else None, user or None), options)


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """Return a text with its ``%`` tokens replaced; each value is checked, so that it stays one word of a command."""
    return re.sub("%([A-Za-z%])", lambda found: tokens.get(found[1], found[0]), text)


def _tokens(given: str, address: str, known_as: str, port: int, user: str, jumps: str, home: Path) -> dict[str, str]:
    """Return the values of the tokens of ssh_config(5)."""
    here, local = socket.gethostname(), getpass.getuser()
    connection = hashlib.sha1(f"{here}{address}{port}{user}{jumps}".encode(), usedforsecurity=False).hexdigest()
    return {
        "%": "%",
        "h": address,
        "n": given,
        "k": known_as,
        "p": str(port),
        "r": user,
        "j": jumps,
        "C": connection,
        "d": str(home),
        "u": local,
        "i": str(os.getuid()),
        "l": here,
        "L": here.partition(".")[0],
    }


def _way(connection: Connection, config: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Return the jump hosts, or the proxy command; either word in the inventory hides both words of the file."""
    own = connection.ssh_options if {"proxyjump", "proxycommand"} & connection.ssh_options.keys() else None
    said = config if own is None else own
    jump, proxy = said.get("proxyjump") or "none", said.get("proxycommand") or "none"
    if own is not None and "none" not in (jump.lower(), proxy.lower()):
        raise ConfigError("both ProxyJump and ProxyCommand are given", hint="keep one of them")
    jumps = () if jump.lower() == "none" else tuple(part.strip() for part in jump.split(","))
    return jumps, "" if proxy.lower() == "none" else proxy


def _known_hosts(
    found: ssh_words.SshSettings, connection: Connection, tokens: Mapping[str, str], options: SshOptions
) -> tuple[Path, ...]:
    own = connection.ssh_options.get("userknownhostsfile")
    default = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
    names = tuple(shlex.split(own)) if own else found.get("userknownhostsfile", default)
    names += found.get("globalknownhostsfile", _GLOBAL)
    return tuple(_path(word, tokens, options.home) for word in names if word.lower() != "none")


def _agent_socket(said: str, tokens: Mapping[str, str], home: Path) -> str:
    """Return the path of the agent's socket, from IdentityAgent, else from SSH_AUTH_SOCK."""
    if said.lower() == "none":
        return ""
    if said in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK", "")
    if said.startswith("$") and not said.startswith("${"):
        return os.environ.get(said[1:], "")
    return str(_path(said, tokens, home))


def _accept_new(said: Mapping[str, str], options: SshOptions) -> bool:
    word = said.get("stricthostkeychecking", "ask").lower()
    if word in ("no", "off", "false"):
        raise ConfigError(
            f"StrictHostKeyChecking={'no' if word == 'false' else word} would trust any host",
            hint="write accept-new, which writes down new keys and refuses changed ones",
        )
    if word not in ("yes", "true", "ask", "accept-new"):
        raise ConfigError(f"StrictHostKeyChecking={word!r} is not known", hint="yes or accept-new")
    return options.accept_new or word == "accept-new"


def _number(text: str, option: str) -> int:
    if not text.isascii() or not text.isdigit() or not is_port(int(text[:9])):
        raise ConfigError(f"{option} {text[:32]!r} is not a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    """Return a time of ssh_config(5), such as ``10``, ``1m30s`` or ``none``."""
    if text.lower() == "none":
        return 0
    parts = re.findall(r"([0-9]+)([smhdw]?)", text.lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.lower():
        raise ConfigError(f"ConnectTimeout {text[:32]!r} is not a duration", hint="seconds, or such as 1m30s")
    return sum(int(number[:9]) * _UNITS[unit or "s"] for number, unit in parts)


def _path(text: str, tokens: Mapping[str, str], home: Path) -> Path:
    text = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], ""), text)
    text = expand_tokens(text, tokens)
    return home / text[2:] if text == "~" or text.startswith("~/") else Path(text)


def _lookup(connection: Connection, options: SshOptions) -> ssh_words.SshSettings:
    """Return the ssh configuration for a host; empty when no file has a relevant word."""
    file, home = options.ssh_config, options.home
    if file is None:
        return {}
    own = file == home / ".ssh" / "config"
    lines, state = options.shared.once(("ssh_config", file), lambda: _files(file, home, system=own))
    if not state:
        return {}
    program = any(line.word == "match" and "exec" in line.args[0].lower() for line in ssh_lines.everywhere(lines))
    user, port = connection.user or "", connection.port
    found = None
    if ssh_oracle.client() and not program and home == _account_home():  # the client only uses the account's home
        found = ssh_oracle.ask_client(None if own else file, state, connection.address, user, port)
    return ssh_words.evaluate_config(lines, connection.address, user) if found is None else found


def _files(file: Path, home: Path, *, system: bool) -> tuple[tuple[ssh_lines.SshLine, ...], int]:
    """Return the lines of all files, where blocks end with their file, and a hash of them; 0 if no line matters."""
    each = [ssh_lines.read_ssh_config(file, home, home / ".ssh")]
    each += [ssh_lines.read_ssh_config(_SYSTEM, home, _SYSTEM.parent)] if system else []
    lines = (ssh_lines.SshLine("include", (), Mark(str(file)), tuple(each)),)
    matters = any(line.word in ssh_lines.SSH_WORDS for line in ssh_lines.everywhere(lines))
    return lines, (hash(lines) or 1) if matters else 0


def _account_home() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path()

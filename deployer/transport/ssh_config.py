"""Where a connection really goes: inventory first, then the person's ssh configuration, then defaults.

Understood: HostName User Port IdentityFile IdentitiesOnly ProxyJump ProxyCommand UserKnownHostsFile HostKeyAlias
ConnectTimeout StrictHostKeyChecking, inside Host and Match blocks, and Include outside of them. ``Match exec`` runs a
program as a side effect of a look-up, so such a block is left out with a warning.
"""

from __future__ import annotations

import getpass
import glob
import logging
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import ConfigError
from deployer.model import Connection, Mark
from deployer.regular import read_regular
from deployer.transport.address import check_address, check_port, check_user
from deployer.transport.options import SshOptions

if TYPE_CHECKING:
    from paramiko import SSHConfig

_LINE = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.+?)\s*")
_EXEC = re.compile(r"(?:^|\s)!?exec\b", re.IGNORECASE)
_INCLUDES = 16
_GLOBAL = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """One SSH server, every question answered.

    Attributes:
        name: what messages call it.
        known_as: the name looked up in known_hosts.
        keys: private key files that were asked for by name; empty: agent and default files.
        agent: whether the agent may be asked for keys beyond ``keys``.
        jumps: hops before it, nearest first, as ``[user@]host[:port]``.
        proxy: a command whose standard streams are the connection; empty: none.
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

    @property
    def who(self) -> str:
        """``user@address:port``, for messages."""
        return f"{self.user}@{self.address}:{self.port}"


def resolve(name: str, connection: Connection, options: SshOptions) -> Target:
    """Merge inventory, ssh configuration and defaults.

    Raises:
        ConfigError: a value is malformed, or asks for less than strict host keys.
    """
    check_address(connection.address, where=name)
    config = _lookup(connection.address, options)
    said = {**config, **connection.ssh_options}
    address = check_address(str(config.get("hostname", connection.address)), where=name)
    port = _number(said.get("port", "22"), "Port", name) if connection.port is None else connection.port
    user = check_user(connection.user or said.get("user") or getpass.getuser(), where=name)
    named = (str(connection.private_key),) if connection.private_key else tuple(config.get("identityfile", ()))
    jumps, proxy = _way(connection, config, name)
    return Target(
        name=name,
        address=address,
        port=check_port(port, where=name),
        user=user,
        known_as=said.get("hostkeyalias") or address,
        keys=tuple(_path(key, options.home) for key in named),
        agent=not named or (not connection.private_key and said.get("identitiesonly", "no") != "yes"),
        known_hosts=_known_hosts(said, options),
        accept_new=_accept_new(said, options, name),
        connect_timeout=_number(said["connecttimeout"], "ConnectTimeout", name)
        if "connecttimeout" in said
        else options.connect_timeout,
        jumps=jumps,
        proxy=expand(proxy, address, port, user),
    )


def hop(spec: str, options: SshOptions) -> Target:
    """Resolve one ``[user@]host[:port]`` of ProxyJump with its own look-up; raises ConfigError."""
    user, _, rest = spec.removeprefix("ssh://").rpartition("@")
    match = re.fullmatch(r"\[(?P<v6>[^]]+)](?::(?P<p6>\d+))?|(?P<host>[^:]+)(?::(?P<port>\d+))?", rest)
    if not match:
        raise ConfigError(f"ProxyJump {spec!r} is not [user@]host[:port]", hint="several hops are separated by commas")
    port = match["p6"] or match["port"]
    return resolve(spec, Connection(match["v6"] or match["host"], int(port) if port else None, user or None), options)


def expand(command: str, address: str, port: int, user: str) -> str:
    """Return a ProxyCommand with ``%h %p %r %%`` filled in; the grammar of each keeps it one harmless word."""
    tokens = {"%h": address, "%p": str(port), "%r": user, "%%": "%"}
    return re.sub("%[hpr%]", lambda found: tokens[found[0]], command)


def _way(connection: Connection, config: dict[str, str], name: str) -> tuple[tuple[str, ...], str]:
    """Return the hops or the command that lead there; what the inventory says hides both words of the file."""
    said = connection.ssh_options if {"proxyjump", "proxycommand"} & connection.ssh_options.keys() else config
    jump, proxy = said.get("proxyjump") or "none", said.get("proxycommand") or "none"
    if "none" not in (jump.lower(), proxy.lower()):
        raise ConfigError("both ProxyJump and ProxyCommand are given", where=name, hint="keep one of them")
    jumps = () if jump.lower() == "none" else tuple(part.strip() for part in jump.split(","))
    return jumps, "" if proxy.lower() == "none" else proxy


def _known_hosts(said: dict[str, str], options: SshOptions) -> tuple[Path, ...]:
    text = said.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    return tuple(_path(word, options.home) for word in shlex.split(text)) + _GLOBAL


def _accept_new(said: dict[str, str], options: SshOptions, name: str) -> bool:
    word = said.get("stricthostkeychecking", "ask").lower()
    if word in ("no", "off"):
        raise ConfigError(
            f"StrictHostKeyChecking={word} would trust any host",
            where=name,
            hint="write accept-new, which writes down new keys and refuses changed ones",
        )
    if word not in ("yes", "ask", "accept-new"):
        raise ConfigError(f"StrictHostKeyChecking={word!r} is not known", where=name, hint="yes or accept-new")
    return options.accept_new or word == "accept-new"


def _number(text: str, option: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 65535:
        raise ConfigError(f"{option} {text[:32]!r} is not a number from 1 to 65535", where=name)
    return int(text)


def _path(text: str, home: Path) -> Path:
    if text == "~" or text.startswith("~/"):
        return home / text[2:]
    return Path(text.replace("%d", str(home)))


def _lookup(address: str, options: SshOptions) -> dict[str, str]:
    """Return what the file says of a host, keys in lower case; IdentityFile is a list."""
    file = options.ssh_config
    if file is None:
        return {}
    config = options.shared.once(("ssh_config", file), lambda: _parse(file, options.home))
    with options.shared.lock:
        return dict(config.lookup(address)) if config else {}


def _parse(file: Path, home: Path) -> SSHConfig | None:
    from paramiko import SSHConfig
    from paramiko.ssh_exception import ConfigParseError

    lines = list(_lines(file, home, 0))
    if not lines:
        return None
    config = SSHConfig()
    try:
        config.parse(lines)
    except ConfigParseError as error:
        raise ConfigError(f"cannot be understood: {error}", where=file) from None
    return config


def _lines(file: Path, home: Path, depth: int) -> Iterator[str]:
    """Yield the lines of a file and of those it includes, without blocks that would run a program."""
    try:
        text = read_regular(file).decode(errors="surrogateescape")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=file) from None
    block, dropped = "", False
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        word, value = (match[1].lower(), match[2]) if match else ("", "")
        if line.strip() and not line.lstrip().startswith("#") and not match:
            raise ConfigError("this line is not a word and a value", where=Mark(str(file), number))
        if word in ("host", "match"):
            block, dropped = line, word == "match" and bool(_EXEC.search(value))
            if dropped:
                _LOG.warning("%s:%d: left out, because Match exec would run a program", file, number)
        if dropped:
            continue
        if word == "include":
            yield from _included(value, Mark(str(file), number), block, home, depth)
        else:
            yield line


def _included(value: str, mark: Mark, block: str, home: Path, depth: int) -> Iterator[str]:
    if block or depth >= _INCLUDES:
        raise ConfigError(
            "Include inside of Host or Match is not supported" if block else "Include goes too deep",
            where=mark,
            hint="move the Include to the top of the file",
        )
    for word in shlex.split(value):
        path = _path(word, home)
        for found in sorted(glob.glob(str(path if path.is_absolute() else home / ".ssh" / path))):  # noqa: PTH207
            yield from _lines(Path(found), home, depth + 1)
            yield "Host *"

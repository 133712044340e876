"""Ansible's connection variables → how a host is reached."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import coerce, nearest
from deployer.load.login_ways import WORD, check_spelling, login_ways
from deployer.load.marked import folder_of, marks_of
from deployer.load.secrets import Vaults, read_secret
from deployer.load.template import Variables
from deployer.model import Connection, Host, Mark, Secret
from deployer.syntax import check_address, check_port, check_user

_KEYS = "log in with keys: ssh-copy-id, then ansible_ssh_private_key_file, an agent, or ~/.ssh/config"
_SUDO = "sudo to root is the one way; become_user at a task chooses another user"
_REFUSED: Mapping[str, str] = {
    "ansible_password": _KEYS,
    "ansible_ssh_pass": _KEYS,
    "ansible_ssh_password": _KEYS,
    "ansible_become_user": _SUDO,
    "ansible_become_exe": _SUDO,
    "ansible_become_flags": _SUDO,
    "ansible_ssh_user": "write ansible_user",
    "ansible_ssh_host": "write ansible_host",
    "ansible_ssh_port": "write ansible_port",
    "ansible_ssh_args": "write ansible_ssh_common_args",
    "ansible_ssh_extra_args": "write ansible_ssh_common_args",
    "ansible_private_key_file": "write ansible_ssh_private_key_file",
}
_OPTIONS = ("UserKnownHostsFile", "StrictHostKeyChecking", "ProxyJump", "ProxyCommand", "ConnectTimeout")
NAMES = (
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_connection",
    "ansible_ssh_private_key_file",
    "ansible_ssh_common_args",
    "ansible_become",
    "ansible_become_method",
    "ansible_become_password",
    "ansible_become_pass",
    *_REFUSED,
)
"""The connection variables that are supported, or refused with a reason."""
_OTHERWISE = {"ansible_become_method": "only sudo is supported: remove the word or write sudo"}
_LOCAL = {"ssh": False, "paramiko": False, "paramiko_ssh": False, "smart": False, "local": True}


@dataclass(frozen=True, slots=True)
class CliConnection:
    """The command line's connection options; user, key and become password count only if the inventory sets none."""

    user: str | None = None
    private_key: Path | None = None
    become: bool | None = None
    become_password: Secret | None = None
    local: bool | None = None


def address(host: Host, variables: Variables) -> str:
    """Return the address of a host: ``ansible_host``, or its name.

    Raises:
        ConfigError: it is neither a host name nor an IP address.
    """
    with At(_where(host, "ansible_host")):
        return check_address(str(_get(host, variables, "ansible_host", str) or host.name))


def connection(host: Host, variables: Variables, cli: CliConnection, vaults: Vaults, *, become: bool) -> Connection:
    """Return a host's connection.

    Args:
        host: the host, whose variables may be templates.
        variables: its variables.
        cli: the command line's options.
        vaults: decrypts an encrypted become password.
        become: whether play or tasks need root, if the inventory does not set ``ansible_become``.

    Raises:
        ConfigError: a connection variable is wrong or not supported.
    """
    for name in host.vars:
        if name.startswith("ansible_") and name not in NAMES and (meant := get_close_matches(name, NAMES, 1, 0.9)):
            raise ConfigError(f"unknown word {name!r}", where=_where(host, name), hint=f"did you mean {meant[0]!r}?")
    for name, hint in _REFUSED.items():
        if name in host.vars:
            raise ConfigError(f"{name} is not supported", where=_where(host, name), hint=hint)
    for name, known in (("ansible_become_method", ("sudo",)), ("ansible_connection", tuple(_LOCAL))):
        value = _get(host, variables, name, str)
        with At(_where(host, name)):
            if value is not None and value not in known:
                raise ConfigError(f"{name} cannot be {value!r}", hint=_OTHERWISE.get(name) or nearest(value, known))
    if slip := check_spelling(host.vars):
        raise ConfigError(f"unknown word {slip!r}", where=_where(host, slip), hint=f"did you mean {WORD!r}?")
    key = _get(host, variables, "ansible_ssh_private_key_file", str)
    own = _get(host, variables, "ansible_become", bool)
    kind = _get(host, variables, "ansible_connection", str)
    found = Connection(
        address=address(host, variables),
        port=_checked(host, variables, "ansible_port", int, check_port),
        user=_checked(host, variables, "ansible_user", str, check_user) or cli.user,
        private_key=Path(key).expanduser() if key else cli.private_key,
        become=become if own is None else own,
        inventory_becomes=own,
        become_password=_password(host, variables, vaults) or cli.become_password,
        ssh_options=_ssh_options(host, variables),
        local=_LOCAL[kind] if kind else bool(cli.local),
    )
    return replace(found, ways=login_ways(variables.get(WORD), found, _where(host, WORD)))


def _where(host: Host, name: str) -> Mark:
    return marks_of(host.vars).get(name, host.mark)


def _get(host: Host, variables: Variables, name: str, hint: type) -> Any:
    value = variables.get(name)
    with At(_where(host, name)):
        return None if value is None else coerce(hint, value, name)


def _checked(host: Host, variables: Variables, name: str, hint: type, check: Callable[[Any], Any]) -> Any:
    """Return a checked value; it is checked here, because here its line is known for the error."""
    value = _get(host, variables, name, hint)
    with At(_where(host, name)):
        return None if value in (None, "") else check(value)


def _password(host: Host, variables: Variables, vaults: Vaults) -> Secret | None:
    for name in ("ansible_become_password", "ansible_become_pass"):
        if name in variables and variables[name] is not None:
            value = variables[name]
            base = folder_of(value, _where(host, name))
            return read_secret(value, name, base, vaults)
    return None


def _ssh_options(host: Host, variables: Variables) -> dict[str, str]:
    """Return the ``-o`` options, names in lower case."""
    text = _get(host, variables, "ansible_ssh_common_args", str) or ""
    with At(_where(host, "ansible_ssh_common_args")):
        return _option_words(text)


def _option_words(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"ansible_ssh_common_args: {error}") from None
    found: dict[str, str] = {}
    known = {name.lower(): name for name in _OPTIONS}
    left = iter(words)
    for word in left:
        option = next(left, "") if word in ("-o", "-J") else word[2:]
        option = f"ProxyJump={option}" if word.startswith("-J") else option
        name, equals, value = option.partition("=") if "=" in option else option.partition(" ")
        if word[:2] not in ("-o", "-J") or not equals or not value.strip() or name.strip().lower() not in known:
            hint = f"write -J HOST, {', '.join(f'-o {name}=…' for name in _OPTIONS)}"
            said = f"{word} {option}" if word == "-o" else word
            problem = f"ansible_ssh_common_args: {said} is not understood"
            raise ConfigError(problem, hint=hint)
        found[name.strip().lower()] = value.strip()
    return found

"""``~`` at the beginning of a path on a host: the home of the user that a task runs as, if it is known in advance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from deployer.errors import ConfigError
from deployer.load.marked import Text
from deployer.load.template import Variables
from deployer.model import Connection
from deployer.modules import Module
from deployer.sh import LOGIN_USER
from deployer.syntax import truth

ROOTS = "/root"
"""The home of root."""
_PATHS = ("path", "paths", "dest", "src", "chdir", "creates", "removes")


def home_of(user: str | None, on: Connection, variables: Variables, *, elsewhere: bool) -> str | None:
    """Return the home of the user that a task runs as; None if only the host knows it.

    Args:
        user: the user it runs as; None: the user that programs run as.
        on: the connection to the machine on which it runs.
        variables: its variables, which may contain the host's facts.
        elsewhere: it is delegated, so that the facts are not those of the machine.
    """
    who = user or ("root" if on.become else on.user)
    if who == "root":
        return ROOTS
    if on.local and (user == LOGIN_USER or not on.become):
        return os.path.expanduser("~")  # noqa: PTH111 - Path's own raises where there is none
    teller = variables.get("ansible_user_id")
    fits = teller != "root" if who == LOGIN_USER else who in (None, teller)
    told = not elsewhere and "ansible_user_dir" in variables and fits
    return str(variables["ansible_user_dir"]) if told else None


def at_homes(cls: type[Module], key: str, value: Any, home: str | None, args: Mapping[str, Any]) -> Any:
    """Return an argument with ``~`` replaced by the home, if it is a path on the host; others stay as they are.

    Args:
        cls: the module.
        key: the argument's name.
        value: as written or rendered.
        home: the home of the user that the task runs as; None: not known.
        args: all arguments.

    Raises:
        ConfigError: only the host knows this home.
    """
    if key not in _PATHS:
        return value
    if isinstance(value, list):
        return [at_homes(cls, key, one, home, args) for one in value]
    if not isinstance(value, str) or not value.startswith("~"):
        return value
    there = args.get(cls.ON_HOST) if cls.ON_HOST else False
    if key in cls.SOURCES and not (there is True or truth(there)):
        return value  # a file on this machine
    name, slash, rest = value[1:].partition("/")
    if name not in ("", "root") or not (home or name):
        whose = f"the home of {name}" if name else "the home of whoever this runs as"
        hint = f"write the path, such as /home/{name or 'shop'}/{rest}" + (
            f"; or getent: {{database: passwd, key: {name}}}, and {{{{ getent_passwd.{name}[4] }}}}"
            if name
            else "; or gather_facts: true at the play, and become: at this task where another one has it"
        )
        raise ConfigError(f"{key} {value!r}: {whose} only the host knows", hint=hint)
    found = (ROOTS if name else str(home)) + slash + rest
    return Text(found, value.mark) if isinstance(value, Text) else found

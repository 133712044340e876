"""``~`` at the begin of a path on a host: the home of whoever a task runs as, where anybody knows it ahead."""

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
"""Where root lives."""
_PATHS = ("path", "paths", "dest", "src", "chdir", "creates", "removes")


def home_of(user: str | None, on: Connection, variables: Variables, *, elsewhere: bool) -> str | None:
    """Return the home of whoever a task runs as; None where only the host knows it.

    Args:
        user: whom it runs as, where that is not whom the play's programs run as.
        on: how the machine is reached on which it is done.
        variables: the facts of the host may be among them.
        elsewhere: that machine is another one than the host, whose facts these are not.
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
    """Return an argument with the home for ``~``, where it is a path on the host; any other stays.

    Args:
        cls: the module.
        key: the argument's name.
        value: as written or rendered.
        home: of whoever the task runs as; None: nobody knows.
        args: all arguments.

    Raises:
        ConfigError: only the host knows whose home it is.
    """
    if key not in _PATHS:
        return value
    if isinstance(value, list):
        return [at_homes(cls, key, one, home, args) for one in value]
    if not isinstance(value, str) or not value.startswith("~"):
        return value
    there = args.get(cls.ON_HOST) if cls.ON_HOST else False
    if key in cls.SOURCES and not (there is True or truth(there)):
        return value  # it lies on this machine, where it is looked for
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

"""The user that a task runs as: root, another user, or the login user; with Ansible's precedence."""

from __future__ import annotations

import os
from typing import Any

from deployer import checks as check
from deployer.errors import At, ConfigError
from deployer.fields import coerce
from deployer.load.marked import OMIT
from deployer.load.template import Variables
from deployer.model import Connection, Play, Task
from deployer.sh import LOGIN_USER

OF_ROOT = (
    *("alternatives", "apt", "apt_key", "apt_repository", "beam_nodes", "certificate", "cookie", "deb822_repository"),
    *("debconf", "distribution", "dpkg_selections", "env_file", "epmd", "firewall", "group", "hostname", "left_behind"),
    *("locale_gen", "mount", "package", "rabbitmq_plugin", "rabbitmq_policy", "rabbitmq_user", "rabbitmq_vhost"),
    *("release", "sysctl", "systemd", "systemd_unit", "timezone", "user"),
)
"""Modules whose changes only root can make."""
BECOME = "ansible_become"
"""The variable that overrides the keyword ``become``."""
BECOME_USER = "ansible_become_user"
"""The same for ``become_user``, in variables of plays, roles and tasks; inventories cannot set it."""


def may_become(task: Task) -> bool:
    """Return whether a task becomes root or another user on some host."""
    return bool(task.become or BECOME in task.vars)


def becomes_another(
    task: Task | Play, variables: Variables, on: Connection, *, every: bool, elsewhere: bool = False
) -> bool:
    """Return whether a task becomes root or another user.

    The variable ``ansible_become`` overrides the keyword at the task, its blocks, its role and the play; the keyword
    overrides the command line.

    Args:
        task: as written; a task without the keyword has that of what is around it. Or the play, for its facts.
        variables: its variables.
        on: the connection to the machine on which it runs.
        every: the command line's ``--become``.
        elsewhere: it is delegated, so the machine is not the host of the variables.

    Raises:
        ConfigError: a value is neither true nor false.
    """
    with At(task.mark):
        strongest = on.inventory_becomes
        if not elsewhere or BECOME in task.vars:
            strongest = variables.get(BECOME)
        if strongest is not None:
            return bool(coerce(bool, strongest, BECOME))
        said = _innermost(task, variables, "become")
        return every if said is None else bool(coerce(bool, said, "become"))


def user_of(task: Task | Play, variables: Variables, on: Connection, *, another: bool) -> str | None:
    """Return the user that a task runs as; None if it is the user that programs run as on its machine.

    Args:
        task: as written.
        variables: its variables.
        on: the connection to the machine on which it runs.
        another: the result of `becomes_another`.

    Raises:
        ConfigError: ``become_user`` is not a user name, or ``become`` was not known when the connection was made.
    """
    with At(task.mark):
        if not on.become:
            if another and _login(on) != "root":
                hint = "write become: true at the play, or below apply: of the include"
                if on.inventory_becomes is False:
                    hint = "the inventory says ansible_become: false of this host: remove it there"
                raise ConfigError("this become is known too late: the play runs as the login user here", hint=hint)
            return None
        if not another:
            user = _login(on)
        else:
            said = variables.get(BECOME_USER)  # overrides the keyword, too
            said = _innermost(task, variables, "become_user") if said is None else said
            if said is None:
                return None
            user = str(coerce(str, said, "become_user"))
            if complaint := check.name(user):
                raise ConfigError(f"become_user {user!r}: {complaint}")
    return None if user == "root" else user


def _innermost(task: Task | Play, variables: Variables, word: str) -> Any:
    """Return a task's keyword, rendered; if that is ``omit``, the one of what is around it; None if there is none."""
    around = task.become_around if isinstance(task, Task) else ()
    for become, user in ((task.become, task.become_user), *around):
        said = become if word == "become" else user
        rendered = variables.render(said, task.mark, word) if isinstance(said, str) else said
        if rendered is not OMIT:
            return rendered
    return None


def check_may_act(task: Task, user: str) -> None:
    """Refuse a task that always acts, such as a restart, and needs root, but runs as another user.

    Raises:
        ConfigError: this is such a task.
    """
    if task.module in OF_ROOT and user != LOGIN_USER and not any(block.rescues for block, _ in task.blocks):
        hint = "give it become: true, as the others have it that are root's"
        raise ConfigError(
            f"only root can do this, and {task.module} as {user} is what is written", where=task.mark, hint=hint
        )


def _login(on: Connection) -> str:
    """Return the login user; on this machine, the user that runs deployer."""
    if on.local:
        return "root" if os.geteuid() == 0 else LOGIN_USER
    return on.user or LOGIN_USER

"""Which tasks a new login has to confirm: those with ``confirm``, and those that could cut off the login."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase, translate

from deployer.errors import At, ConfigError
from deployer.fields import kind
from deployer.load.marked import mark_of
from deployer.load.template import Variables
from deployer.model import Connection, Task
from deployer.modules import Module

CONFIRM_WITHIN = 60
"""Seconds within which such a task has to be confirmed, if it does not set ``confirm``."""
_LONGEST = 3600
_TIME = re.compile(r"([1-9][0-9]{0,4})(s|m|)", re.ASCII)
_FILES = (
    "copy", "template", "file", "lineinfile", "blockinfile", "replace", "authorized_key", "ini_file", "pam_limits",
)  # fmt: skip
_ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")
SSHD_STARTS = (
    *("/etc/default/ssh", "/etc/sysconfig/sshd", "/etc/systemd/system/ssh.*", "/etc/systemd/system/ssh@*"),
    *("/etc/systemd/system/sshd.*", "/etc/systemd/system/sshd@*"),
)
"""Patterns of files that decide how sshd is started; it reads them again only at a start."""
_RISKY = (
    *SSHD_STARTS,
    *("/etc/ssh/*", "*/.ssh", "*/.ssh/authorized_keys*", "/etc/sudoers", "/etc/sudoers.d", "/etc/sudoers.d/*"),
    *("/etc/pam.d", "/etc/pam.d/*", "/etc/pam.conf", "/etc/security/*", "/etc/nsswitch.conf", "/etc/hosts.allow"),
    *("/etc/hosts.deny", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/shells", "/etc/nologin"),
    *("/etc/network/*", "/etc/netplan", "/etc/netplan/*", "/etc/systemd/network/*", "/etc/NetworkManager/*"),
    "/etc/nftables.conf",
)
_CUTS_OFF = re.compile("|".join(map(translate, _RISKY)))
_HARMLESS = ("/etc/ssh/ssh_config", "/etc/ssh/ssh_config.d/*", "/etc/ssh/ssh_known_hosts")


def undoable(task: Task, module: Module) -> tuple[str, ...]:
    """Return the files that are restored when a task's change is undone; none if it cannot be undone."""
    if task.module in ("user", "group"):
        return _ACCOUNTS
    return module.touches() if task.module in _FILES and not getattr(module, "generations", None) else ()


def confirm_of(task: Task, variables: Variables, module: Module, found: Connection, user: str | None) -> int:
    """Return the seconds within which a task has to be confirmed; 0 when it need not be.

    Raises:
        ConfigError: ``confirm`` is not a time, or the task cannot be undone.
    """
    paths = undoable(task, module)
    where = mark_of(task.confirm, task.mark)
    with At(where):
        if task.confirm is None:
            root = not user and (found.become or found.user == "root")
            return CONFIRM_WITHIN if root and not found.local and _risky(task, module, paths, found) else 0
        given = variables.render(task.confirm, where, "confirm")
        if given is False:
            return 0
        time = _TIME.fullmatch(str(given)) if not isinstance(given, bool) else None
        seconds = int(time[1]) * (60 if time[2] == "m" else 1) if time else 0
        if not 5 <= seconds <= _LONGEST:
            said = repr(given) if isinstance(given, str | int) else kind(given)
            raise ConfigError(f"confirm is {said}", hint="write 60s or 2m, at least 5s and at most 60m; or false")
        if not paths:
            hint = "copy, template, file, user and group can be taken back; the firewall has a confirm of its own"
            raise ConfigError(f"{task.module} has no confirm: what it does cannot be taken back", hint=hint)
        if user:
            raise ConfigError(
                f"confirm takes root, and this is done as {user}", hint="write become: true, or no confirm"
            )
        if found.local:
            raise ConfigError("confirm needs a host to log in to, and this one is this machine itself")
        return seconds


def _risky(task: Task, module: Module, paths: tuple[str, ...], found: Connection) -> bool:
    if task.module == "user":
        return getattr(module, "name", "") in ("root", found.user)
    if task.module == "group":
        return False
    named = filter(_CUTS_OFF.match, paths)
    return any(not any(fnmatchcase(path, harmless) for harmless in _HARMLESS) for path in named)

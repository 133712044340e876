"""The one setting of the machine that many hosts run into: inotify instances, which all hosts' root users share.

A host holds about seven; at the kernel's default of 128 the next one hangs in its boot: "Too many open files".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deployer.errors import ConfigError
from deployer.lab import state

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_PER_HOST = 16
_REST = 64
"""What the machine's own services are left."""


def make_room(say: Callable[[str], None]) -> None:
    """Raise the limit, until the machine's next boot, where it is too low for the hosts of all labs; never lower it.

    Raises:
        ConfigError: it is too low and cannot be raised here.
    """
    labs = filter(None, map(state.read_state, state.lab_names()))
    wanted = _REST + _PER_HOST * sum(len(lab.profiles) for lab in labs)
    if int(_LIMIT.read_text()) >= wanted:
        return
    setting = f"fs.inotify.max_user_instances={wanted}"
    say(f"sysctl -w {setting}  (so many hosts need more than this machine allows; until its next boot)")
    try:
        _LIMIT.write_text(str(wanted))
    except OSError as error:
        raise ConfigError("too many hosts for this machine's inotify limit", hint=f"sysctl -w {setting}") from error

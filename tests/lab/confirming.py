"""Tasks that could cut off the next login, as a play, and two ways to the host that need none."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from typing import Any

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.fleet import Fleet, Ran
from tests.lab.sick import init_of

LOCK = "/etc/ssh/sshd_config.d/lock.conf"
WAITS = "[ -e /run/deployer/pending/armed ] && ! [ -e /run/deployer/holder ]"
MUTE = "AuthorizedKeysFile none\nAuthorizedKeysCommand /bin/sleep 612\nAuthorizedKeysCommandUser root\n"
"""With it sshd answers no login, neither yes nor no."""
HANDLER = {"name": "ssh", "systemd": {"name": "ssh", "state": "reloaded"}}
OLD = "# as it was\n"
KEPT = "find /etc /root /home -xdev -name '.before-deployer.*' -o -xdev -name 'deployer-undo-boot*'"
DOOR = """groupadd door; useradd -m -G door op; echo '%door ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/door
mkdir -m 0700 ~op/.ssh; cp /root/.ssh/authorized_keys ~op/.ssh/; chown -R op: ~op/.ssh"""
MEMBERS = "id -Gn op; for f in passwd shadow group gshadow; do stat -c '%n %a %U %G' /etc/$f; cat /etc/$f; done"


def console(host: LabHost, text: str) -> int:
    """Do something as a person at the host's console does; return the status."""
    command = ["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-c", text]
    return subprocess.run(command, capture_output=True).returncode


def tasks(fleet: Fleet, *some: dict[str, Any]) -> None:
    """Write the play."""
    fleet.play({"hosts": "all", "become": True, "gather_facts": False, "handlers": [HANDLER], "tasks": list(some)})


def written(dest: str, content: str, **words: Any) -> dict[str, Any]:
    return {"name": "write", "copy": {"dest": dest, "content": content, "mode": "0440"}, **words}


def run(fleet: Fleet, command: str = "deploy", *flags: str) -> Ran:
    return fleet.run(command, *flags, playbook=fleet.directory / "play.yml")


def enters(fleet: Fleet) -> bool:
    """Whether plain OpenSSH gets in by a new connection."""
    argv = labs.ssh_arguments(fleet.lab, fleet.hosts[0], ["true"])
    return subprocess.run(argv, capture_output=True).returncode == 0


def frozen(fleet: Fleet, eventually: Callable[..., None], seconds: int) -> subprocess.Popen[str]:
    """Stop the controller when its change has been made and is not confirmed: its new login is not answered."""
    tasks(fleet, written(LOCK, MUTE, confirm=f"{seconds}s"))
    argv = fleet.argv("deploy", "--json", playbook=fleet.directory / "play.yml")
    started = subprocess.Popen(argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, text=True, cwd=fleet.directory)  # fmt: skip
    eventually(lambda: console(fleet.hosts[0], "[ -e /run/deployer/pending/armed ]") == 0)
    started.send_signal(signal.SIGSTOP)
    return started

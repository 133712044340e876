"""Changes that lock out, tried again and again: each kind of them, with the controller alive and with it dead.

A trial ends when plain OpenSSH gets in by a new connection. It knocks once while the change waits, and then not before
the console says that the host has gone back: on Debian 13 sshd punishes whoever fails to log in.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.fleet import Fleet
from tests.lab.sick import init_of
from tests.lab.walled import CUTS, console, wall

WITHIN = int(os.environ.get("DEPLOYER_CONFIRM_SECONDS", "8"))
"""Seconds after which a change that nobody confirms goes back; 5 is the least that `confirm` takes."""
GRACE = 5
"""Seconds more within which a login has to come through."""
_PATIENCE = 60
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0000000000000000000000000000000000000000000 x\n"
_AWAY = """nft delete table inet cut 2>/dev/null; [ ! -e /etc/netplan/50-lab.yaml ] ||
  nft 'add table inet cut; add chain inet cut i { type filter hook input priority -9; policy drop; }'"""
_READY = """groupadd -f outside; echo DenyGroups outside >/etc/ssh/sshd_config.d/groups.conf; systemctl reload ssh
mkdir -p /etc/netplan"""


@dataclass(frozen=True, slots=True)
class Lockout:
    """One trial: how long until a login came through, and whether one was refused meanwhile.

    Attributes:
        seconds: from when the undo was armed, or the run ended without; None: nobody got in again.
        back: seconds until the host had gone back, by its journal; negative: it has not.
        within: seconds after which it goes back.
        void: what the run said that ended before its undo was seen armed; empty in every trial that proves something.
    """

    kind: str
    dead: bool
    refused: bool
    seconds: float | None
    back: float = 0
    void: str = ""
    within: int = WITHIN

    @property
    def is_late(self) -> bool:
        """Whether the host took longer than is promised, or kept the change; a login takes its own time on top."""
        return self.seconds is None or not 0 <= self.back <= self.within + GRACE


def _file(dest: str, content: str, **words: Any) -> Callable[[Fleet], None]:
    task = {"name": "write", "copy": {"dest": dest, "content": content, "mode": "0440"}, "confirm": f"{WITHIN}s"}
    handlers = [{"name": "network", "shell": {"cmd": _AWAY}}]

    def write(fleet: Fleet) -> None:
        play = {"hosts": "all", "become": True, "gather_facts": False, "handlers": handlers}
        fleet.play({**play, "tasks": [{**task, **words}]})

    return write


def _user(fleet: Fleet) -> None:
    words = {"name": "root", "groups": ["outside"], "append": True}
    task = {"name": "user", "user": words, "confirm": f"{WITHIN}s"}
    fleet.play({"hosts": "all", "become": True, "gather_facts": False, "tasks": [task]})


def _firewall(fleet: Fleet) -> None:
    console(fleet.hosts[0], CUTS)
    wall(fleet, confirm=WITHIN, public=["4000/tcp"])


def _firewall_of_ipv6(fleet: Fleet) -> None:
    (host,) = fleet.hosts
    fleet.of[host.name] = {"ansible_host": host.address6}
    _firewall(fleet)
    console(host, CUTS.replace("ipv4", "ipv6"))


KINDS: Mapping[str, Callable[[Fleet], None]] = {
    "firewall": _firewall,
    "ipv6": _firewall_of_ipv6,
    "sshd": _file("/etc/ssh/sshd_config.d/lock.conf", "AllowUsers nobody-at-all\n"),
    "key": _file("/root/.ssh/authorized_keys", _KEY),
    "user": _user,
    "network": _file("/etc/netplan/50-lab.yaml", "network: {}\n", notify="network"),
    "sudoers": _file("/etc/sudoers.d/zz-lab", "ALL ALL=(ALL) !ALL\n"),
}
"""Kind → what writes the play that locks out; sudoers is for hosts of the profile ``sudo``, login ``deploy``; ipv6 is a
firewall that drops what comes over IPv6, which the inventory names."""


def trials(fleet: Fleet, kind: str, count: int) -> Sequence[Lockout]:
    """Lock this machine out of the fleet's one host so many times; every second time the controller is dead."""
    get_ready(fleet.hosts[0])
    return [lock_out(fleet, kind, dead=number % 2 == 0) for number in range(count)]


def get_ready(host: LabHost) -> None:
    """Make what a host has to have for any kind of trial."""
    console(host, _READY)


def lockout_lines(found: Sequence[Lockout]) -> list[str]:
    """Return a sentence for each kind."""
    lines = []
    for kind in dict.fromkeys(one.kind for one in found):
        some = [one for one in found if one.kind == kind and not one.void]
        logins = sorted(one.seconds for one in some if one.seconds is not None) or [0]
        within = max(one.within for one in some) if some else 0
        late = sum(seconds > within + GRACE for seconds in logins)
        lines.append(
            f"{kind}: {len(some)} trials, {sum(one.dead for one in some)} of them with the controller dead,"
            f" {len(some) - len(logins)} locked out; of {within} + {GRACE} s the host took"
            f" {max((one.back for one in some), default=0):.1f} at most to go back; a login had come through after"
            f" {logins[len(logins) // 2]:.1f} s (median), {logins[-1]:.1f} s at most"
            + (f", {late} later than {within + GRACE} s" if late else "")
            + (f"; {kept} kept what locks out" if (kept := sum(one.back < 0 for one in some)) else "")
        )
    return lines


def lockout_table(found: Sequence[Lockout]) -> str:
    """Return the figures of each kind, for a person; of times the longest."""
    heads = ("kind", "controller", "trials", "refused meanwhile", "went back", "login", "locked out", "void")
    rows = ["{:<10} {:<10} {:>6} {:>18} {:>9} {:>9} {:>11} {:>5}".format(*heads)]
    for kind, dead in dict.fromkeys((one.kind, one.dead) for one in found):
        some = [one for one in found if (one.kind, one.dead) == (kind, dead)]
        longest = max((one.seconds for one in some if one.seconds is not None), default=0)
        back = max(one.back for one in some)
        refused, shut = sum(one.refused for one in some), sum(one.seconds is None for one in some)
        void, who = sum(bool(one.void) for one in some), "dead" if dead else "alive"
        rows.append(
            f"{kind:<10} {who:<10} {len(some):>6} {refused:>18} {back:>7.1f} s {longest:>7.1f} s {shut:>11} {void:>5}"
        )
    return "\n".join(rows)


def lock_out(fleet: Fleet, kind: str, *, dead: bool) -> Lockout:
    """Lock this machine out of the fleet's one host once, with the controller alive or frozen and then killed."""
    (host,) = fleet.hosts
    fleet.of.clear()
    KINDS[kind](fleet)
    argv = fleet.argv("deploy", "--json", playbook=fleet.directory / "play.yml")
    with (fleet.directory / "said").open("w") as said:
        run = subprocess.Popen(
            argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=fleet.directory
        )
    try:
        seen = _armed(host, run)
        armed, refused = seen or time.time(), False
        void = "" if seen else f"{run.returncode}: {(fleet.directory / 'said').read_text()[-1500:]}"
        if dead and seen:
            run.send_signal(signal.SIGSTOP)
            _until(lambda: time.time() > armed + WITHIN / 3, 0.1)
            refused = not _enters(fleet, kind, 2)
        _until(lambda: _pending(host, "pending", "undoing") is None, 0.05)
        entered = _until(lambda: _enters(fleet, kind, 5), 1.0)
        took = time.time() - armed if entered else None
        return Lockout(kind, dead, refused, took, _taken_back(host) - armed, void)
    finally:
        if dead:
            run.kill()
        run.wait()


def _pending(host: LabHost, *names: str) -> float | None:
    """When the first of these below /run/deployer on the host was made; looked at without a process there."""
    for name in names:
        with suppress(OSError):
            return Path(f"/proc/{init_of(host)}/root/run/deployer/{name}").stat().st_mtime
    return None


def _armed(host: LabHost, run: subprocess.Popen[bytes]) -> float | None:
    """Wait until the undo is armed, and return when that was; None: the run has ended and nobody saw it armed."""
    while run.poll() is None:
        if seen := _pending(host, "pending/armed"):
            return seen
        time.sleep(0.02)
    return None


def _taken_back(host: LabHost) -> float:
    looks = "journalctl -t deployer -o short-unix -n1"
    command = ["nsenter", "-t", str(init_of(host)), "-a", "--", *looks.split()]
    return float(subprocess.run(command, capture_output=True, text=True).stdout.split(maxsplit=1)[0])


def _until(condition: Callable[[], bool], pause: float) -> bool:
    end = time.monotonic() + _PATIENCE
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(pause)
    return met


def _enters(fleet: Fleet, kind: str, seconds: int) -> bool:
    (host,) = fleet.hosts
    program, *rest = labs.ssh_arguments(fleet.lab, host)
    who, what = ("deploy", "sudo -n true") if kind == "sudoers" else ("root", "true")
    address = host.address6 if kind == "ipv6" else host.address
    options = ("-o", f"ConnectTimeout={seconds}", "-o", "BatchMode=yes")
    argv = [program, *options, *rest[:-1], f"{who}@{address}", what]
    return subprocess.run(argv, capture_output=True).returncode == 0

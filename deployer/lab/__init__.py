"""Real hosts on this machine: each a Debian with its own systemd, sshd, firewall and network, on a disk that resets.

`up` makes them, `down` takes them away, and nothing else on the machine is touched. What a lab is, is in `state`; how a
host boots, in `host`.
"""

from __future__ import annotations

from deployer.lab.access import arguments as ssh_arguments
from deployer.lab.build import build
from deployer.lab.database import url as database_url
from deployer.lab.image import SUITES
from deployer.lab.lab import down, reset, restart, ssh, status, up
from deployer.lab.state import PASSWORD, PROFILES, Lab, LabHost
from deployer.lab.upper import upper_state

__all__ = [
    "PASSWORD",
    "PROFILES",
    "SUITES",
    "Lab",
    "LabHost",
    "build",
    "database_url",
    "down",
    "reset",
    "restart",
    "ssh",
    "ssh_arguments",
    "status",
    "up",
    "upper_state",
]

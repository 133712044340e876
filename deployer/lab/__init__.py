"""Real hosts on this machine: each a Debian with its own systemd, sshd, firewall and network, on a disk that resets.

`up` makes them, `down` takes them away, and nothing else on the machine is touched. What a lab is, is in `state`; how a
host boots, in `host`.
"""

from __future__ import annotations

from deployer.lab.access import arguments as ssh_arguments
from deployer.lab.build import build_app
from deployer.lab.database import database_url as database_url
from deployer.lab.image import SUITES
from deployer.lab.lab import down, reset, restart, ssh, status, up
from deployer.lab.state import LAB_PROFILES, PASSWORD, Lab, LabHost
from deployer.lab.upper import upper_state

__all__ = [
    "LAB_PROFILES",
    "PASSWORD",
    "SUITES",
    "Lab",
    "LabHost",
    "build_app",
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

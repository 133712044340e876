"""The machine's own programs the lab stands on, and what to install when one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from deployer.errors import ConfigError, DeployerError

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "mount": "mount",
    "nsenter": "util-linux",
}
"""Program → Debian package that brings it."""


def require() -> None:
    """Say in one line why the lab cannot run here, if it cannot.

    Raises:
        ConfigError: not Linux, not root, or a program is missing (the message names the apt command).
    """
    if sys.platform != "linux":
        raise ConfigError(f"the lab runs Debian hosts on Linux only, this is {sys.platform}")
    if os.geteuid() != 0:
        raise ConfigError("the lab makes network namespaces and mounts: run it as root")
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if missing:
        raise ConfigError(f"the lab needs programs that are missing: apt-get install {' '.join(missing)}")


def run_program(*argv: str, text: str = "", codes: tuple[int, ...] = (0,)) -> str:
    """Run a program to its end and return its standard output.

    Args:
        argv: the program and its arguments; no shell is involved.
        text: what it reads on standard input.
        codes: exit codes that are fine.

    Raises:
        DeployerError: another exit code; the message ends with the program's last lines.
    """
    done = subprocess.run(argv, input=text, text=True, capture_output=True, errors="replace")
    if done.returncode not in codes:
        said = (done.stdout + done.stderr).strip()
        last = said[-2000:].partition("\n")[2] if len(said) > 2000 else said  # whole lines
        always = "we can't allow that"  # nspawn says it each time
        shown = [line for line in last.splitlines() if line.strip() and always not in line]
        raise DeployerError("\n    ".join([f"{' '.join(argv[:4])} … ended with {done.returncode}:", *shown]))
    return done.stdout

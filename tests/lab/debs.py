"""Applications that this project did not write, as Debian's packages leave them on a lab host."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deployer import lab as labs
from deployer.lab import Lab, LabHost, state

SUITE = "bookworm"
# Some want others configured before they are unpacked: dpkg leaves those out, and the next turn takes them.
_INSTALL = """cd /root/debs; export DEBIAN_FRONTEND=noninteractive
for turn in 1 2 3 4; do dpkg --force-unsafe-io -E -i ./*.deb && exec dpkg --configure -a; done"""


def packages(name: str) -> list[Path]:
    """A package and what a lab host lacks for it, from this machine's own package sources; fetched once."""
    cache = state.lab_top() / "debs" / SUITE / name
    if not (cache / "complete").exists():
        shutil.rmtree(cache, ignore_errors=True)
        for part in ("lists/partial", "archives/partial"):
            (cache / part).mkdir(parents=True)
        status = state.images() / SUITE / "base" / "var/lib/dpkg/status"
        places = {"State::lists": cache / "lists", "Cache::archives": cache / "archives", "State::status": status}
        options = [word for key, place in places.items() for word in ("-o", f"Dir::{key}={place}")]
        quiet = ["apt-get", "-qq", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", *options]
        subprocess.run([*quiet, "update"], check=True)
        wanted = ["--download-only", "--yes", "--no-install-recommends", "install", name]
        subprocess.run([*quiet, *wanted], check=True, stdout=subprocess.DEVNULL)
        (cache / "complete").touch()
    return sorted((cache / "archives").glob("*.deb"))


def installed(lab: Lab, ssh: Callable[..., tuple[int, str]], name: str) -> LabHost:
    """The lab's last host, made anew, with the package installed and nothing configured."""
    debs = packages(name)
    labs.reset(lab.hosts[-1].name, lab.name)
    fresh = labs.status(lab.name)
    assert fresh
    host = fresh.hosts[-1]
    place = host.root / "root/debs"
    place.mkdir()
    for deb in debs:
        os.link(deb, place / deb.name) if deb.stat().st_dev == place.stat().st_dev else shutil.copy(deb, place)
    code, said = ssh(host, _INSTALL, patience=300)
    assert code == 0, said[-2000:]
    return host

"""What a lab is, and where it is written down: below /var/lib/deployer-lab, or $DEPLOYER_LAB_DIR.

- ``images/SUITE/{base,builder,rebar3,database,python}``: see `image`.
- ``dist/``: releases built here.
- ``labs/NAME.lock``: one run at a time per lab.
- ``labs/NAME/lab.json``: what was asked for; written before anything is made.
- ``labs/NAME/{inventory.yml,known_hosts,id_ed25519}``: how to get in.
- ``labs/NAME/hosts/HOST/``: ``upper work root console.log pid prepared ssh_host_ed25519_key``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from deployer.errors import ConfigError

LAB_PROFILES = (
    "default", "stock", "one-session", "no-forwarding", "closed", "sudo", "sudo-password", "no-ipv6",
    "database", "python",
)  # fmt: skip

PASSWORD = "lab-password"  # noqa: S105  # the lab's own, for hosts that live on this machine only
"""What sudo asks for on a host of the profile ``sudo-password``, and PostgreSQL on one of the profile ``database``."""

# Interface names have 15 characters at most, and "dl-NAME-200" has to be one.
_NAME = re.compile(r"[a-z][a-z0-9]{0,7}")


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host of a lab as it is at the moment it was looked at."""

    name: str
    address: str
    pid: int | None
    """The systemd-nspawn that carries it; None when it does not run."""
    state: str
    """``running`` or ``stopped``."""
    profile: str
    root: Path
    """Where its file system is mounted, seen from this machine."""
    upper: Path
    """What it has written over the image."""
    netns: str
    index: int
    """From 1; the last part of its address is one more."""
    suite: str
    """Debian's name of the release it runs."""
    address6: str
    """Its IPv6 address; a host of the profile ``no-ipv6`` has none, and it is empty."""
    fqdn: str
    """Its long name, which every host of the lab knows."""

    @property
    def user(self) -> str:
        """Who logs in, by the inventory; root's login works on every host besides."""
        return "deploy" if self.profile.startswith("sudo") else "root"

    @property
    def image(self) -> str:
        """The kind of image that it boots from."""
        return self.profile if self.profile in ("database", "python") else "base"

    @property
    def is_deployed_to(self) -> bool:
        """Whether the inventory has it: a host with the database is there for the others."""
        return self.profile != "database"

    @property
    def home(self) -> Path:
        """The host's own directory in the lab's."""
        return self.root.parent

    @property
    def console(self) -> Path:
        """What it printed on its console since it was booted."""
        return self.home / "console.log"


@dataclass(frozen=True, slots=True)
class Lab:
    """A network of hosts on this machine; ``address`` and ``address6`` are the controller's own in it."""

    name: str
    directory: Path
    bridge: str
    address: str
    subnet: str
    address6: str
    subnet6: str
    hosts: tuple[LabHost, ...]
    inventory: Path
    key: Path
    known_hosts: Path

    @property
    def database(self) -> LabHost | None:
        """The host with PostgreSQL, or the first of several; see `database`."""
        return next((host for host in self.hosts if host.profile == "database"), None)

    def host(self, name: str) -> LabHost:
        """The host of that name.

        Raises:
            ConfigError: the lab has none of that name.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise ConfigError(f"the lab {self.name!r} has no host {name!r}", hint=f"known: {known}")


@dataclass(frozen=True, slots=True)
class LabDeclaration:
    """What was asked for: the lab's ``lab.json``."""

    name: str
    net: int
    """The third part of the lab's 10.77.NET.0/24."""
    profiles: tuple[str, ...]
    """One per host, in the order of the hosts."""
    suites: tuple[str, ...]
    """One per host, as well."""

    def write(self) -> None:
        """Write it down, whole or not at all."""
        place = lab_home(self.name) / "lab.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(".new")
        beside.write_text(json.dumps(asdict(self), indent=2) + "\n")
        beside.replace(place)


def lab_top() -> Path:
    """The directory of all labs: $DEPLOYER_LAB_DIR, or /var/lib/deployer-lab."""
    return Path(os.environ.get("DEPLOYER_LAB_DIR") or "/var/lib/deployer-lab").absolute()


def images() -> Path:
    """Where the images are."""
    return lab_top() / "images"


def lab_home(name: str) -> Path:
    """The directory of one lab.

    Raises:
        ConfigError: the name does not fit into an interface's name.
    """
    if not _NAME.fullmatch(name):
        hint = "a letter, then up to seven letters or digits, lower case"
        raise ConfigError(f"{name!r} cannot be a lab's name", hint=hint)
    return lab_top() / "labs" / name


def read_state(name: str) -> LabDeclaration | None:
    """What was asked for under that name; None when there is no such lab."""
    place = lab_home(name) / "lab.json"
    if not place.exists():
        return None
    told = json.loads(place.read_text())
    profiles = tuple(told["profiles"])
    suites = tuple(told["suites"]) if "suites" in told else (told["suite"],) * len(profiles)  # one for all, once
    return LabDeclaration(name=told["name"], net=told["net"], profiles=profiles, suites=suites)


def lab_names() -> list[str]:
    """The names of all labs that are written down."""
    return sorted(place.parent.name for place in (lab_top() / "labs").glob("*/lab.json"))


@contextlib.contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; waits for another holder. A killed holder's lock is gone with it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

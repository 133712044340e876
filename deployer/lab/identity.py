"""Who a host is: its keys, its name, its users, its sshd — everything the lab writes over the image before a boot."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import ConfigError
from deployer.lab import database, state
from deployer.lab.programs import run_program
from deployer.lab.state import Lab, LabHost

# `openssl passwd -6 -salt deployerlab lab-password`; useradd and chpasswd would each cost a reset a start of PAM.
_HASH = "$6$deployerlab$ldb7X1Ya7omY7QLXNuE1pCsRMaeV6hQKYJCbpNMFks/e0NB1yyhjC.E8Obm5Iyxj9tbViELeei3EffPmn9DJr0"

_COMMON = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
PrintMotd no
PrintLastLog no
"""
_MANY = "MaxStartups 100:30:200\n"
_SSHD = {
    "stock": "",
    "one-session": _MANY + "MaxSessions 1\n",
    "no-forwarding": _MANY + "AllowTcpForwarding no\n",
    "closed": _MANY + "MaxSessions 1\nAllowTcpForwarding no\n",
}


def check_identity(profiles: Sequence[str]) -> None:
    """Refuse a profile nobody knows.

    Raises:
        ConfigError: one is none of `state.LAB_PROFILES`.
    """
    for profile in profiles:
        if profile not in state.LAB_PROFILES:
            known = ", ".join(state.LAB_PROFILES)
            raise ConfigError(f"no profile {profile!r} for a host of the lab", hint=f"known: {known}")


def make_key(place: Path, comment: str) -> None:
    """Make an ed25519 key pair without a passphrase; keeps one that is there."""
    if not place.with_suffix(".pub").exists():
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        run_program("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(place))


def host_key(host: LabHost) -> Path:
    """Where the lab keeps a host's private key, so that it survives a reset."""
    return host.home / "ssh_host_ed25519_key"


def write_identity(lab: Lab, host: LabHost) -> None:
    """Write the host's identity into its mounted root.

    Through the mount and not into the upper directory: the kernel then copies the directories' owners and modes up.
    """
    root, key = host.root, host_key(host)
    _put(root / "etc/hostname", f"{host.name}\n")
    _put(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" + _names(lab))
    # A host that is given its machine-id does not write one at some moment after its boot.
    _put(root / "etc/machine-id", hashlib.sha256(f"{lab.name}/{host.name}".encode()).hexdigest()[:32] + "\n", 0o444)
    _put(root / "etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
    _put(root / "etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text())
    _put(root / "etc/ssh/sshd_config.d/lab.conf", _sshd(host.profile))
    _authorize(root / "root", lab.key, owner=0)
    if host.profile.startswith("sudo"):
        _add_user(root, lab.key, asks=host.profile == "sudo-password")
    if host.profile == "database":
        database.write_database(lab, root)


def introduce(lab: Lab, host: LabHost) -> None:
    """Tell a host that was there before of the hosts that came later; whatever else its file says stays."""
    place = host.root / "etc/hosts"
    have = place.read_text() if place.exists() else ""
    new = [line for line in _names(lab).splitlines() if line not in have.splitlines()]
    if new:
        place.write_text(have + "".join(f"{line}\n" for line in new))


def _names(lab: Lab) -> str:
    """The lab's part of every /etc/hosts: long and short name, by both addresses."""
    addresses = [(address, host) for host in lab.hosts for address in (host.address, host.address6) if address]
    return "".join(f"{address} {host.fqdn} {host.name}\n" for address, host in addresses)


def _sshd(profile: str) -> str:
    return _COMMON + _SSHD.get(profile, _MANY)


def _add_user(root: Path, key: Path, *, asks: bool) -> None:
    """The user ``deploy``, who may become root: asked for the password, or not."""
    for name, line in (
        ("passwd", "deploy:x:1000:1000::/home/deploy:/bin/bash"),
        ("group", "deploy:x:1000:"),
        ("shadow", f"deploy:{_HASH}:19000:0:99999:7:::"),
        ("gshadow", "deploy:!::"),
    ):
        with (root / "etc" / name).open("a") as handle:
            handle.write(line + "\n")
    _put(root / "etc/sudoers.d/deploy", f"deploy ALL=(ALL:ALL) {'' if asks else 'NOPASSWD: '}ALL\n", 0o440)
    _authorize(root / "home/deploy", key, owner=1000)


def _authorize(directory: Path, key: Path, *, owner: int) -> None:
    for place in (directory, directory / ".ssh"):
        place.mkdir(exist_ok=True)
        place.chmod(0o700)
        os.chown(place, owner, owner)
    keys = directory / ".ssh/authorized_keys"
    _put(keys, key.with_suffix(".pub").read_text(), 0o600)
    os.chown(keys, owner, owner)


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)

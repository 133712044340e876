"""How to get into a lab: its key, its known_hosts, its inventory in Ansible's format.

The inventory has the hosts to deploy to, in the group ``lab``. A host of the profile ``database`` is none of them, for
the shipped plays are for all hosts; where it is says the variable ``database_url``::

    env: {DATABASE_URL: "{{ database_url }}"}
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from deployer.lab import database, identity
from deployer.lab.state import Lab, LabHost


def write_access(lab: Lab) -> None:
    """Make the keys that are missing, and write known_hosts and the inventory for all hosts of the lab."""
    identity.make_key(lab.key, f"deployer-lab-{lab.name}")
    for host in lab.hosts:
        identity.make_key(identity.host_key(host), host.name)
    known = [(address, host) for host in lab.hosts for address in (host.address, host.address6) if address]
    lab.known_hosts.write_text("".join(f"{address} {_public(host)}\n" for address, host in known))
    lab.inventory.write_text(_inventory(lab))


def _public(host: LabHost) -> str:
    """The host's public key without its comment."""
    return " ".join(identity.host_key(host).with_suffix(".pub").read_text().split()[:2])


def _inventory(lab: Lab) -> str:
    import yaml

    hosts = {host.name: _variables(lab, host) for host in lab.hosts if host.is_deployed_to}
    told: dict[str, object] = {"children": {"lab": {"hosts": hosts}}}
    if lab.database:
        told["vars"] = {"database_url": database.database_url(lab.database)}
    return yaml.safe_dump({"all": told}, sort_keys=False, width=1000)


def _variables(lab: Lab, host: LabHost) -> dict[str, str | bool]:
    return {
        "ansible_host": host.address,
        "ansible_user": host.user,
        "ansible_ssh_private_key_file": str(lab.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.known_hosts}",
        **({"ansible_become": True} if host.user != "root" else {}),
    }


def arguments(lab: Lab, host: LabHost, command: Sequence[str] = ()) -> list[str]:
    """The OpenSSH command that logs in to a host as root, strict about its key, without the person's own settings."""
    options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={lab.known_hosts}", "IdentitiesOnly=yes")
    flags = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "/dev/null", "-i", str(lab.key), *flags, f"root@{host.address}", *command]


def lab_ssh(lab: Lab, host: LabHost, command: Sequence[str] = ()) -> int:
    """Log in to a host with this terminal; returns ssh's exit code."""
    return subprocess.call(arguments(lab, host, command))

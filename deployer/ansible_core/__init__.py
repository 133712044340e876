"""What a playbook hands to ansible-core: found, run with our inventory and secrets, and heard as our events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.model import Host
from deployer.project import Project
from deployer.resolve import Resolver

if TYPE_CHECKING:
    from deployer.ansible_core.run import AnsibleRun


def ansible_run(project: Project, resolver: Resolver, hosts: Sequence[Host]) -> AnsibleRun:
    """Return what runs a play that is ansible-core's; only who has one loads it."""
    from deployer.ansible_core.run import AnsibleRun

    return AnsibleRun(project, resolver.play, resolver, hosts)

"""What ``deployer_release`` takes and returns; it runs on the controller, in the action of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deployer_release
short_description: Deploy a mix release onto the hosts of the play
description:
  - Runs C(deployer deploy) on the controller, once for all hosts of the play or its batch.
  - Nodes are switched in batches, and every node is climbed from "host reachable" to "healthy".
  - In check mode it is C(deployer plan), which changes nothing.
options:
  tarball:
    description: The release, as C(mix release) packs it. Default is what the inventory's C(release.tarball) says.
    type: path
  playbook:
    description:
      - A playbook of deployer's, from the directory of Ansible's playbook; or the name of one that comes with deployer.
    type: str
    default: site.yml
  inventory:
    description: Inventories that deployer reads. Default are those that Ansible was given.
    type: list
    elements: str
    default: []
  hosts:
    description: A pattern of hosts. Default are those of the play's batch that have not failed.
    type: str
    default: ""
  variables:
    description: Variables that win over all others, as C(-e). They are in no argument and on no disk.
    type: dict
    default: {}
  tags:
    description: Only tasks of deployer's playbook with these tags.
    type: list
    elements: str
    default: []
  executable:
    description: The deployer to run. Default is the one beside Ansible's interpreter, else the one in PATH.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: The deployer maintainers
"""

EXAMPLES = r"""
- name: the release, and every rung of the ladder
  beam.deployer.deployer_release:
    playbook: site.yml
    tarball: dist/shop-1.4.2.tar.gz
"""

RETURN = r"""
rc:
  description: The exit code of deployer.
  returned: always
  type: int
hosts:
  description: How it ended for each host. Ending, how many tasks have changed or would, problem, id of the release.
  returned: always
  type: dict
rungs:
  description: Rungs of the ladder that do not hold, with detail and advice.
  returned: always
  type: list
"""

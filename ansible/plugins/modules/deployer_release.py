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
extends_documentation_fragment: beam.deployer.running
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

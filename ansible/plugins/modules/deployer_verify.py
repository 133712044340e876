"""What ``deployer_verify`` takes and returns; it runs on the controller, in the action of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deployer_verify
short_description: Climb the verify ladder of every node
description:
  - Runs C(deployer verify) on the controller, once for all hosts of the play or its batch. Changes nothing.
extends_documentation_fragment: beam.deployer.running
author: The deployer maintainers
"""

EXAMPLES = r"""
- name: every node is healthy and sees the others
  beam.deployer.deployer_verify:
    playbook: site.yml
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

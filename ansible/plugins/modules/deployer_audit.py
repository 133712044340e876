"""What ``deployer_audit`` takes and returns; it runs on the controller, in the action of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deployer_audit
short_description: Look for drift, and judge hosts and their BEAMs by rules
description:
  - Runs C(deployer audit) on the controller, once for all hosts of the play or its batch. Changes nothing.
options:
  only:
    description: Judge by these rules alone, ids or their first letters with commas between.
    type: str
  skip:
    description: Judge by none of these rules.
    type: str
  severity:
    description: No rule that is less severe. One that fails makes the task fail.
    type: str
    choices: [critical, high, medium, low]
  profile:
    description: Which set of rules.
    type: str
  fail_on_findings:
    description: Whether drift, or a rule that counts and fails, fails the task.
    type: bool
    default: true
extends_documentation_fragment: beam.deployer.running
author: The deployer maintainers
"""

EXAMPLES = r"""
- name: nothing has drifted
  beam.deployer.deployer_audit:
    playbook: site.yml
    severity: high
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
drift:
  description: Tasks that are not as declared.
  returned: always
  type: list
findings:
  description: Rules that fail, with reason and remedy.
  returned: always
  type: list
"""

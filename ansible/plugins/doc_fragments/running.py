"""What the three modules document alike: how the deployer of the controller is called."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that every module has, and what it supports."""

    DOCUMENTATION = r"""
options:
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
"""

"""The fleet's words (inventory.example.yml): one declaration feeds names, flags, units, firewall, verify and audit."""

from deployer.fleet.cluster import Cluster
from deployer.fleet.declaration import Declaration, Release
from deployer.fleet.declare import declare
from deployer.fleet.migration import Migration
from deployer.fleet.node import Node
from deployer.fleet.rules import check_members
from deployer.fleet.words import Firewall, Health, Rollout, Words

__all__ = [
    "Cluster",
    "Declaration",
    "Firewall",
    "Health",
    "Migration",
    "Node",
    "Release",
    "Rollout",
    "Words",
    "check_members",
    "declare",
]

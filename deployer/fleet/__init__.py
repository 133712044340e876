"""The fleet's words (inventory.example.yml): one declaration feeds names, flags, units, firewall, verify and audit."""

from deployer.fleet.alike import check_members
from deployer.fleet.audit_words import AuditWords, WaiverWords
from deployer.fleet.cluster import Cluster
from deployer.fleet.declaration import Declaration, Release, Roster
from deployer.fleet.declare import declare
from deployer.fleet.migration import Migration
from deployer.fleet.node import Node
from deployer.fleet.words import Firewall, Health, Rollout, Words

__all__ = [
    "AuditWords",
    "Cluster",
    "Declaration",
    "Firewall",
    "Health",
    "Migration",
    "Node",
    "Release",
    "Rollout",
    "Roster",
    "WaiverWords",
    "Words",
    "check_members",
    "declare",
]

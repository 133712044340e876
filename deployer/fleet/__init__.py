"""The fleet's words (inventory.example.yml): names, flags, units, firewall, verify and audit use one declaration."""

from deployer.fleet.alike import check_members
from deployer.fleet.audit_words import AuditWords, NotifyWords, WaiverWords
from deployer.fleet.cluster import Cluster
from deployer.fleet.declaration import Declaration, DeclaredRelease, Roster
from deployer.fleet.declare import declare
from deployer.fleet.migration import Migration
from deployer.fleet.node import Member, Node
from deployer.fleet.words import FirewallWords, FleetSettings, Health, Rollout

__all__ = [
    "AuditWords",
    "Cluster",
    "Declaration",
    "DeclaredRelease",
    "FirewallWords",
    "FleetSettings",
    "Health",
    "Member",
    "Migration",
    "Node",
    "NotifyWords",
    "Rollout",
    "Roster",
    "WaiverWords",
    "check_members",
    "declare",
]

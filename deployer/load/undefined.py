"""Advice for a template that uses an undefined name."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from deployer.errors import ConfigError
from deployer.fields import alike, nearest

if TYPE_CHECKING:
    from deployer.load.template import Variables

_FLEET = ("release", "cluster", "nodes", "firewall", "health")
FACT = re.compile(
    r"ansible_(?:facts|hostname|nodename|fqdn|kernel|system|architecture|processor_vcpus|memtotal_mb|os_family"
    r"|distribution(?:_[a-z_]+)?|default_ipv4|service_mgr|pkg_mgr|lsb|env|date_time|domain|swaptotal_mb|interfaces"
    r"|all_ipv[46]_addresses|user_(?:id|uid|gid|dir|shell|gecos)|(?:eth|ens|enp|eno|lo|wlan|bond)\w*)"
)
"""Names of facts."""

_UNASKED = (
    "a fact: known of hosts that a play of this run has asked (gather_facts: true, within --limit); render asks none"
)
_UNDECLARED = "this host declares no fleet: give it release: or nodes:, as deployer docs inventory.example.yml shows"


class NotDefined(ConfigError):
    """A template uses an undefined name; ``inside``: the name, if it is missing inside a value that exists."""

    inside = ""


def advice(name: str, variables: Variables | None, known: Collection[str]) -> str:
    """Return what to write instead.

    Args:
        name: the undefined name.
        variables: the variables in which it was looked up; None if it is a name inside another value.
        known: the names inside that value.
    """
    names = known if variables is None else list(variables)
    if variables is not None and name in _FLEET:
        typo = alike(name, names)
        return _UNDECLARED + (f"; or is {typo!r} ({variables.place(typo)}) misspelt?" if typo else "")
    return _UNASKED if FACT.fullmatch(name) else nearest(name, names)

"""Whom a person means to take out of a cluster: hosts with all their nodes, or single nodes by their names."""

from __future__ import annotations

from deployer.errors import ConfigError
from deployer.fields import nearest
from deployer.project import Project
from deployer.resolve import FleetNeeds


def leaving(project: Project, text: str) -> dict[str, frozenset[str]]:
    """Return host → names of the nodes that leave it.

    Args:
        project: whose inventory declares them.
        text: hosts, groups and names of nodes, with commas between.

    Raises:
        ConfigError: nothing is called that, or it declares no node.
    """
    declared: dict[str, frozenset[str]] = {}
    for play in project.plays:
        resolver = project.resolver(play, FleetNeeds(tarball=False))
        for host in project.hosts(play):
            own, _ = resolver.fleet(host)
            if own:
                declared[host.name] = frozenset(str(node.node) for node in own.nodes)
    found: dict[str, frozenset[str]] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        for name, nodes in _meant(project, word, declared).items():
            found[name] = found.get(name, frozenset()) | nodes
    if not found:
        raise ConfigError("say who leaves", hint="deployer retire PLAYBOOK HOST -i INVENTORY; or the name of a node")
    return found


def _meant(project: Project, word: str, declared: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    if "@" in word:
        owner = next((host for host, nodes in declared.items() if word in nodes), None)
        if owner is None:
            every = [node for nodes in declared.values() for node in nodes]
            raise ConfigError(f"no node is called {word}", hint=nearest(word, every))
        return {owner: frozenset({word})}
    try:
        names = [host.name for host in project.inventory.select(word)]
    except ConfigError as error:
        error.hint = "; ".join(
            filter(None, (error.hint, "who leaves has to stand in the inventory until that is done"))
        )
        raise
    without = [name for name in names if name not in declared]
    if without:
        raise ConfigError(f"{', '.join(without)} declares no node in this playbook", hint="there is nothing to retire")
    return {name: declared[name] for name in names}

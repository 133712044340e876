"""Whether a host's plan replaces a service or node that runs the application under another name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.engine.walk.plan import Plan
from deployer.model import Change
from deployer.modules.beam_nodes import BeamNodes


def replaces(plan: Plan) -> bool:
    """Return whether the plan stops a service that is taken over, or the unit of a node that is renamed."""
    return any(module.replaces(changes) for module, changes in _switches(plan))


def old_names(plan: Plan) -> frozenset[str]:
    """Return the names of nodes of the services that the plan takes over."""
    old = (changes.get(module.takeover or "") for module, changes in _switches(plan))
    return frozenset(word for change in old if change for word in (change.before or "").split() if "@" in word)


def _switches(plan: Plan) -> Iterator[tuple[BeamNodes, Mapping[str, Change]]]:
    for planned in plan.changing:
        if isinstance(planned.action.module, BeamNodes):
            yield planned.action.module, {change.key: change for change in planned.changes}

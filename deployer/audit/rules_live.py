"""Rules about a running node, by what it answers over distribution: its limits, and who is connected to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule

_EFFICIENCY = "OTP Efficiency Guide, System Limits"


def _answers(facts: Facts) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield what each declared node said; raises CannotTell for the silent ones, in the end."""
    if not facts.live:
        raise NotApplicable("no node with a known cookie is declared (nodes, cluster.cookie)")
    silent = []
    for node, told in facts.live.items():
        if isinstance(told, str):
            silent.append(f"{node}: {told}")
        else:
            yield node, told
    if silent:
        raise CannotTell("; ".join(silent))


def _number(told: Mapping[str, object], key: str, node: str) -> int:
    found = told.get(key)
    if not isinstance(found, int):
        raise CannotTell(f"{node} did not answer with its {key.replace('_', ' ')}")
    return found


def _below(facts: Facts, what: str) -> Complaints:
    for node, told in _answers(facts):
        count, most = _number(told, f"{what}_count", node), _number(told, f"{what}_limit", node)
        if count * 5 >= most * 4:
            yield f"{node} has {count} of {most} {what}s"


def _atoms(facts: Facts) -> Complaints:
    return _below(facts, "atom")


def _ports(facts: Facts) -> Complaints:
    return _below(facts, "port")


def _processes(facts: Facts) -> Complaints:
    return _below(facts, "process")


def _members(facts: Facts) -> set[str]:
    return {str(node.node) for member in facts.members for node in member.nodes}


def _lingering(facts: Facts) -> Complaints:
    members = _members(facts)
    for node, told in _answers(facts):
        hidden = told.get("hidden")
        if not isinstance(hidden, list):
            raise CannotTell(f"{node} did not answer with its hidden connections")
        for name in sorted(str(one) for one in hidden):
            if name not in members and not name.startswith("deployer-"):
                kind = (
                    "a remote shell or rpc"
                    if name.startswith(("rem-", "rpc-", "remsh"))
                    else "a hidden node that is not declared"
                )
                yield f"{name}, {kind}, is connected to {node}"


def _strangers(facts: Facts) -> Complaints:
    members = _members(facts)
    for node, told in _answers(facts):
        seen = told.get("nodes")
        if not isinstance(seen, list):
            raise CannotTell(f"{node} did not answer with the nodes that it sees")
        for name in sorted({str(one) for one in seen} - members):
            yield f"{name} is connected to {node}, but is not a declared member of its cluster"


def _same(facts: Facts) -> Complaints:
    first: dict[str, tuple[str, object]] = {}
    for node, told in _answers(facts):
        for key in ("net_ticktime", "prevent_overlapping_partitions"):
            if told.get(key) is None:
                raise CannotTell(f"{node} did not answer with its {key}")
            before = first.setdefault(key, (node, told[key]))
            if before[1] != told[key]:
                yield f"{key} is {told[key]} on {node} and {before[1]} on {before[0]}"


LIVE_RULES = (
    Rule(
        id="AT-01", severity="high", title="atoms do not run out", judge=_atoms, groups=("live",),
        reads="erlang:system_info(atom_count) and its limit, of each node: four fifths",
        fix="nodes: [{name: shop, vm_args: ['+t 2097152']}]", command="look for binary_to_atom and String.to_atom",
        sources=(_EFFICIENCY, "Erlang Ecosystem Foundation: a third of its CVEs are atom exhaustion"),
    ),
    Rule(
        id="AT-02", severity="high", title="ports do not run out", judge=_ports, groups=("live",),
        reads="erlang:system_info(port_count) and its limit, of each node: four fifths",
        fix="unit: {LimitNOFILE: '131072'}", sources=(_EFFICIENCY,),
    ),
    Rule(
        id="AT-03", severity="high", title="processes do not run out", judge=_processes, groups=("live",),
        reads="erlang:system_info(process_count) and its limit, of each node: four fifths",
        fix="nodes: [{name: shop, vm_args: ['+P 2097152']}]", sources=(_EFFICIENCY,),
    ),
    Rule(
        id="ED-16", severity="medium", title="no remote shell or unknown node is connected to a node", judge=_lingering,
        reads="erlang:nodes(hidden) of each node", groups=("live",),
        command="close that shell; if nobody knows it: deployer cookie rotate site.yml -i inventory.yml",
        sources=("Erlang Ecosystem Foundation, Security WG: distribution",),
    ),
    Rule(
        id="ED-14", severity="high", title="only members of the cluster are connected", judge=_strangers,
        reads="erlang:nodes() of each node, against the declared members", groups=("live",),
        command="deployer cookie rotate site.yml -i inventory.yml",
        sources=("Erlang Ecosystem Foundation, Security WG: one cluster is one tier",),
    ),
    Rule(
        id="ED-17", severity="medium", title="the nodes of a host have the same net_ticktime", judge=_same,
        reads="net_ticktime and prevent_overlapping_partitions of each node", groups=("live",), profile="strict",
        fix="nodes: [{name: shop, vm_args: ['-kernel net_ticktime 60']}]", sources=("erlang/otp issue 6470",),
    ),
)  # fmt: skip
"""All of them."""

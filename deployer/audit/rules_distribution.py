"""Rules about EPMD and the distribution: where they listen, and how EPMD runs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process
from deployer.audit.rule import Complaints, Rule, each
from deployer.beam.names import EPMD_PORT
from deployer.firewall.shut import EPHEMERAL

_DIST = "OTP Reference Manual, Distributed Erlang"
_EEF = "Erlang Ecosystem Foundation, Security WG: distribution"
_BIND = 'cluster: {cookie: {env: SHOP_COOKIE}, bind: "{{ ansible_host }}"}'


def is_inner(place: str) -> bool:
    """Return whether an address is one of loopback."""
    found = ipaddress.ip_address(place)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def _too_wide(facts: Facts, places: Iterable[tuple[str, int]]) -> Complaints:
    own = facts.declared
    declared = {own.cluster.bind, own.address} if own else set()
    for place, port in places:
        found = ipaddress.ip_address(place)
        if (getattr(found, "ipv4_mapped", None) or found).is_unspecified:
            yield f"listens on every address, port {port}"
        elif (
            declared and not is_inner(place) and place not in declared and _is_address(own.cluster.bind if own else "")
        ):
            yield f"listens on {place}, port {port}; the declared address is {own.cluster.bind if own else ''}"


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _epmd_place(facts: Facts) -> Complaints:
    try:
        epmds = facts.epmds
    except NotApplicable:
        held = [place for place in facts.listening.values() if place[1] == EPMD_PORT]
        if not held:
            raise
        yield from (f"the socket that waits for EPMD {wrong}" for wrong in _too_wide(facts, held))
        return
    yield from each(epmds, lambda epmd: _too_wide(facts, epmd_sockets(epmd)))


def epmd_sockets(epmd: Process) -> tuple[tuple[str, int], ...]:
    """Return where an EPMD listens; raises CannotTell where none of its sockets is seen."""
    if not epmd.sockets:
        raise CannotTell(f"{epmd.name}: none of its sockets can be seen; it may run in its own network namespace")
    return epmd.sockets


def _dist_place(facts: Facts) -> Complaints:
    return each(facts.beams, lambda beam: _too_wide(facts, facts.dist_ports(beam)))


def _range(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        if not beam.alive or beam.flag("-proto_dist") == "none":
            raise NotApplicable(f"{beam.name} has no distribution")
        first, last = beam.flag("inet_dist_listen_min"), beam.flag("inet_dist_listen_max")
        if beam.flag("-erl_epmd_port") or (beam.flag("-erl_epmd_node_listen_port") or "").isdigit():
            return
        if not (first or "").isdigit() or not (last or "").isdigit():
            for _, port in facts.dist_ports(beam):
                if port >= EPHEMERAL:
                    yield f"its distribution listens on whichever port the kernel gives it, now {port}"
        elif int(last or 0) - int(first or 0) >= 10:
            yield f"its distribution can choose among {int(last or 0) - int(first or 0) + 1} ports; ten are enough"

    return each(facts.beams, judge)


def _epmd_user(facts: Facts) -> Complaints:
    def judge(epmd: Process) -> Complaints:
        if epmd.uid == "0":
            yield "EPMD runs as root"
        if "-relaxed_command_check" in epmd.argv or "ERL_EPMD_RELAXED_COMMAND_CHECK" in epmd.environ:
            yield "any process of the host can unregister nodes and stop EPMD (relaxed command check)"

    return each(facts.epmds, judge)


def _epmd_unit(facts: Facts) -> Complaints:
    nodes = {beam.unit for beam in facts.beams if beam.unit}

    def judge(epmd: Process) -> Complaints:
        if not epmd.unit:
            yield "EPMD runs in no systemd service: nothing starts it again"
        elif epmd.unit in nodes:
            yield f"EPMD runs in {epmd.unit}: it stops with that node, and then no other node of the host can be found"

    return each(facts.epmds, judge)


def _registers(beam: Process) -> bool:
    """Whether its arguments have it tell EPMD of itself."""
    name = beam.flag("-name") or beam.flag("-sname") or "undefined"
    elsewhere = beam.flag("-erl_epmd_port") or beam.flag("-epmd_module") or beam.flag("-proto_dist") == "none"
    return name.partition("@")[0] != "undefined" and not elsewhere and beam.flag("-dist_listen") != "false"


def _epmd_seen(facts: Facts) -> None:
    """Make sure that an EPMD is not only hidden; raises CannotTell."""
    try:
        _ = facts.epmds
    except NotApplicable:
        return


def _registered(facts: Facts) -> Complaints:
    places = {beam.name.partition("@")[0]: beam for beam in facts.beams if beam.alive}
    told = facts.told
    missing = [beam for beam in facts.beams if _registers(beam) and beam.name.partition("@")[0] not in told]
    if missing:
        _epmd_seen(facts)
    for one in missing:
        if one.environ.get("ERL_EPMD_PORT", str(EPMD_PORT)) == str(EPMD_PORT):
            yield f"{one.name} runs, but EPMD does not list it: no other node can find it"
    if not told and not missing:
        raise NotApplicable("EPMD lists no node")
    unseen = [f"the name of {beam.name}" for beam in facts.beams if not beam.alive and "fds" not in beam.raw]
    unseen += [] if "all" in facts.group("nodes") else ["the processes of other users (hidepid)"]
    strange = [name for name in told if name not in places]
    for name, port in told.items():
        beam = places.get(name)
        if beam is None:
            if not unseen:
                yield f"EPMD lists {name!r}, but no BEAM of this host has that name"
        elif port not in {at for _, at in beam.sockets}:
            yield f"EPMD lists {name!r} at port {port}, but that node does not listen there"
    if strange and unseen:
        names = ", ".join(map(repr, strange))
        raise CannotTell(f"EPMD lists {names}, but this user cannot see {unseen[0]}")


DISTRIBUTION_RULES = (
    Rule(
        id="ED-01", severity="critical", title="EPMD listens only on loopback and the cluster's addresses",
        judge=_epmd_place,
        reads="EPMD's own sockets in /proc/net/tcp and tcp6", groups=("nodes",), fix=_BIND,
        command="ERL_EPMD_ADDRESS=ADDRESS for EPMD, or one ListenStream= for each address in its socket unit",
        sources=(_EEF, "OTP, epmd(1)"),
    ),
    Rule(
        id="ED-02", severity="critical", title="the distribution listens only on the cluster's address",
        judge=_dist_place,
        reads="the node's own sockets in /proc/net/tcp and tcp6, at the port that EPMD or its arguments name",
        groups=("nodes",), fix=_BIND, command="-kernel inet_dist_use_interface '{10,0,0,1}' in vm.args",
        sources=(_EEF,),
    ),
    Rule(
        id="ED-03", severity="high", title="the distribution uses few ports, and known ones", judge=_range,
        reads="inet_dist_listen_min and _max in the arguments of each BEAM", groups=("nodes",),
        fix='cluster: {cookie: {env: SHOP_COOKIE}, ports: "9100-9109"}',
        command="-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9109 in vm.args",
        sources=("OTP kernel(6), inet_dist_listen_min",),
    ),
    Rule(
        id="ED-08", severity="high", title="EPMD does not run as root, and no other process can stop it",
        judge=_epmd_user,
        reads="user, arguments and environment of EPMD", groups=("nodes",),
        command="User= in EPMD's unit; unset ERL_EPMD_RELAXED_COMMAND_CHECK", sources=("OTP, epmd(1)",),
    ),
    Rule(
        id="ED-09", severity="medium", title="EPMD is a service of its own", judge=_epmd_unit,
        reads="the control groups of EPMD and of each BEAM", groups=("nodes",),
        command="systemctl enable --now epmd.socket; start nodes with -start_epmd false", sources=("OTP, epmd(1)",),
    ),
    Rule(
        id="ED-10", severity="high", title="EPMD lists the nodes that run here, where they listen", judge=_registered,
        reads="the names that EPMD lists, against the nodes' own sockets", groups=("nodes",),
        command="deployer verify site.yml -i inventory.yml; then restart the node that it names",
        sources=("OTP, The Distribution Protocol: EPMD",),
    ),
)  # fmt: skip
"""All of them."""

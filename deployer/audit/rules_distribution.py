"""Rules about EPMD and the distribution: where they listen, to whom they are open, and what they speak."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import timedelta

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process, modes
from deployer.audit.rule import Complaints, Rule, each
from deployer.beam.certificates import read_certificates
from deployer.firewall.shut import EPHEMERAL

_DIST = "OTP Reference Manual, Distributed Erlang"
_TLS_GUIDE = "OTP ssl User's Guide, Using TLS for Erlang Distribution"
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
        if found.is_unspecified:
            yield f"listens on every address, port {port}"
        elif (
            declared and not is_inner(place) and place not in declared and _is_address(own.cluster.bind if own else "")
        ):
            yield f"listens on {place}, port {port}; declared is {own.cluster.bind if own else ''}"


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _epmd_place(facts: Facts) -> Complaints:
    def judge(epmd: Process) -> Complaints:
        return _too_wide(facts, epmd.sockets)

    return each(facts.epmds, judge)


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
                    yield f"its distribution listens at whichever port the kernel gives it, {port} now"
        elif int(last or 0) - int(first or 0) >= 10:
            yield f"its distribution has {int(last or 0) - int(first or 0) + 1} ports to choose from; ten are enough"

    return each(facts.beams, judge)


def _outer(facts: Facts, beam: Process) -> bool:
    return any(not is_inner(place) for place, _ in facts.dist_ports(beam))


def _tls(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        if not _outer(facts, beam):
            raise NotApplicable(f"{beam.name} is reached from this host alone")
        if not (beam.flag("-proto_dist") or "").endswith("_tls"):
            yield "its distribution leaves the host without TLS: whoever listens on the way reads and may alter it"

    return each(facts.beams, judge)


def _tls_only(beam: Process) -> None:
    if not (beam.flag("-proto_dist") or "").endswith("_tls"):
        raise NotApplicable(f"{beam.name} speaks no TLS to other nodes")


def _tls_verify(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        _tls_only(beam)
        said = beam.read("tls", "its options of TLS")
        for side, wanted in (
            ("server", "{fail_if_no_peer_cert,true}"),
            ("server", "{verify,verify_peer}"),
            ("client", "{verify,verify_peer}"),
        ):
            part = said.partition(f"{{{side},[")[2]
            other = "{client,[" if side == "server" else "{server,["
            if wanted not in part.partition(other)[0]:
                yield f"its {side} side lacks {wanted}"

    return each(facts.beams, judge)


def _tls_keys(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        _tls_only(beam)
        pems = beam.read("tls_pem", "its certificates")
        authorities = {
            block.splitlines()[0]
            for block in pems.split("file ")
            if block.strip() and "ca" in block.splitlines()[0].rpartition("/")[2]
        }
        for mode, owner, _, path in modes(beam.read("tls_at", "the files of its TLS")):
            if path not in authorities and (mode & 0o027 or owner not in ("root", beam.user)):
                yield f"{path} is {mode:04o} of {owner}; a private key is 0640 at most, of root or {beam.user}"

    return each(facts.beams, judge)


def _tls_end(facts: Facts) -> Complaints:
    now = int(facts.machine("now", "the host's clock"))

    def judge(beam: Process) -> Complaints:
        _tls_only(beam)
        seen = False
        for block in beam.read("tls_pem", "its certificates").split("file "):
            path, _, pem = block.partition("\n")
            for certificate in read_certificates(pem):
                seen = True
                left = timedelta(seconds=certificate.not_valid_after_utc.timestamp() - now)
                if left < timedelta(days=30):
                    when = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
                    yield (
                        f"a certificate of {path} ends on {when}"
                        if left > timedelta()
                        else f"a certificate of {path} ended on {when}"
                    )
        if not seen:
            raise CannotTell(f"{beam.name}: no certificate of it can be read by this user")

    return each(facts.beams, judge)


def _epmd_user(facts: Facts) -> Complaints:
    def judge(epmd: Process) -> Complaints:
        if epmd.uid == "0":
            yield "EPMD runs as root"
        if "-relaxed_command_check" in epmd.argv or "ERL_EPMD_RELAXED_COMMAND_CHECK" in epmd.environ:
            yield "any process of the host may unregister nodes and end EPMD (relaxed command check)"

    return each(facts.epmds, judge)


def _epmd_unit(facts: Facts) -> Complaints:
    nodes = {beam.unit for beam in facts.beams if beam.unit}

    def judge(epmd: Process) -> Complaints:
        if not epmd.unit:
            yield "EPMD belongs to no service of systemd: nobody starts it again"
        elif epmd.unit in nodes:
            yield f"EPMD belongs to {epmd.unit}: it ends with that node, and nobody finds the host's other nodes"

    return each(facts.epmds, judge)


def _registered(facts: Facts) -> Complaints:
    places = {beam.name.partition("@")[0]: beam for beam in facts.beams if beam.alive}
    told = facts.told
    if not told:
        raise NotApplicable("EPMD lists no node")
    for name, port in told.items():
        beam = places.get(name)
        if beam is None:
            yield f"EPMD lists {name!r}, and no BEAM of this host has that name"
        elif port not in {at for _, at in beam.sockets}:
            yield f"EPMD lists {name!r} at port {port}, and that node does not listen there"


DISTRIBUTION_RULES = (
    Rule(
        id="ED-01", severity="critical", title="EPMD listens on loopback and the cluster's addresses alone",
        judge=_epmd_place,
        reads="EPMD's own sockets in /proc/net/tcp and tcp6", groups=("nodes",), fix=_BIND,
        command="ERL_EPMD_ADDRESS=ADDRESS for EPMD, or one ListenStream= for each address in its socket unit",
        sources=(_EEF, "OTP, epmd(1)"),
    ),
    Rule(
        id="ED-02", severity="critical", title="the distribution listens on the cluster's address alone",
        judge=_dist_place,
        reads="the node's own sockets in /proc/net/tcp and tcp6, at the port that EPMD or its arguments tell",
        groups=("nodes",), fix=_BIND, command="-kernel inet_dist_use_interface '{10,0,0,1}' in vm.args",
        sources=(_EEF,),
    ),
    Rule(
        id="ED-03", severity="high", title="the distribution has few ports, and known ones", judge=_range,
        reads="inet_dist_listen_min and _max in the arguments of each BEAM", groups=("nodes",),
        fix='cluster: {cookie: {env: SHOP_COOKIE}, ports: "9100-9109"}',
        sources=("OTP kernel(6), inet_dist_listen_min",),
    ),
    Rule(
        id="ED-04", severity="high", title="the distribution leaves the host over TLS", judge=_tls,
        reads="-proto_dist of each BEAM, and whether its distribution listens on more than loopback", groups=("nodes",),
        fix="cluster: {tls: true, pki: {passphrase: {env: SHOP_PKI}}}", sources=(_TLS_GUIDE, _DIST),
    ),
    Rule(
        id="ED-05", severity="high", title="both sides of TLS ask for a certificate and check it", judge=_tls_verify,
        reads="the file that -ssl_dist_optfile names", groups=("nodes",), sources=(_TLS_GUIDE, "CVE-2026-48860"),
        fix="cluster: {tls: true, pki: {passphrase: {env: SHOP_PKI}}}",
    ),
    Rule(
        id="ED-06", severity="high", title="private keys of TLS are for root and the node", judge=_tls_keys,
        reads="mode and owner of the files that -ssl_dist_optfile names", groups=("nodes",),
        command="chmod 0400 FILE; chown USER FILE", sources=(_TLS_GUIDE,), others={"CIS": "5.1.2 by analogy"},
    ),
    Rule(
        id="ED-07", severity="high", title="no certificate of TLS ends within 30 days", judge=_tls_end,
        reads="the certificates that -ssl_dist_optfile names, by the host's clock", groups=("nodes", "machine"),
        command="deployer deploy site.yml -i inventory.yml (it renews them)", sources=(_TLS_GUIDE,),
        others={"Lynis": "CRYP-7902"},
    ),
    Rule(
        id="ED-08", severity="high", title="EPMD runs as a user of its own, and obeys nobody else", judge=_epmd_user,
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
        command="deployer verify site.yml -i inventory.yml; then restart the node that is wrong",
        sources=("OTP, The Distribution Protocol: EPMD",),
    ),
)  # fmt: skip
"""All of them."""

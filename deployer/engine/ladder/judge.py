"""The judges of the ladder: each decides from one round of readings whether one rung passes. Pure.

They are used in the table of `deployer.engine.ladder.rung`. A judge returns None when there is nothing to report, and a
judgement with ``ok`` None when its rung cannot be checked: it has neither passed nor failed.
"""

from __future__ import annotations

from dataclasses import replace

from deployer.beam.epmd import Registration, epmd_fault
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.reading import Judgement, NodeReading
from deployer.engine.ladder.target import Target


def host_reachable(target: Target, reading: NodeReading) -> Judgement:
    """Whether the host could be read at all."""
    return Judgement(ok=not reading.lost, detail=reading.lost or target.host, advice=reading.remedy)


def _wrong(detail: str, advice: str = "", missing: tuple[str, ...] = ()) -> Judgement:
    return Judgement(ok=False, detail=detail, advice=advice, missing=missing)


def unit_active(target: Target, reading: NodeReading) -> Judgement:
    """Whether the unit is active for systemd."""
    unit, name = reading.unit, target.unit
    log = f"journalctl -u {name} on the host"
    if unit is None:
        return _wrong("the host was not read")
    if unit.load == "masked":
        return _wrong(f"{name} is masked: nothing can start it", f"systemctl unmask {name}, then deploy again")
    if not unit.loaded:
        if target.foreign:
            there = "systemctl list-units --type=service shows what there is"
            advice = f"nodes.service is a unit that deployer does not install: install it, or correct the name; {there}"
            return _wrong(f"{name} does not exist on this host", advice)
        return _wrong(f"{name} does not exist", "deploy the node role to this host")
    if unit.active == "active":
        return Judgement(ok=True, detail=f"{name} active, {unit.restarts} restarts")
    state = f"{name} is {unit.active} ({unit.sub}), {unit.restarts} restarts, last result {unit.result or 'none'}"
    if unit.active == "activating" and (unit.restarts or unit.sub == "auto-restart"):
        return _wrong(f"{state}: a crash loop", log)
    if unit.active == "failed":
        again = f"fix the cause, then: systemctl reset-failed {name} && systemctl start {name}"
        return _wrong(f"{state}: systemd has given up", f"{again}; {log}" if target.release_dir else log)
    if unit.active == "activating":
        since = f" for {unit.since:.0f} s" if unit.since else ""
        slow = f"wait, or find out what it waits for: {log}; unit.TimeoutStartSec is how long it may take"
        return _wrong(f"{state}: it is still starting{since}, not all of its applications run", slow)
    if unit.active == "inactive":
        return _wrong(
            f"{state}: it was stopped, or never started", f"systemctl start {name}; to see who stopped it: {log}"
        )
    return _wrong(state, log)


def runs_release(target: Target, reading: NodeReading) -> Judgement:
    """Whether the declared release runs, and its files still exist."""
    unit = reading.unit
    if unit is None or not unit.pid:
        look = f"systemctl cat {target.unit} shows the program that it starts, and drop-ins"
        what = f"{target.unit} runs {unit.main}, not an Erlang node" if unit and unit.main else "no process"
        return _wrong(what, look)
    process = f"process {unit.pid}"
    if unit.state == "T":
        thaw = f"kill -CONT {unit.pid}, and find out who sent it a SIGSTOP (a debugger, a checkpoint, a person)"
        return _wrong(f"{process} is stopped by a signal: it is alive, but does nothing", thaw)
    if not unit.exe:
        return Judgement(None, f"only root can see what {process} runs")
    if target.release_dir and unit.release_dir != target.release_dir:
        advice = f"deployer deploy switches to it; if this host has switched already: systemctl restart {target.unit}"
        return _wrong(f"{process} runs {unit.release_dir}, not {target.release_dir}", advice)
    restart = f"systemctl restart {target.unit}, or deploy again"
    if unit.deleted:
        gone = f"{process} runs a program that was deleted or replaced on the disk: {unit.exe}"
        return _wrong(gone, f"{restart}; until then it may load files of another release")
    return Judgement(ok=True, detail=f"{process} runs {unit.release_dir}")


def epmd_answers(target: Target, reading: NodeReading) -> Judgement:
    """Whether EPMD answers at the declared address and port."""
    if target.epmd_port is None:
        return Judgement(None, "cluster.epmd is false, so there is no EPMD to ask")
    port, where = target.epmd_port, target.at(target.epmd_port)
    if not isinstance(reading.epmd, str):
        return Judgement(ok=True, detail=where)
    unit = target.epmd_unit or "the epmd unit"
    if others := _elsewhere(target, reading, port):
        advice = f"EPMD must listen on the declared address {target.address} (cluster.bind): a deploy sets it"
        return _wrong(f"{where}: {reading.epmd}; it is open on {others} only", advice)
    if reading.unit and reading.unit.listeners(port) == ():
        fault = epmd_fault(target.erts)
        advice = f"systemctl start {unit}; systemctl status {unit} shows why it ended{fault and f'; {fault}'}"
        return _wrong(f"{where}: {reading.epmd}; nothing listens on port {port}", advice)
    advice = f"check that this host has the declared address, and who has the port: ss -ltnp 'sport = :{port}'"
    return _wrong(f"{where}: {reading.epmd}", f"{advice}; if it is EPMD: systemctl restart {unit}")


def _elsewhere(target: Target, reading: NodeReading, port: int) -> str:
    """Return the addresses of an open port if the declared one is not among them; empty if it is, or none is known."""
    there = (reading.unit.listeners(port) if reading.unit else None) or ()
    fine = {target.address, "0.0.0.0", "::"} & set(there)  # noqa: S104 - compared, not bound
    return "" if fine else ", ".join(there)


def name_registered(target: Target, reading: NodeReading) -> Judgement:
    """Whether EPMD knows the node, with a port that is the node's own."""
    if target.epmd_port is None:
        return _fixed_port(target, reading)
    found, unit, name = reading.epmd, reading.unit, target.node.name
    restart = f"systemctl restart {target.unit}"
    if not isinstance(found, Registration):
        alive = f"process {unit.pid} is alive but " if unit and unit.pid else ""
        advice = f"the node started under another name, or did not come back after EPMD was restarted: {restart}"
        return _wrong(f"{alive}{name} is not registered; EPMD has {reading.listed or 'nothing'}", advice)
    low, high = target.ports
    if not low <= found.port <= high:
        wrong = f"{name} is registered at port {found.port}, outside of {low}-{high}"
        return _wrong(wrong, f"the running node has another inet_dist_listen_min or _max: deploy, or {restart}")
    if unit and unit.ports is None:
        return Judgement(ok=True, detail=f"port {found.port} (only root can see its owner)")
    if unit and unit.ports is not None and found.port not in unit.ports:
        wrong = f"{name} is registered at port {found.port}, which {target.unit} does not listen on"
        find = f"ss -ltnp 'sport = :{found.port}' and ss -tnp 'dport = :{target.epmd_port}'"
        return _wrong(
            wrong, f"another process has registered the name in EPMD: find it with {find}; stop it, then {restart}"
        )
    return Judgement(ok=True, detail=f"port {found.port}")


def _fixed_port(target: Target, reading: NodeReading) -> Judgement:
    """Whether the node listens on its fixed port: without EPMD no name is registered, and members use this port."""
    port, unit = target.ports[0], reading.unit
    if unit and unit.ports is not None and port not in unit.ports:
        wrong = f"{target.unit} does not listen on port {port}, where without EPMD every member looks for it"
        return _wrong(wrong, f"the running node has another -erl_epmd_port: deploy; ss -ltnp 'sport = :{port}'")
    return Judgement(ok=True, detail=f"port {port}, fixed: without EPMD no name is registered")


def reachable(target: Target, reading: NodeReading) -> Judgement:
    """Whether members reach the node, and the outside reaches the public ports."""
    bad = {host: why for host, why in reading.reach.items() if why}
    shut_out = tuple(sorted(bad))
    count = len(reading.reach)
    left_out = "; ".join(f"not tried from {host}: {why}" for host, why in sorted(reading.untried.items()))
    shut = "; ".join(f"public, from {host}: {why}" for host, why in sorted(reading.outside.items()) if why)
    if not bad and shut and reading.walls:
        return _walled(shut, reading)
    if not count and left_out:
        return Judgement(None, left_out)
    if not bad:
        detail = f"from {count} other host{'s' if count != 1 else ''}" if count else "no other host"
        public = f"{shut}: no known table on this host drops it, so check the network between the two" if shut else ""
        if reading.outside and not shut:
            public = f"public ports from {', '.join(sorted(reading.outside))}"
        return Judgement(ok=True, detail="; ".join(word for word in (detail, public, left_out) if word))
    wrong = "; ".join(f"from {host}: {why}" for host, why in sorted(bad.items()))
    port = reading.epmd.port if isinstance(reading.epmd, Registration) else target.ports[0]
    if others := _elsewhere(target, reading, port):
        advice = f"the running node's inet_dist_use_interface is not {target.address}: systemctl restart {target.unit}"
        return _wrong(f"{wrong}; the node listens on {others} only", advice, shut_out)
    if reading.walls:
        return replace(_walled(wrong, reading), missing=shut_out)
    advice = "the firewall of this host, or the network between them, drops cluster members: nft list ruleset"
    if len(bad) < count:
        advice += f"; other hosts reach it, so check also the outgoing rules of {', '.join(sorted(bad))}"
    return _wrong(wrong, advice, shut_out)


def _walled(wrong: str, reading: NodeReading) -> Judgement:
    """Return the judgement when a firewall table that deployer did not write is the cause."""
    advice = f"a firewall table of this host that deployer did not write drops it: {reading.wall_advice}"
    return _wrong(f"{wrong}; {'; '.join(reading.walls)}", advice)


def cookie_accepted(target: Target, reading: NodeReading) -> Judgement:
    """Whether the node has the declared cookie; in the handshake both sides prove that they know it."""
    if target.cookie is None:
        return Judgement(None, "no cookie is declared")
    if reading.dist is None:
        return Judgement(None, "the node was not asked")
    if reading.dist.outcome is not Outcome.ACCEPTED:
        return _wrong(reading.dist.detail, reading.dist.advice)
    return Judgement(ok=True, detail="both sides proved it")


def versions_match(target: Target, reading: NodeReading) -> Judgement | None:
    """Whether release, OTP and applications are the declared ones."""
    unit, dist = reading.unit, reading.dist
    version = (dist.version if dist else None) or (unit.version if unit else None)
    if target.version and version and version != target.version:
        return _wrong(f"runs version {version}, declared is {target.version}", "deploy again")
    otp = dist.otp if dist else None
    if target.otp and otp and otp != target.otp:
        built = f"runs OTP {otp}, the release was built for OTP {target.otp}"
        return _wrong(built, "files of two releases are mixed in one directory: deploy again")
    restart = f"the running node was changed by hand or by a hot upgrade: systemctl restart {target.unit}"
    running = dist.applications if dist else None
    if running is not None and target.applications:
        other = [
            f"{name} {running[name]} runs, the release has {wanted}"
            for name, wanted in sorted(target.applications.items())
            if running.get(name, wanted) != wanted
        ]
        if other:
            return _wrong("; ".join(other[:5]), restart)
        main = target.release_name
        if main in target.applications and main not in running:
            return _wrong(f"the application {main} does not run, although the node does", restart)
    known = [f"{target.release_name} {version}" if version else "", f"OTP {otp}" if otp else ""]
    return Judgement(ok=True, detail=", ".join(word for word in known if word) or "not declared")


def health_holds(target: Target, reading: NodeReading) -> Judgement | None:
    """Whether the declared health check passes; None when there was none."""
    if reading.health is None:
        return None
    if reading.health:
        return _wrong(reading.health, f"journalctl -u {target.unit} on the host")
    age = reading.unit.age if reading.unit else None
    return Judgement(ok=True, detail=f"{target.health_words}, up for {age:.0f} s" if age else target.health_words)

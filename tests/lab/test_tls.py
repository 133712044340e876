"""TLS distribution from an untouched host on: made, climbed, renewed, broken and mended; and who is not let in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Ssh
from fleet import Fleet, Ran, disk, fleet_of, untouched
from sick import HEALTH, KEEP, PATIENT, ROGUE, VM_ARGS, Sick, expect, rounds
from wrong_states import TLS

from deployer.beam.authority import Authority
from deployer.beam.certificates import Identity, first, judge
from deployer.fleet.pki import Kept
from deployer.lab import Lab, LabHost
from deployer.model import Secret

PASSPHRASE = "CANARY-q8ZbR2vTn5LxK7mWc4Yd9Ps3"
PEM, COPY, CA = "/etc/beam/demo/private/demo.pem", "/run/beam/demo/node.pem", "/etc/beam/demo/ca.pem"
NOW = datetime.now(UTC)
FOREIGN = Authority.make("demo", NOW)


@dataclass
class Made:
    """A fleet over TLS that came from untouched hosts, and what was said on the way."""

    fleet: Fleet
    refused: Ran
    disk_before_init: bool
    init: Ran
    deploy: Ran

    @property
    def file(self) -> Path:
        return self.fleet.directory / "pki/demo/authority.pem"

    def authority(self) -> Authority:
        return Kept("demo", self.file.parent, Secret(PASSPHRASE), 90, 30).authority(NOW)


def declared(lab: Lab, tarball: Path, directory: Path) -> Fleet:
    nodes = [{"name": "demo", "vm_args": VM_ARGS}]
    fleet = fleet_of(directory, untouched(lab, 3), tarball, nodes=nodes)
    fleet.words["cluster"] |= {"tls": True, "pki": {"passphrase": {"env": "PKI"}}}
    fleet.environ["PKI"] = PASSPHRASE
    return fleet


@pytest.fixture(scope="module")
def made(lab: Lab, demo_release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Made:
    fleet = declared(lab, demo_release("0.1.0"), tmp_path_factory.mktemp("tls"))
    refused = fleet.run("deploy")
    there = (fleet.directory / "pki").exists()
    return Made(fleet, refused, there, fleet.show("tls init"), fleet.run("deploy"))


@pytest.fixture(scope="module")
def sick(made: Made, ssh: Ssh) -> Sick:
    ours = made.authority()
    for host in made.fleet.hosts:
        assert ssh(host, KEEP, stdin=ROGUE.read_bytes())[0] == 0
        assert ssh(host, f"cp -p {PEM} {CA} /root/kept/")[0] == 0
        laid = {
            "foreign": bundle(FOREIGN.issue(host.address, 90, NOW)),
            "expired": bundle(ours.issue(host.address, 9, NOW - timedelta(days=10))),
            "other": bundle(ours.issue("10.0.0.99", 90, NOW)),
            "foreign-ca": FOREIGN.pem.encode(),
        }
        for name, text in laid.items():
            assert ssh(host, f"cat >/root/kept/{name}.pem", stdin=text)[0] == 0
    made.fleet.words["health"] = HEALTH
    return Sick(made.fleet, ssh, TLS)


def bundle(identity: Identity) -> bytes:
    return (identity.key.reveal() + identity.chain).encode()


def put(ssh: Ssh, host: LabHost, identity: Identity, *places: str) -> None:
    """Replace a certificate as a person with a shell would."""
    for place in places:
        text = f"cat >{place}.x && chmod 0400 {place}.x && chown --reference={place} {place}.x && mv {place}.x {place}"
        assert ssh(host, text, stdin=bundle(identity)) == (0, "")


def pid(ssh: Ssh, host: LabHost) -> str:
    return ssh(host, "systemctl show -p MainPID --value demo")[1].strip()


def rpc(ssh: Ssh, host: LabHost, code: str) -> str:
    code, said = ssh(host, 'demo-ctl rpc "$(cat)"', stdin=code.encode())
    assert code == 0, said
    return said.strip()


def presented(ssh: Ssh, host: LabHost, asker: LabHost) -> str:
    """The certificate that a node shows to another BEAM that connects: PEM."""
    files = f'certfile: ~c"{COPY}", keyfile: ~c"{COPY}", verify: :verify_none, versions: [:"tlsv1.3"]'
    body = rpc(
        ssh,
        asker,
        f"""{{:ok, s}} = :ssl.connect(~c"{host.address}", 9100, [{files}], 5000)
        {{:ok, der}} = :ssl.peercert(s)
        IO.puts(:public_key.pem_encode([{{:Certificate, der, :not_encrypted}}]))""",
    )
    return body + "\n"


def test_from_an_untouched_host_to_a_mesh_over_tls(made: Made, ssh: Ssh) -> None:
    assert made.refused.code == 3
    assert "deployer tls init" in made.refused.err
    assert not made.disk_before_init
    assert (made.init.code, made.init.out.partition(":")[0]) == (0, "made"), made.init.err
    assert (oct(made.file.stat().st_mode), "ENCRYPTED" in made.file.read_text()) == ("0o100600", True)
    assert made.deploy.code == 0, made.deploy.out
    for host in made.fleet.hosts:
        assert made.deploy.rungs(host) == dict.fromkeys(range(1, 11), True)
        assert ssh(host, f"stat -c '%a %U' {PEM} {COPY}")[1] == "400 root\n400 demo\n"
        assert rpc(ssh, host, "IO.inspect(length(Node.list()))") == "2"
        assert "-proto_dist inet_tls" in ssh(host, f"tr '\\0' ' ' </proc/{pid(ssh, host)}/cmdline")[1]
    again, before = made.fleet.run("deploy"), made.file.read_bytes()
    assert (again.code, again.of("StepDone")) == (0, [])
    assert (made.fleet.run("audit").code, made.fleet.show("tls init").out[:16]) == (0, "is there already")
    assert made.file.read_bytes() == before


def test_no_key_and_no_passphrase_is_said_or_left_anywhere(made: Made, ssh: Ssh) -> None:
    host = made.fleet.hosts[0]
    lines = ssh(host, f"cat {PEM}")[1].partition("-----END PRIVATE")[0].splitlines()[1:]
    assert len(lines) >= 2
    said = "".join(ran.out + ran.err for ran in (made.refused, made.init, made.deploy))
    for show in ("plan", "render"):
        ran = made.fleet.show(show, *(("--host", host.name) if show == "render" else ("--diff", "-vvv")))
        assert ran.code == 0, ran.err
        said += ran.out + ran.err
    assert PASSPHRASE not in said + made.file.read_text()
    assert not any(line in said for line in lines)
    look = "grep -rlFf - /etc /run /var /opt /tmp /usr/local /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"
    found = ssh(host, look, stdin=lines[0].encode())[1]
    places = {path for path in found.split() if not path.startswith("/run/credentials")}
    assert places == {PEM, COPY}


def test_one_that_ends_soon_is_renewed_and_no_node_restarts(
    made: Made, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    host, asker, _ = made.fleet.hosts
    before, ours = pid(ssh, host), made.authority()
    put(ssh, host, ours.issue(host.address, 90, NOW - timedelta(days=78, hours=1)), PEM, COPY)
    audit = made.fleet.run("audit")
    assert (audit.code, audit.planned(host)) == (2, ["certificate => demo"])
    (task,) = audit.of("TaskPlanned", host=host.name, verdict="change")
    assert [(each["before"], each["after"]) for each in task["changes"]] == [("expires in 11 days", "90 days")]
    ran = made.fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert ran.rungs(host) == dict.fromkeys(range(1, 11), True)
    assert pid(ssh, host) == before
    assert ssh(host, f"cmp {PEM} {COPY}") == (0, "")
    assert made.fleet.run("audit").code == 0
    # OTP reads it again for new connections, at the latest two minutes after it has read it last.
    new = first(ssh(host, f"cat {PEM}")[1].partition("KEY-----\n")[2].partition("KEY-----\n")[2])
    eventually(lambda: first(presented(ssh, host, asker)) == new, deadline=150)


ASK = """
options = [versions: [:"tlsv1.3"], verify: :verify_none, active: true%s]
said = with {:ok, _} <- :ssl.connect(~c"%s", 9100, options, 15000) do
  receive do any -> any after 15000 -> :nothing end
end
IO.inspect(said)
"""
PLAIN = """
{:ok, s} = :gen_tcp.connect(~c"%s", 9100, [:binary, active: false])
:ok = :gen_tcp.send(s, <<24::16, "N", 0x407DF4B16::64, 7::32, 9::16, "x@1.2.3.4">>)
IO.inspect({:gen_tcp.recv(s, 0, 9000), :gen_tcp.recv(s, 0, 9000)})
"""


@pytest.mark.parametrize(
    ("who", "alert"),
    [("nobody", "certificate required"), ("foreign", "unknown ca"), ("expired", "certificate expired")],
)
def test_a_peer_that_is_not_of_the_cluster_is_refused_by_the_node(
    made: Made, ssh: Ssh, eventually: Callable[..., None], who: str, alert: str
) -> None:
    host, asker, _ = made.fleet.hosts
    place, files = f"/var/lib/beam/demo/{who}.pem", ""
    shown = {
        "foreign": FOREIGN.issue(asker.address, 90, NOW),
        "expired": made.authority().issue(asker.address, 9, NOW - timedelta(days=10)),
    }
    if who in shown:
        assert ssh(asker, f"cat >{place}; chown demo {place}", stdin=bundle(shown[who])) == (0, "")
        files = f', certfile: ~c"{place}", keyfile: ~c"{place}"'
    # The cursor has to be one of the unit's own entries: after another one journalctl 252 leaves out the unit's next.
    since = ssh(host, "journalctl -u demo -n 0 --show-cursor")[1].split("cursor: ")[1].strip()
    said = rpc(ssh, asker, ASK % (files, host.address))
    # With TLS 1.3 a client may send before it is refused: then a reset can be quicker than the alert.
    assert any(word in said for word in (":ssl_closed", ":closed", "tls_alert", ":econnreset")), said
    look = f"journalctl --sync; journalctl -u demo -o cat --after-cursor='{since}'"
    eventually(lambda: "SERVER ALERT" in ssh(host, look)[1])
    log = ssh(host, look)[1]
    assert alert in log.lower(), f"the peer was told {said}, and the node logged: {log}"


def test_a_peer_that_speaks_plain_text_is_answered_by_an_alert_and_no_more(made: Made, ssh: Ssh) -> None:
    host, asker, _ = made.fleet.hosts
    assert rpc(ssh, asker, PLAIN % host.address) == "{{:ok, <<21, 3, 3, 0, 2, 2, 10>>}, {:error, :closed}}"


@pytest.mark.parametrize("name", TLS)
def test_a_wrong_state_of_tls_is_named_by_its_cause_and_the_next_step(sick: Sick, name: str) -> None:
    wrong, bad = TLS[name], sick.judge(name)
    assert bad is not None, "nothing failed"
    place = sick.place(name, next(names for names in rounds(TLS) if name in names).index(name))
    assert bad["rung"] == wrong.rung, bad
    assert expect(wrong.says, sick.fleet, place).search(bad["detail"]), bad
    assert expect(wrong.advice, sick.fleet, place).search(bad["advice"]), bad
    assert sick.afterwards[name] == {}, "the fleet did not become well again"


def test_nodes_over_tls_where_plain_text_is_declared_are_told(sick: Sick) -> None:
    plain = {key: value for key, value in sick.fleet.words["cluster"].items() if key not in ("tls", "pki")}
    bad = sick.verify(cluster=plain).bad_rungs()
    assert len(bad) == 3
    for each in bad.values():
        assert (each["rung"], "the port demands TLS" in each["detail"]) == (7, True), each


def test_what_is_of_no_use_is_found_by_an_audit_and_mended_by_a_deploy(sick: Sick, ssh: Ssh) -> None:
    one, two, three = sick.fleet.hosts
    for host, name in ((two, "foreign"), (three, "expired")):
        sick.run_on(host, f"shows {name}")
    audit = sick.fleet.run("audit")
    assert audit.code == 2
    assert {host.name: audit.planned(host) for host in (one, two, three)} == {
        one.name: [], two.name: ["certificate => demo", "nodes"], three.name: ["certificate => demo", "nodes"],
    }  # fmt: skip
    sick.fleet.words["health"] = PATIENT
    ran = sick.fleet.run("deploy")
    assert ran.code == 0, ran.out
    for host in (two, three):
        text = ssh(host, f"cat {PEM}")[1]
        assert judge(text[text.index("-----BEGIN CERT") :], ssh(host, f"cat {CA}")[1], host.address, NOW) is None
    assert sick.fleet.run("audit").code == 0


def pids(ssh: Ssh, fleet: Fleet) -> list[str]:
    return [pid(ssh, host) for host in fleet.hosts]


def give(fleet: Fleet, by: Authority, days: int = 90, now: datetime = NOW) -> None:
    """Lay certificates beside the inventory, as another authority's people would."""
    (fleet.directory / "ca.pem").write_text(by.pem)
    for host in fleet.hosts:
        made = by.issue(host.address, days, now)
        (fleet.directory / f"{host.name}.pem").write_text(made.chain)
        (fleet.directory / f"{host.name}.key").write_text(made.key.reveal())


def test_plain_nodes_become_tls_nodes_with_given_certificates_only_at_a_word(
    lab: Lab, demo_release: Callable[[str], Path], tmp_path: Path, ssh: Ssh
) -> None:
    fleet = declared(lab, demo_release("0.1.0"), tmp_path)
    del fleet.words["cluster"]["tls"], fleet.words["cluster"]["pki"]
    assert fleet.run("deploy").code == 0
    before, disks = pids(ssh, fleet), [disk(host) for host in fleet.hosts]
    name = "{{ inventory_hostname }}"
    given = {"ca": "ca.pem", "certificate": f"{name}.pem", "key": {"file": f"{name}.key"}}
    fleet.words["cluster"] |= {"tls": True, "pki": given}
    give(fleet, FOREIGN, days=9, now=NOW - timedelta(days=10))
    expired = fleet.run("deploy")
    assert (expired.code, "expired on" in expired.err) == (3, True), expired.err
    give(fleet, FOREIGN)
    for command in ("plan", "audit", "deploy"):
        ran = fleet.run(command)
        assert ran.code == 3, ran.out
        problem = ran.end(fleet.hosts[0])["problem"]
        assert "demo.service runs with inet_tcp, EPMD, long names; declared is inet_tls, EPMD, long names" in problem
        assert "-e restart_cluster=true" in problem
    assert (pids(ssh, fleet), [disk(host) for host in fleet.hosts]) == (before, disks)

    ran = fleet.run("deploy", "-e", "restart_cluster=true")
    assert ran.code == 0, ran.out
    for host in fleet.hosts:
        assert ran.rungs(host) == dict.fromkeys(range(1, 11), True)
        assert ssh(host, f"cat {PEM}")[1].endswith((fleet.directory / f"{host.name}.pem").read_text())
    again = fleet.run("deploy", "-e", "restart_cluster=true")
    assert (again.code, again.of("StepDone")) == (0, [])

    before = pids(ssh, fleet)
    give(fleet, FOREIGN)
    renewed = fleet.run("deploy")
    assert renewed.code == 0, renewed.out
    assert {tuple(renewed.planned(host)) for host in fleet.hosts} == {("certificate => demo",)}
    assert pids(ssh, fleet) == before

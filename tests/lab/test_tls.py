"""TLS distribution from an untouched host on: made, climbed, renewed, broken and fixed; and who is not let in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.beam.certificates import first, judge_certificate
from deployer.beam.cookie import generate
from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab
from tests.lab.conftest import Ssh
from tests.lab.sick import HEALTH, KEEP, PATIENT, ROGUE, Sick, expect, rounds
from tests.lab.tls_kit import (
    ASK,
    CA,
    COPY,
    FOREIGN,
    NOW,
    PASSPHRASE,
    PEM,
    PLAIN,
    Made,
    bundle,
    declared,
    pid,
    pids,
    presented,
    put,
    rpc,
)
from tests.lab.window_kit import Window, a_display
from tests.lab.wrong_states import TLS


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


def test_from_an_untouched_host_to_a_mesh_over_tls(made: Made, ssh: Ssh) -> None:
    assert made.refused.code == 3
    assert "deployer tls init" in made.refused.err
    assert not made.disk_before_init
    assert (made.init.code, made.init.out.partition(":")[0]) == (0, "made"), made.init.err
    assert (oct(made.file.stat().st_mode), "ENCRYPTED" in made.file.read_text()) == ("0o100600", True)
    assert made.deploy.code == 0, made.deploy.out
    for host in made.fleet.hosts:
        assert made.deploy.rungs(host) == dict.fromkeys(Rung, True)
        assert ssh(host, f"stat -c '%a %U' {PEM} {COPY}")[1] == "400 root\n400 demo\n"
        assert rpc(ssh, host, "IO.inspect(length(Node.list()))") == "2"
        assert "-proto_dist inet_tls" in ssh(host, f"tr '\\0' ' ' </proc/{pid(ssh, host)}/cmdline")[1]
    again, before = made.fleet.run("deploy"), made.file.read_bytes()
    assert (again.code, again.of("StepDone")) == (0, [])
    assert (made.fleet.run("audit").code, made.fleet.show("tls init").out[:16]) == (0, "is there already")
    assert made.file.read_bytes() == before


def test_an_observer_of_this_machine_is_let_in_and_keeps_no_key(
    made: Made, ssh: Ssh, eventually: Callable[..., None], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    window, (host, *_) = Window(made.fleet), made.fleet.hosts
    with a_display(tmp_path_factory.mktemp("display")) as display:
        environ = {**made.fleet.environment(), "DISPLAY": display.name, "TMPDIR": str(tmp_path)}
        with subprocess.Popen(window.argv("observe", "web1"), env=environ, cwd=made.fleet.directory) as observer:
            try:
                title = f'"Observer - {window.node("web1")}"'
                eventually(lambda: title in display.windows or observer.poll() is not None, deadline=90)
                assert "deployer-observe-" in rpc(ssh, host, "IO.inspect(:erlang.nodes(:hidden))")
                assert list(tmp_path.rglob("*.pem")) == []
            finally:
                observer.terminate()
            assert observer.wait(60) == 130
    assert list(tmp_path.iterdir()) == []


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
    assert ran.rungs(host) == dict.fromkeys(Rung, True)
    assert pid(ssh, host) == before
    assert ssh(host, f"cmp {PEM} {COPY}") == (0, "")
    assert made.fleet.run("audit").code == 0
    # OTP reads it again for new connections, as soon as it has looked whether the file is another one.
    new = first(ssh(host, f"cat {PEM}")[1].partition("KEY-----\n")[2].partition("KEY-----\n")[2])
    eventually(lambda: first(presented(ssh, host, asker)) == new, deadline=90)


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


def test_a_new_cookie_goes_round_a_live_cluster_over_tls(made: Made, ssh: Ssh) -> None:
    fleet, place = made.fleet, made.fleet.directory / "cookie"
    lives, old, new = pids(ssh, fleet), place.read_text(), generate()
    place.write_text(new)
    refused = fleet.run("deploy")
    assert (refused.code, "deployer cookie rotate" in refused.end(fleet.hosts[0])["problem"]) == (3, True)
    ran = fleet.run("cookie rotate")
    assert (ran.code, ran.err) == (0, "")
    assert pids(ssh, fleet) == lives
    for host in fleet.hosts:
        assert ran.rungs(host) == dict.fromkeys(Rung, True)
        assert rpc(ssh, host, "IO.puts(:erlang.get_cookie())") == new
        assert rpc(ssh, host, "IO.inspect(length(Node.list()))") == "2"
    assert not [text for text in (old, new) if text in ran.out]
    again = fleet.run("cookie rotate")
    assert (again.code, again.of("StepDone"), fleet.run("audit").code) == (0, [], 0)


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
    sick.fleet.words["health"] = PATIENT
    assert sick.fleet.run("deploy").code == 0, "what earlier states have put in the place of links is put right"
    for host, name in ((two, "foreign"), (three, "expired")):
        sick.run_on(host, f"shows {name}")
    audit = sick.fleet.run("audit")
    assert audit.code == 2
    assert {host.name: audit.planned(host) for host in (one, two, three)} == {
        one.name: [], two.name: ["certificate => demo", "nodes"], three.name: ["certificate => demo", "nodes"],
    }  # fmt: skip
    ran = sick.fleet.run("deploy")
    assert ran.code == 0, ran.out
    for host in (two, three):
        text = ssh(host, f"cat {PEM}")[1]
        assert (
            judge_certificate(text[text.index("-----BEGIN CERT") :], ssh(host, f"cat {CA}")[1], host.address, NOW)
            is None
        )
    assert sick.fleet.run("audit").code == 0


def test_an_authority_stays_when_the_release_goes_back(
    made: Made, demo_release: Callable[[str], Path], ssh: Ssh
) -> None:
    fleet = made.fleet
    good = ssh(fleet.hosts[0], "readlink -f /opt/demo/current")
    made.file.unlink()
    assert fleet.show("tls init").code == 0
    fleet.words["release"] = {"name": "demo", "tarball": str(demo_release("0.2.0"))}
    assert fleet.run("deploy").code == 0
    back = fleet.run("rollback")
    assert back.code == 0, back.out
    for host in fleet.hosts:
        assert ssh(host, "readlink -f /opt/demo/current") == good
        assert back.rungs(host) == dict.fromkeys(Rung, True)
        assert ssh(host, f"cat {CA}")[1] == made.authority().pem
    fleet.words["release"] = {"name": "demo", "tarball": str(demo_release("0.1.0"))}
    assert fleet.run("audit").code == 0

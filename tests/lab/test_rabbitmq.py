"""An application that this project did not write: Debian's rabbitmq-server, as its package leaves it, is verified."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab, LabHost
from tests.lab.conftest import Ssh
from tests.lab.debs import installed
from tests.lab.fleet import PROGRAM, Fleet

LOOK = "systemctl show -p MainPID,NRestarts rabbitmq-server epmd; find /etc /lib/systemd -type f -newer /root/debs"
FAILS = {"ED-01", "ED-02", "ED-04", "ED-12", "FW-01", "FW-02", "UN-02", "UN-03", "UN-04", "UN-08"}
"""Rules that the package, as it comes, does not hold."""
PLAY = {"name": "what others run", "hosts": "all", "become": True, "tasks": []}


@pytest.fixture(scope="module")
def host(lab: Lab, ssh: Ssh) -> LabHost:
    """A host with the package installed and nothing configured."""
    return installed(lab, ssh, "rabbitmq-server")


@pytest.fixture
def fleet(host: LabHost, lab: Lab, ssh: Ssh, tmp_path: Path) -> Fleet:
    """What a person declares: node name, unit, and the cookie's file."""
    code, cookie = ssh(host, "cat /var/lib/rabbitmq/.erlang.cookie")
    assert code == 0
    (tmp_path / "rabbit.cookie").touch(0o600)
    (tmp_path / "rabbit.cookie").write_text(cookie)
    words: dict[str, Any] = {
        "cluster": {"name": "rabbit", "names": "short", "ports": "25672", "cookie": {"file": "rabbit.cookie"}},
        "nodes": [{"name": "rabbit", "host": host.name, "service": "rabbitmq-server.service"}],
        "health": {"tcp": "127.0.0.1:5672", "timeout": 5, "stable": 1},
    }
    made = Fleet(tmp_path, lab, (host,), words)
    made.play(PLAY)
    return made


def test_rabbitmq_as_debian_leaves_it_climbs_every_rung(fleet: Fleet, host: LabHost, ssh: Ssh) -> None:
    before = ssh(host, LOOK)
    ran = fleet.run("verify", playbook=fleet.directory / "play.yml")
    assert ran.code == 0, ran.out + ran.err
    assert ran.rungs(host) == dict.fromkeys(Rung, True)
    told = {each["rung"]: each["detail"] for each in ran.of("RungRead")}
    assert "runs /usr/lib/erlang" in told[3]
    assert told[9].startswith("OTP 25")
    assert ssh(host, LOOK) == before


def test_a_cookie_that_is_not_rabbitmqs_is_told(fleet: Fleet, host: LabHost) -> None:
    (fleet.directory / "rabbit.cookie").write_text("ABCDEFGHIJKLMNOPQRST")
    ran = fleet.run("verify", playbook=fleet.directory / "play.yml")
    assert ran.code == 1
    bad = ran.bad_rungs()[f"rabbit@{host.name}"]
    assert (bad["rung"], "rejects the declared cookie" in bad["detail"]) == (7, True)


def test_an_audit_without_a_playbook_finds_rabbitmq_and_judges_it(fleet: Fleet, host: LabHost, ssh: Ssh) -> None:
    before, argv = ssh(host, LOOK), [str(PROGRAM), "audit", "-i", str(fleet.write()), "--profile", "strict", "--json"]
    done = subprocess.run(argv, env=fleet.environment(), capture_output=True, text=True, cwd=fleet.directory)
    assert done.returncode == 2, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = {each["rule"]: each for each in events if each["event"] == "RuleJudged"}
    failing = {rule for rule, each in told.items() if each["answer"] == "FAIL"}
    assert failing >= FAILS, {rule: told[rule] for rule in FAILS - failing}
    passing = {"AT-01", "AT-02", "AT-03", "CK-01", "CK-02", "ED-03", "ED-10", "UN-15"}
    assert {rule for rule in passing if told[rule]["answer"] != "PASS"} == set(), told
    assert told["ED-02"]["reason"] == "rabbit: listens on every address, port 25672"
    assert (fleet.directory / "rabbit.cookie").read_text() not in done.stdout
    assert ssh(host, LOOK) == before


def test_a_stopped_rabbitmq_is_told_and_started_again_is_well(
    fleet: Fleet, host: LabHost, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    assert ssh(host, "systemctl stop rabbitmq-server")[0] == 0
    bad = fleet.run("verify", playbook=fleet.directory / "play.yml").bad_rungs()[f"rabbit@{host.name}"]
    assert (bad["rung"], bad["advice"].startswith("systemctl start rabbitmq-server.service")) == (2, True)
    assert ssh(host, "systemctl start rabbitmq-server")[0] == 0
    assert fleet.run("verify", playbook=fleet.directory / "play.yml").code == 0


THINGS = """\
- rabbitmq_plugin: {names: rabbitmq_shovel, new_only: true}
- rabbitmq_vhost: {name: /shop, tracing: true}
- rabbitmq_user: {user: shop, password: canary-word, tags: monitoring, vhost: /shop, write_priv: .*}
- rabbitmq_user: {user: nobody, permissions: [{vhost: /, read_priv: "^x"}]}
- rabbitmq_policy: {name: short, vhost: /shop, pattern: "^tmp", tags: {expires: 60000}, apply_to: queues, priority: 3}
"""


def test_what_rabbitmq_holds_is_declared_and_taken_away(fleet: Fleet, host: LabHost, ssh: Ssh) -> None:
    tasks = yaml.safe_load(THINGS)
    play = {**PLAY, "tasks": tasks}
    fleet.play(play)
    ran = fleet.run("deploy", playbook=fleet.directory / "play.yml")
    assert ran.code == 0, ran.out + ran.err
    assert "canary-word" not in ran.out + ran.err
    ask = "rabbitmqctl -q {} | tail -n +2 | sort"
    assert ssh(host, ask.format("list_vhosts name tracing"))[1] == "/\tfalse\n/shop\ttrue\n"
    assert ssh(host, ask.format("list_permissions -p /shop"))[1] == "shop\t^$\t.*\t^$\n"
    assert 'short\t^tmp\tqueues\t{"expires":60000}\t3' in ssh(host, ask.format("list_policies -p /shop"))[1]
    assert ssh(host, "rabbitmqctl -q authenticate_user shop canary-word")[0] == 0
    assert "rabbitmq_shovel\n" in ssh(host, "rabbitmq-plugins list -q -E -m")[1]
    again = fleet.run("plan", playbook=fleet.directory / "play.yml")
    assert [one["verdict"] for one in again.of("TaskPlanned")] == ["ok"] * len(tasks), again.out
    gone = [{name: {**args, "state": "absent"} for name, args in task.items()} for task in reversed(tasks[1:])]
    fleet.play({**PLAY, "tasks": [*gone, {"rabbitmq_plugin": {"names": "rabbitmq_shovel", "state": "disabled"}}]})
    ran = fleet.run("deploy", playbook=fleet.directory / "play.yml")
    assert ran.code == 0, ran.out + ran.err
    assert ssh(host, ask.format("list_vhosts name"))[1] == "/\n"
    assert "nobody" not in ssh(host, "rabbitmqctl -q list_users")[1]

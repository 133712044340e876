"""A plan is complete, changes nothing, and is what the deploy after it does; secrets stay secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import PLAYBOOKS, Fleet, fleet_of, health, untouched

ROLES = Path(__file__).parents[2] / "roles"
CANARY = "canary-5f1e0c77 $(id) \"quoted\" 'too'"


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 1), demo_release("0.1.0"))


@pytest.fixture(scope="module")
def deployed(lab, demo_release, tmp_path_factory) -> Fleet:
    """One host that is as declared; each test changes what is declared and leaves the host so."""
    made = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 2)[1:], demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def tasks_of_roles() -> set[str]:
    files = ROLES.glob("*/tasks/main.yml")
    return {task["name"] for file in files for task in yaml.safe_load(file.read_text())}


def bare(label: str) -> str:
    return label.partition(" => ")[0]


def test_a_plan_of_an_untouched_host_is_complete_touches_nothing_and_comes_true(fleet):
    (host,) = fleet.hosts
    before = labs.upper_state(host)
    plan = fleet.run("plan")
    assert (plan.code, plan.err) == (0, "")
    told = plan.of("TaskPlanned")
    assert {bare(each["task"]) for each in told} == tasks_of_roles()
    will = plan.planned(host)
    assert will == ["group of the nodes", *will[1:-1], "nodes"], "the start of the node is predicted"
    assert not plan.of("TaskPlanned", verdict="unknown")
    assert not plan.of("StepDone")
    assert not plan.of("RungRead")
    assert fleet.run("plan", "--detailed-exitcode").code == 2
    assert fleet.run("deploy", "--check").planned(host) == will
    assert fleet.run("audit").code == 2
    assert labs.upper_state(host) == before
    deploy = fleet.run("deploy")
    assert deploy.code == 0, deploy.out
    steps = [each["task"] for each in deploy.of("StepDone")]
    assert list(dict.fromkeys(steps)) == will
    assert deploy.end(host)["changed"] == len(will)


def test_a_plan_for_people_says_what_would_change_and_touches_nothing(fleet):
    (host,) = fleet.hosts
    before = labs.upper_state(host)
    shown = fleet.show("plan", "--diff", "-v")
    assert shown.code == 0, shown.err
    assert "Traceback" not in shown.out + shown.err
    assert "nodes" in shown.out
    assert "would change" in shown.out
    assert "+Description=Erlang node demo@" in shown.out, "the diff of a file that is not there yet"
    assert '+PORT="4000"' in shown.out, "an environment is named, value by value"
    for book in sorted(PLAYBOOKS.glob("*.yml")):
        assert fleet.run("plan", playbook=book).of("HostEnded"), book
    assert labs.upper_state(host) == before


def test_verify_on_an_untouched_host_names_the_rung_and_touches_nothing(fleet):
    (host,) = fleet.hosts
    before = labs.upper_state(host)
    ran = fleet.run("verify")
    assert ran.code == 1
    (rung,) = ran.bad_rungs().values()
    assert rung["rung"] == Rung.UNIT
    assert "does not exist" in rung["detail"]
    assert labs.upper_state(host) == before


def test_the_programs_that_would_run_can_be_read_without_a_host(fleet, ssh):
    (host,) = fleet.hosts
    logins = ssh(host, "journalctl -u ssh --no-pager | grep -c Accepted")[1]
    shown = fleet.show("render", "--host", host.name)
    assert shown.code == 0, shown.err
    assert shown.out.count(f"#!/bin/sh\n# {host.name}: ") == 2, "files that are sh themselves stand in them, too"
    assert "systemctl restart" in shown.out
    assert int(ssh(host, "journalctl -u ssh --no-pager | grep -c Accepted")[1]) == int(logins) + 1, "the count's own"


def test_a_restart_is_predicted_when_the_environment_changes_and_its_secrets_are_shown_nowhere(deployed, ssh):
    (host,) = deployed.hosts
    pid = ssh(host, "systemctl show -p MainPID --value demo")
    deployed.environ = {"CANARY": CANARY}
    deployed.words["env"] = {"PORT": "4000", "DEMO_GREETING": {"env": "CANARY"}}
    plan = deployed.run("plan")
    assert plan.planned(host) == ["environment => demo", "nodes"]
    told = [plan.out + plan.err]
    for flags in (["plan", "--diff", "-vvv"], ["audit", "-vvv"], ["render", "--host", host.name], ["deploy", "-vvv"]):
        shown = deployed.show(*flags)
        assert shown.code == (2 if flags[0] == "audit" else 0), shown.out + shown.err
        told.append(shown.out + shown.err)
    assert "\n        +DEMO_GREETING=***\n" in told[1], "the variable that comes is named"
    assert health(host)[1]["greeting"] == CANARY
    assert ssh(host, "systemctl show -p MainPID --value demo") != pid
    listed = deployed.show("inventory", "--list")
    assert listed.code == 0, listed.err
    assert host.name in listed.out
    told += [deployed.run("deploy", "--diff", "-vvv").out, listed.out + listed.err]
    told.append(ssh(host, "journalctl --no-pager; systemctl show demo; systemctl cat demo")[1])
    for text in told:
        assert "canary-5f1e0c77" not in text
        assert CANARY.encode().hex() not in text
    assert deployed.run("plan", "--detailed-exitcode").code == 0


def test_a_diff_shows_the_lines_that_change(deployed):
    deployed.words["nodes"] = [{"name": "demo", "vm_args": ["+S 1:1"]}]
    shown = deployed.show("plan", "--diff")
    assert "        ++S 1:1\n" in shown.out
    assert "flags of the node => demo" in shown.out
    assert "nodes" in shown.out
    (change,) = deployed.run("plan").of("TaskPlanned", task="flags of the node => demo")[0]["changes"]
    assert "\n+S 1:1\n" in change["after"]
    assert "\n+S 1:1\n" not in change["before"]


def test_tags_and_limit_narrow_a_plan(deployed):
    (host,) = deployed.hosts
    some = deployed.run("plan", "--tags", "epmd,cookie")
    assert some.planned(host, "ok") == ["the cluster's cookie", "unit of EPMD", "EPMD"]
    assert some.planned(host) == []
    rest = deployed.run("plan", "--skip-tags", "node", "--limit", host.name)
    assert rest.code == 0
    assert set(map(bare, rest.planned(host, "skipped"))) >= {"nodes", "environment", "unit"}
    assert deployed.run("plan", "--limit", "nobody").code == 3

"""A roll that a person stops, or that goes back: what is switched stays true, and who serves is drained before."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.lab.fleet import LEFTOVERS, Fleet, Ran, fleet_of, health, untouched
from tests.lab.person import CTRL_C, Person

QUESTION = "Go on? [y/N] "


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("stops"), untouched(lab, 2), demo_release("0.1.0"))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def declare(fleet: Fleet, greeting: str, **rollout: Any) -> None:
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": greeting}
    fleet.words["rollout"] = {"serial": 1, **rollout}


def greetings(fleet: Fleet) -> list[str | None]:
    return [health(host)[1].get("greeting") for host in fleet.hosts]


def last_note(ssh, host) -> str:
    return ssh(host, "tail -n 1 /opt/demo/ledger/history | cut -f 3")[1].strip()


def endings(fleet: Fleet, ran: Ran) -> list[str]:
    return [ran.end(host)["ending"] for host in fleet.hosts]


def asked(fleet: Fleet) -> Person:
    """A deploy by hand that has come to its question."""
    person = Person(fleet.argv("deploy"), environ=fleet.environment(), directory=fleet.directory)
    person.waits_for(f"still to come: {fleet.hosts[1].name}. {QUESTION}")
    return person


def test_a_yes_goes_on_with_the_next_batch(fleet):
    declare(fleet, "one", pause="ask")
    person = asked(fleet)
    assert greetings(fleet) == ["one", ""]
    person.types("y\n")
    assert person.is_done() == 0, person.seen
    assert greetings(fleet) == ["one", "one"]


@pytest.mark.parametrize(
    ("keys", "said"), [("n\n", "stopped by your answer"), (CTRL_C, "stopped by Ctrl-C or SIGTERM")]
)
def test_a_no_and_ctrl_c_leave_the_rest_as_it_is_and_say_so(fleet, ssh, keys, said):
    word = said.split()[-1]
    one, two = fleet.hosts
    before = greetings(fleet)[1]
    declare(fleet, word, pause="ask", on_failure="rollback_fleet")
    person = asked(fleet)
    person.types(keys)
    assert person.is_done() == 130, person.seen
    assert f"{said}; switched: {one.name}; not reached: {two.name}" in person.seen
    recap = person.seen.partition("RECAP")[2]
    assert [line.split()[:2] for line in recap.splitlines() if line.strip().startswith(one.name)] == [
        [one.name, "changed"]
    ]
    assert f"the roll stopped before it: {said}" in recap
    assert greetings(fleet) == [word, before]
    assert last_note(ssh, one) == "good", "what the ladder has proved is noted"


def test_a_resume_takes_up_what_ctrl_c_has_left(fleet):
    declare(fleet, "SIGTERM")
    ran = fleet.run("resume")
    assert ran.code == 0, ran.out + ran.err
    assert [each["host"] for each in ran.of("HostEnded")] == [fleet.hosts[1].name]
    assert greetings(fleet) == ["SIGTERM", "SIGTERM"]


def stopped_at(fleet: Fleet, word: str) -> Ran:
    """A deploy that gets a Ctrl-C as soon as it has said a word."""
    process = fleet.start("deploy")
    assert process.stdout
    told = []
    for line in process.stdout:
        told.append(line)
        if word in line:
            break
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    return Ran(process.returncode, rest, err, tuple(map(json.loads, [*told, *rest.splitlines()])))


def test_who_is_switched_and_not_seen_well_yet_is_stopped_and_has_not_failed(fleet):
    before = greetings(fleet)[1]
    declare(fleet, "young")
    ran = stopped_at(fleet, '"state": "switched"')
    assert (ran.code, endings(fleet, ran)) == (130, ["stopped", "not reached"]), ran.err
    assert ran.end(fleet.hosts[0])["problem"].startswith("stopped before its nodes were verified")
    assert greetings(fleet) == ["young", before]


def test_ctrl_c_ends_a_pause_at_once(fleet):
    declare(fleet, "paused", pause=86400)
    ran = stopped_at(fleet, '"BatchEnded"')
    assert (ran.code, endings(fleet, ran)) == (130, ["changed", "not reached"]), ran.err
    assert greetings(fleet) == ["paused", "SIGTERM"]


def test_a_later_deploy_to_one_host_hides_nothing_from_resume(fleet):
    one, two = fleet.hosts
    declare(fleet, "later")
    assert fleet.run("deploy", "--limit", one.name).code == 0
    ran = fleet.run("resume")
    assert (ran.code, [each["host"] for each in ran.of("HostEnded")]) == (0, [two.name])
    assert greetings(fleet) == ["later", "later"]


def test_a_run_that_was_killed_when_all_was_noted_needs_nothing(fleet):
    journal = max((fleet.directory / ".local/state/deployer/runs").glob("*.jsonl"))
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if '"ending"' not in line and '"end"' not in line))
    shown = fleet.show("resume")
    assert shown.code == 0, shown.out
    assert f"finished by their own record: {fleet.hosts[1].name}" in shown.out


def test_who_is_well_and_goes_back_with_the_fleet_is_drained_before(fleet):
    one, two = fleet.hosts
    log = fleet.directory / "balancer"
    note = f" {{{{ inventory_hostname }}}} $(curl -s http://{{{{ ansible_host }}}}:4000/health) >>{log}"
    hooks = {
        when: [{"name": word, "shell": {"cmd": f"echo {word}{note}"}, "delegate_to": "localhost"}]
        for when, word in (("before_switch", "out"), ("after_start", "in"))
    }
    declare(fleet, "new", on_failure="rollback_fleet")
    fleet.of[two.name] = {"env": {"PORT": "4000", "DEMO_CRASH": "1"}}
    play = {"name": "roll", "hosts": "all", "become": True, "serial": 1, "roles": ["release", "node"], "hooks": hooks}
    ran = fleet.run("deploy", playbook=fleet.play(play))
    del fleet.of[two.name]
    assert (ran.code, endings(fleet, ran)) == (6, ["reverted", "reverted"]), ran.out
    told = [line.split(maxsplit=2) for line in log.read_text().splitlines()]
    assert [(word, name) for word, name, _ in told] == [
        *(("out", one.name), ("in", one.name), ("out", two.name), ("in", two.name)),
        *(("out", one.name), ("in", one.name)),
    ]
    served = [json.loads(page)["greeting"] for _, _, page in told]
    assert served == ["later", "new", "later", "later", "new", "later"], (
        "drained while it served, back before it serves"
    )
    assert greetings(fleet) == ["later", "later"]


def test_a_node_outside_of_the_limit_that_nobody_sees_is_not_healthy(fleet, ssh, eventually):
    one, two = fleet.hosts
    declare(fleet, "limited", min_healthy=1)
    assert ssh(two, "systemctl stop demo") == (0, "")
    ran = fleet.run("deploy", "--limit", one.name)
    assert (ran.code, ran.of("StepDone")) == (3, []), ran.out
    assert "2 nodes, 1 of them not healthy, and rollout.min_healthy is 1" in ran.end(one)["problem"]
    assert (
        f"no node of this run sees these, so they do not count as healthy: demo@{two.address}"
        in ran.of("Note")[0]["text"]
    )
    assert greetings(fleet) == ["later", None]
    assert ssh(two, "systemctl start demo") == (0, "")
    eventually(lambda: f"demo@{two.address}" in ssh(one, "demo-ctl rpc 'IO.inspect(Node.list())'")[1])
    ran = fleet.run("deploy", "--limit", one.name)
    assert ran.code == 0, ran.out
    assert greetings(fleet) == ["limited", "later"]


def test_nothing_is_left_lying_about(fleet, ssh):
    for host in fleet.hosts:
        assert ssh(host, LEFTOVERS) == (0, "")

"""A plan that is kept in a file: done exactly, or refused before the first write with each fact that has changed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from deployer import lab as labs
from tests.lab.fleet import LEFTOVERS, PATIENCE, Fleet, fleet_of, untouched

CANARY = "canary-9a41d7e2"
WEAK = "hunter2"
PLAY = """\
- hosts: all
  tasks:
    - name: limits
      copy: {dest: /etc/shop.limits, content: "password is OLDWEAK\\n", mode: "0644"}
    - name: key
      env_file: {path: /etc/shop/private/env, values: {KEY: {env: SHOP_KEY}}}
    - name: place
      file: {path: /srv/shop, state: directory, mode: "0750"}
    - name: made
      command: {cmd: touch /srv/shop/made, creates: /srv/shop/made}
"""


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    """Two hosts with the release on them; what a test does beside that is a play of its own."""
    made = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 2), demo_release("0.1.0"))
    made.environ = {"SHOP_KEY": CANARY}
    made.words["rollout"] = {"serial": 1}
    (made.directory / "play.yml").write_text(PLAY.replace("OLDWEAK", WEAK))
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


def apply(fleet: Fleet, file: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    program = fleet.argv("status")[0]
    return subprocess.run(
        [program, "apply", str(file), "--json", *flags], env=fleet.environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE, cwd="/",
    )  # fmt: skip


def facts(done: subprocess.CompletedProcess[str]) -> set[tuple[str, str, str]]:
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return {(each["host"], each["task"], each["key"]) for each in events if each["event"] == "FactChanged"}


def test_a_plan_is_refused_for_each_fact_that_changed_and_done_once_when_none_has(fleet, ssh):
    one, two = fleet.hosts
    play, file = fleet.directory / "play.yml", fleet.directory / "plan.json"
    umask = os.umask(0)
    try:
        planned = fleet.run("plan", "--out", str(file), playbook=play)
    finally:
        os.umask(umask)
    assert planned.code == 0, planned.out + planned.err
    assert planned.planned(one) == ["limits", "key", "place", "made"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for text in (CANARY, WEAK, CANARY.encode().hex()):
        assert text not in file.read_text()
    shown = fleet.show("plan", "--show", playbook=file).out
    assert "it can be applied" in shown
    assert "key" in shown

    ssh(one, "echo x >/etc/shop.limits; chmod 0600 /etc/shop.limits; mkdir -p /srv/shop; chmod 0700 /srv/shop")
    before = [labs.upper_state(host) for host in (one, two)]
    fleet.environ["SHOP_KEY"] = CANARY + "2"
    done = apply(fleet, file)
    fleet.environ["SHOP_KEY"] = CANARY
    assert done.returncode == 3, done.stdout + done.stderr
    assert facts(done) == {
        (one.name, "limits", "state"), (one.name, "limits", "content"), (one.name, "limits", "mode"),
        (one.name, "limits", "type"), (one.name, "place", "state"), (one.name, "place", "type"),
        (one.name, "place", "mode"), (one.name, "key", "what is declared"), (two.name, "key", "what is declared"),
    }  # fmt: skip
    assert CANARY not in done.stdout + done.stderr
    assert [labs.upper_state(host) for host in (one, two)] == before

    ssh(one, "rm -r /etc/shop.limits /srv/shop")
    done = apply(fleet, file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ssh(one, "cat /etc/shop.limits; stat -c %a /srv/shop; ls /srv/shop")[1].split() == [
        "password", "is", WEAK, "750", "made",
    ]  # fmt: skip
    again = apply(fleet, file)
    assert again.returncode == 3
    assert "was applied already, by the run" in again.stderr
    assert "applied by the run" in fleet.show("plan", "--show", playbook=file).out


def test_a_roll_from_a_plan_takes_the_planned_batches_and_another_host_key_refuses_it(fleet, ssh):
    file = fleet.directory / "roll.json"
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": "from a plan"}
    planned = fleet.run("plan", "--out", str(file))
    assert planned.code == 0, planned.out + planned.err
    (roll,) = planned.of("RollPlanned")
    assert [len(batch) for batch in roll["batches"]] == [1, 1]
    assert " | ".join(" ".join(batch) for batch in roll["batches"]) in fleet.show("plan", "--show", playbook=file).out
    at_once = [
        subprocess.Popen(
            [fleet.argv("status")[0], "apply", str(file), "--json"], env=fleet.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
        )
        for _ in range(2)
    ]  # fmt: skip
    outs = [each.communicate(timeout=PATIENCE)[0] for each in at_once]
    won = [out for each, out in zip(at_once, outs, strict=True) if each.returncode == 0]
    assert len(won) == 1, outs
    turns = [json.loads(line) for line in won[0].splitlines() if '"BatchStarted"' in line]
    assert [each["hosts"] for each in turns] == roll["batches"]
    assert fleet.run("plan", "--detailed-exitcode").code == 0


def test_an_apply_that_is_killed_half_way_has_used_its_plan_and_resume_goes_on(fleet, ssh, eventually):
    one, two = fleet.hosts
    file = fleet.directory / "half.json"
    waits = {"cmd": "until [ -e /run/go ]; do sleep 0.1; done; touch /srv/whole", "creates": "/srv/whole"}
    half = {"name": "half", "copy": {"dest": "/etc/half", "content": "x\n"}}
    play = fleet.play({"hosts": "all", "tasks": [half, {"name": "whole", "shell": waits}]})
    assert fleet.run("plan", "--out", str(file), playbook=play).code == 0
    argv = [fleet.argv("status")[0], "apply", str(file), "--json"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(argv, env=fleet.environment(), stdin=quiet, stdout=quiet, stderr=quiet, cwd="/")
    for host in (one, two):
        eventually(lambda host=host: ssh(host, "pgrep -f 'until \\[ -e /run/go'")[0] == 0)
    process.kill()
    process.wait()
    for host in (one, two):
        eventually(lambda host=host: ssh(host, LEFTOVERS) == (0, ""))
        assert ssh(host, "ls /etc/half /srv/whole 2>/dev/null")[1] == "/etc/half\n"
    again = apply(fleet, file)
    assert again.returncode == 3
    assert "applied already, by the run" in again.stdout + again.stderr
    assert "applied by the run" in fleet.show("plan", "--show", playbook=file).out
    for host in (one, two):
        ssh(host, "touch /run/go")
    ran = fleet.run("resume", playbook=play)
    assert ran.code == 0, ran.out
    assert [ssh(host, "ls /etc/half /srv/whole")[0] for host in (one, two)] == [0, 0]

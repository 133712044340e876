"""A meshed cluster gets another cookie while it works: live, whole, resumable, and seen by nobody.

Which cookie a node accepts is told by ``erl_call`` of the release itself, which shares no code with us.
"""

from __future__ import annotations

import json
import signal

import pytest

from tests.lab.fleet import Event, Ran, fleet_of, health, untouched
from tests.lab.rotated import COOKIE, COPY, SPY, Cluster
from tests.samples import some


@pytest.fixture(scope="module")
def cluster(lab, demo_release, tmp_path_factory, ssh) -> Cluster:
    fleet = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 3), demo_release("0.1.0"))
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    return Cluster(fleet, ssh)


@pytest.fixture(autouse=True)
def whole(cluster, eventually) -> None:
    """Every test begins with a cluster that runs as declared."""
    names = [host.name for host in cluster.hosts]
    eventually(cluster.is_meshed)
    assert cluster.accepting(cluster.cookie) == names


def texts(ran: Ran) -> str:
    return " ".join(each["text"] for each in ran.of("Note"))


def test_a_check_tells_what_would_happen_and_changes_nothing(cluster):
    old, new = cluster.declare_another()
    before = cluster.written()
    ran = cluster.rotate("--check")
    assert (ran.code, ran.err) == (0, "")
    for host in cluster.hosts:
        assert ran.planned(host) == [COOKIE, f"cookie of demo@{host.address}"]
    assert "Invalid challenge reply" in texts(ran)
    assert not ran.of("StepDone")
    assert cluster.written() == before
    assert cluster.accepting(old) == [host.name for host in cluster.hosts]
    assert not [text for text in (old, new) if text in ran.out]
    cluster.path.write_text(old)


def test_a_deploy_does_not_change_the_cookie_of_running_nodes(cluster):
    old, new = cluster.declare_another()
    before, lives = cluster.written(), cluster.lives()
    for command in ("plan", "deploy"):
        ran = cluster.fleet.run(command)
        assert ran.code == 3
        for host in cluster.hosts:
            assert "deployer cookie rotate" in ran.end(host)["problem"]
        assert not ran.of("StepDone")
        assert new not in ran.out
    assert (cluster.written(), cluster.lives()) == (before, lives)
    cluster.path.write_text(old)


def test_a_deploy_that_running_nodes_refuse_begins_on_no_host(cluster, eventually):
    idle = cluster.hosts[2]
    cluster.ssh(idle, "systemctl stop demo")
    old, _ = cluster.declare_another()
    before = cluster.written()
    ran = cluster.fleet.run("deploy")
    assert (ran.code, ran.of("StepDone"), cluster.written()) == (3, [], before)
    assert "not begun here" in ran.end(idle)["problem"]
    cluster.path.write_text(old)
    cluster.ssh(idle, "systemctl start demo")
    eventually(cluster.is_meshed)


def test_a_live_cluster_gets_a_new_cookie_and_nothing_else_happens_to_it(cluster):
    lives, (old, new) = cluster.lives(), cluster.declare_another()
    ran = cluster.rotate()
    assert (ran.code, ran.err) == (0, "")
    assert cluster.accepting(new) == [host.name for host in cluster.hosts]
    assert cluster.accepting(old) == []
    assert (cluster.lives(), cluster.is_meshed()) == (lives, True)
    assert not ran.bad_rungs()
    assert cluster.everywhere(f"stat -c '%U %a' {COOKIE} {COPY}; ls {COOKIE}* /run/beam/demo/.e*") == [
        f"root 400\ndemo 400\n{COOKIE}\n{COPY}"
    ] * len(cluster.hosts)
    assert not [text for text in (old, new) if text in ran.out]
    for host in cluster.hosts:
        for text in (old, new):
            assert cluster.ssh(host, SPY, stdin=text.encode()) == (1, "")
            assert cluster.ssh(host, "journalctl --no-pager >/tmp/j; grep -cF -f - /tmp/j", stdin=text.encode())[0] == 1


def test_after_a_rotation_a_deploy_has_nothing_to_do_and_neither_has_another_rotation(cluster):
    plan = cluster.fleet.run("plan", "--detailed-exitcode")
    assert (plan.code, plan.of("TaskPlanned", verdict="change")) == (0, [])
    before = cluster.written()
    again = cluster.rotate()
    assert (again.code, again.of("StepDone")) == (0, [])
    assert cluster.written() == before


def test_nodes_that_lose_each_other_after_a_rotation_meet_again(cluster, eventually):
    cluster.declare_another()
    assert cluster.rotate().code == 0
    names = ", ".join(f":'demo@{host.address}'" for host in cluster.hosts)
    cluster.ssh(cluster.hosts[0], "demo-ctl rpc 'Enum.each(Node.list(), &Node.disconnect/1)'")
    eventually(lambda: health(cluster.hosts[0])[1].get("nodes") == [])
    # global takes a partition apart at its own pace (prevent_overlapping_partitions), so asking once may be too early.
    connect = f'demo-ctl rpc "Enum.each([{names}], &Node.connect/1)"'
    eventually(lambda: cluster.everywhere(connect) and cluster.is_meshed())


def read_until(running, what: str) -> Event:
    """Read the events of a run until a step of this kind has ended."""
    for line in running.stdout:
        event: Event = json.loads(line)
        if event["event"] == "StepDone" and event["what"].startswith(what):
            return event
    pytest.fail(f"no step {what!r}: {running.stderr.read()}")


PHASES = ["keep the old cookie", "set the new cookie", "accepts the new cookie", "remove"]


@pytest.mark.parametrize("moment", some(PHASES, 2, "DEPLOYER_LAB_ALL"))
def test_a_rotation_killed_at_any_phase_is_finished_by_the_same_command(cluster, moment):
    names = [host.name for host in cluster.hosts]
    lives, (old, new) = cluster.lives(), cluster.declare_another()
    with cluster.fleet.start("cookie rotate", "--forks", "1") as running:
        read_until(running, moment)
        running.kill()
    have_new = cluster.accepting(new)
    assert sorted(have_new + cluster.accepting(old)) == names, "every node has one of the two"
    if moment == "set the new cookie":
        assert names[0] in have_new
        assert names[-1] not in have_new
    ran = cluster.rotate()
    assert ran.code == 0, ran.out
    assert ran.of("StepDone"), "something was left to do"
    assert (cluster.accepting(new), cluster.accepting(old)) == (names, [])
    assert (cluster.lives(), cluster.is_meshed()) == (lives, True)
    assert cluster.everywhere(f"ls {COOKIE}*") == [COOKIE] * len(names)
    assert cluster.fleet.run("plan", "--detailed-exitcode").code == 0


def test_a_rotation_stopped_by_the_person_says_that_it_is_not_finished(cluster):
    _, new = cluster.declare_another()
    with cluster.fleet.start("cookie rotate", "--forks", "1") as running:
        read_until(running, "keep the old cookie")
        running.send_signal(signal.SIGINT)
        rest = [json.loads(line) for line in running.stdout]
    assert running.returncode == 130
    assert "not finished" in " ".join(each["text"] for each in rest if each["event"] == "Note")
    assert cluster.rotate().code == 0
    assert len(cluster.accepting(new)) == len(cluster.hosts)


def test_a_rotation_to_a_third_cookie_takes_over_from_a_killed_one(cluster):
    old, second = cluster.declare_another()
    with cluster.fleet.start("cookie rotate", "--forks", "1") as running:
        read_until(running, "set the new cookie")
        running.kill()
    _, third = cluster.declare_another()
    assert cluster.rotate().code == 0
    assert cluster.accepting(third) == [host.name for host in cluster.hosts]
    assert cluster.accepting(second) == cluster.accepting(old) == []


def test_a_node_with_a_cookie_of_its_own_stops_the_rotation_before_anything_is_written(cluster, eventually):
    odd = cluster.hosts[1]
    call = f"demo-ctl rpc ':erlang.set_cookie(node(), :{'x' * 40})'"
    assert cluster.ssh(odd, call)[0] == 0
    old, _ = cluster.declare_another()
    before = cluster.written()
    ran = cluster.rotate()
    assert ran.code == 1
    assert f"demo@{odd.address} accepts neither" in ran.end(odd)["problem"]
    assert "Nothing was written" in texts(ran)
    assert not ran.of("StepDone")
    assert cluster.written() == before
    cluster.path.write_text(old)
    cluster.ssh(odd, "systemctl restart demo")
    eventually(cluster.is_meshed)


def test_a_node_that_is_down_stops_the_rotation_before_anything_is_written(cluster, eventually):
    down = cluster.hosts[2]
    cluster.ssh(down, "systemctl stop demo")
    old, _ = cluster.declare_another()
    before = cluster.written()
    ran = cluster.rotate()
    assert ran.code == 1
    assert f"demo@{down.address} is not registered" in ran.end(down)["problem"]
    assert not ran.of("StepDone")
    assert cluster.written() == before
    cluster.path.write_text(old)
    cluster.ssh(down, "systemctl start demo")
    eventually(cluster.is_meshed)


def test_a_host_that_cannot_be_reached_stops_the_rotation_before_anything_is_written(cluster):
    gone = cluster.hosts[0]
    old, _ = cluster.declare_another()
    cluster.fleet.of[gone.name] = {"ansible_port": 9, "nodes": [{"name": "demo", "host": gone.address}]}
    before = cluster.written()
    ran = cluster.rotate()
    assert (ran.code, ran.end(gone)["ending"]) == (4, "unreachable")
    assert not ran.of("StepDone")
    assert cluster.written() == before
    del cluster.fleet.of[gone.name]
    cluster.path.write_text(old)


def test_a_restart_that_is_due_for_another_file_stays_due(cluster, eventually):
    host = cluster.hosts[0]
    cluster.ssh(host, "touch /etc/beam/demo/demo.vm.args")
    cluster.declare_another()
    assert cluster.rotate().code == 0
    assert cluster.fleet.run("plan").planned(host) == ["nodes"]
    assert cluster.fleet.run("deploy").code == 0
    eventually(cluster.is_meshed)


def test_a_stopped_cluster_takes_another_cookie_from_a_deploy(cluster):
    cluster.everywhere("systemctl stop demo")
    _, new = cluster.declare_another()
    ran = cluster.fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert cluster.accepting(new) == [host.name for host in cluster.hosts]

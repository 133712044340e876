"""One run at a time: real controllers side by side, frozen, killed, broken and held; plain ssh sees who has written.

DEPLOYER_LEASE_ALL=1 makes 200 trials of two and four at once, and waits for leases to end by themselves.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.fleet import PROGRAM, Fleet, Ran, untouched

ALL = os.environ.get("DEPLOYER_LEASE_ALL") == "1"
TRIALS = 200 if ALL else 2
RECORD = "/run/deployer/lease"
LOST = "this run has lost its lease of the host, and writes nothing more here"


@pytest.fixture(scope="module")
def fleet(lab, tmp_path_factory) -> Fleet:
    return Fleet(tmp_path_factory.mktemp("lease"), lab, untouched(lab, 3), {})


@pytest.fixture(autouse=True)
def free(fleet, ssh) -> Iterator[None]:
    """Leave the hosts as if nobody had ever been there."""
    yield
    for host in fleet.hosts:
        assert ssh(host, f"rm -rf {RECORD} /var/lib/deployer/hold /srv/*") == (0, "")


def task(*names: str, text: str = "") -> dict[str, object]:
    made = [{"name": name, "shell": {"cmd": f"touch /srv/{name}; {text}", "creates": f"/srv/{name}"}} for name in names]
    return {"hosts": "all", "become": True, "tasks": made}


def write(fleet: Fleet, name: str, *plays: dict[str, object]) -> Path:
    """A playbook of that name, so that several can run beside each other."""
    place = fleet.directory / f"{name}.yml"
    fleet.play(*plays).rename(place)
    return place


def begin(fleet: Fleet, playbook: Path, *flags: str) -> subprocess.Popen[str]:
    argv = fleet.argv("deploy", "--json", *flags, playbook=playbook)
    return subprocess.Popen(
        argv, env=fleet.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=fleet.directory,
    )  # fmt: skip


def lock(fleet: Fleet, *words: str) -> Ran:
    """Run a command of ``deployer lock``."""
    argv = [str(PROGRAM), "lock", *words, "-i", str(fleet.write())]
    done = subprocess.run(argv, env=fleet.environment(), capture_output=True, text=True, timeout=60)
    return Ran(done.returncode, done.stdout, done.stderr)


def problems(said: str) -> list[str]:
    events = [json.loads(line) for line in said.splitlines()]
    return [each["problem"] for each in events if each["event"] == "HostEnded" and each["problem"]]


def written(fleet: Fleet, ssh) -> list[str]:
    """What has been written on each host."""
    return [" ".join(sorted(ssh(host, "ls /srv")[1].split())) for host in fleet.hosts]


def age(fleet: Fleet, ssh) -> None:
    """Have the lease end as it does when nobody is heard of for two minutes."""
    for host in fleet.hosts:
        if ALL:
            wait = f"read -r up _ </proc/uptime; [ $(cut -f 7 {RECORD}) -lt $(echo $up | tr -d .) ]"
            assert ssh(host, f"until {wait}; do sleep 1; done") == (0, "")
        else:
            assert ssh(host, f"sed -i 's/^\\(\\([^\\t]*\\t\\)\\{{6\\}}\\)[0-9]*/\\11/' {RECORD}") == (0, "")


def test_who_comes_second_is_told_whose_turn_it_is_and_looking_never_waits(fleet, ssh, eventually):
    slow = write(fleet, "slow", task("slow", text="until [ -e /srv/go ]; do sleep 0.1; done"))
    other = write(fleet, "other", task("other"))
    process = begin(fleet, slow)
    eventually(lambda: written(fleet, ssh) == ["slow"] * 3, deadline=90)
    second = fleet.run("deploy", playbook=other)
    assert second.code == 5, second.out
    said = second.end(fleet.hosts[0])["problem"]
    who = r"held by \S+@\S+ for \d+ s \(since .*\): deploy slow\.yml \(run \S+, process (\d+) there, from [\d.]+\)"
    assert (found := re.search(who, said)), said
    assert int(found[1]) == process.pid
    assert second.end(fleet.hosts[1])["problem"] == f"not begun here, because of {fleet.hosts[0].name}"
    assert "this run changes nothing" in second.out
    plan = fleet.run("plan", playbook=other)
    assert plan.code == 0
    assert "this run changes nothing" not in plan.out
    assert lock(fleet, "show").out.count("deploy slow.yml") == 3
    for host in fleet.hosts:
        assert ssh(host, "touch /srv/go") == (0, "")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert fleet.run("deploy", playbook=other).code == 0
    assert written(fleet, ssh) == ["go other slow"] * 3
    assert "free" in lock(fleet, "show", fleet.hosts[1].name).out


def test_a_killed_run_is_followed_at_once_on_its_machine_and_from_another_when_its_lease_has_ended(
    fleet, ssh, eventually
):
    other = write(fleet, "other", task("other"))
    for name in ("slow", "slower"):
        process = begin(fleet, write(fleet, name, task(name, text="until [ -e /srv/go ]; do sleep 0.1; done")))
        eventually(lambda name=name: all(name in some for some in written(fleet, ssh)), deadline=90)
        process.kill()
        process.communicate()
        for host in fleet.hosts:
            assert ssh(host, "touch /srv/go") == (0, "")
        if name == "slow":
            for host in fleet.hosts:  # its last step is a sign of it, and has to be over
                eventually(lambda host=host: ssh(host, "flock -n /run/deployer rm -f /srv/go")[0] == 0)
                # as if the run had been somebody's on another machine
                assert ssh(host, f"sed -i 's#/[-0-9a-f]*/#/another/#2' {RECORD}") == (0, "")
            refused = fleet.run("deploy", playbook=other)
            assert refused.code == 5, refused.out
            assert "deploy slow.yml" in refused.end(fleet.hosts[0])["problem"]
            age(fleet, ssh)
        after = fleet.run("deploy", playbook=other)
        assert after.code == 0, after.out


def test_a_cancelled_run_gives_its_leases_back(fleet, ssh, eventually):
    turns = task("slow", text="until [ -e /srv/go ]; do sleep 0.1; done") | {"serial": 1}
    process = begin(fleet, write(fleet, "slow", turns))
    eventually(lambda: written(fleet, ssh)[0] == "slow", deadline=90)
    process.send_signal(signal.SIGTERM)
    assert ssh(fleet.hosts[0], "touch /srv/go") == (0, "")
    process.communicate(timeout=60)
    assert process.returncode == 130
    after = fleet.run("deploy", playbook=write(fleet, "other", task("other")))
    assert after.code == 0, after.out


@pytest.mark.parametrize("how", ["frozen", "broken"])
def test_who_has_lost_the_lease_writes_nothing_more(fleet, ssh, eventually, how):
    first, second, _ = fleet.hosts
    turns = task("mine", text="until [ -e /srv/go ]; do sleep 0.1; done") | {"serial": 1}
    process = begin(fleet, write(fleet, "turns", turns))
    eventually(lambda: written(fleet, ssh)[0] == "mine", deadline=90)
    if how == "frozen":
        process.send_signal(signal.SIGSTOP)
        assert ssh(first, "touch /srv/go") == (0, "")
        eventually(lambda: ssh(first, "flock -n /run/deployer true")[0] == 0)
        age(fleet, ssh)
        other = fleet.run("deploy", playbook=write(fleet, "other", task("other")))
        assert other.code == 0, other.out
        process.send_signal(signal.SIGCONT)
        words = f"{LOST}: \\S+ had it in the meantime, for: deploy other.yml"
    else:
        broke = lock(fleet, "break", "all", "--why", "the CI is on fire")
        assert broke.code == 0, broke.err
        assert broke.out.count("deploy turns.yml") == 3
        assert ssh(first, "touch /srv/go") == (0, "")
        words = f"{LOST}: \\S+ broke it: the CI is on fire"
        noted = ssh(second, "journalctl -q -o cat -t deployer")[1]
        assert re.search(r"breaks the lease: the CI is on fire\. It was: held by .* deploy turns\.yml", noted), noted
    said, _ = process.communicate(timeout=120)
    left = ["go mine", "", ""] if how == "broken" else ["go mine other", "other", "other"]
    assert written(fleet, ssh) == left
    if not (ALL and process.returncode == 4):  # after two minutes its connections may be gone as well
        assert process.returncode == 5, said
        assert re.search(words, "\n".join(problems(said))), said


def test_a_host_that_is_held_takes_no_run(fleet, ssh):
    held, *others = fleet.hosts
    other = write(fleet, "other", task("other"))
    assert lock(fleet, "hold", held.name, "--for", "1h").code == 3
    done = lock(fleet, "hold", held.name, "--for", "1h", "--why", "new disk")
    assert done.code == 0, done.err
    ran = fleet.run("deploy", playbook=other)
    assert ran.code == 5
    assert re.search(r"maintenance: held by .*: new disk \(for another 5\d min\)", ran.end(held)["problem"])
    assert written(fleet, ssh) == [""] * 3
    assert fleet.run("deploy", "--limit", others[0].name, playbook=other).code == 0
    assert lock(fleet, "break", held.name, "--why", "done").code == 0
    assert fleet.run("deploy", playbook=other).code == 0


@pytest.mark.parametrize("count", [2, 4])
def test_of_several_at_once_one_writes(fleet, ssh, count):
    names = [f"run{at}" for at in range(count)]
    for trial in range(TRIALS):
        books = {name: write(fleet, name, task(name)) for name in names}
        limits = [[], [], ["--limit", f"{fleet.hosts[1].name},{fleet.hosts[2].name}"], []]
        some = {name: begin(fleet, books[name], *limits[at]) for at, name in enumerate(names)}
        said = {name: process.communicate(timeout=120)[0] for name, process in some.items()}
        codes = {name: process.returncode for name, process in some.items()}
        assert set(codes.values()) <= {0, 5}, (trial, said)
        assert 0 in codes.values(), (trial, said)
        winners = [name for name, code in codes.items() if code == 0]
        wrote = {word for words in written(fleet, ssh) for word in words.split()}
        assert wrote == set(winners), (trial, codes, said)
        print(f"{count} at once, trial {trial}: {len(winners)} one after the other")  # noqa: T201 - figures
        for host in fleet.hosts:
            assert ssh(host, f"rm -rf {RECORD} /srv/*") == (0, "")

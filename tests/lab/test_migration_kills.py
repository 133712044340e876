"""A deploy is killed at each thing that it does for a migration, or its host is struck then; the next one ends well.

Nobody lists what it does: a whole one tells it, each event a line of ``--json``; what the host does between two of them
is waited for there. DEPLOYER_KILL_ALL=1 takes all points instead of some.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, PATIENCE, PLAYBOOKS, Event, Fleet, Ran, health, shop_of
from tests.lab.migrating import HELD, held
from tests.samples import some

LEDGER = "/opt/shop/ledger"
ON_HOST = {
    "its beginning is noted": (0, f'[ "$(tail -n 1 {LEDGER}/history | cut -f 3)" = migrate ]'),
    "its unit runs": (0, "systemctl -q is-active deployer-migrate-shop"),
    "its end is noted": (0, f'[ "$(ls {LEDGER}/migrated)" != "$known" ]'),
    "its end is noted on the other host": (1, f'[ "$(ls {LEDGER}/migrated)" != "$known" ]'),
}
"""Of which host, and what a test of plain sh sees there."""
SWITCH = "DEPLOYER_KILL_ALL"
TAKEN = 2
KILL = 'pid=$(systemctl show -p MainPID --value shop); [ "$pid" = 0 ] || kill -9 "$pid"'
SLOW = "INSERT INTO effects SELECT {0} FROM pg_sleep(2);"
"""PostgreSQL ends it, whatever has become of who asked."""
Point = tuple[str, str]


@pytest.fixture(scope="module")
def fleet(lab_of: Any, shop_release: Any, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Two hosts that take their turns one after the other, and a database."""
    lab = lab_of("default", "default", "database")
    table = {"priv/repo/migrations/20261130000000_table.sql": "CREATE TABLE effects (number int);"}
    made = shop_of(tmp_path_factory.mktemp("kills"), lab.hosts[:2], shop_release("0.1.0", table))
    made.words["rollout"] = {"serial": 1}
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    return made


@pytest.fixture(scope="module")
def declare(fleet: Fleet, shop_release: Any) -> Iterator[int]:
    """Each time a release with a migration of its own is declared, and its number returned."""

    def numbers() -> Iterator[int]:
        for number in count(1):
            files = {
                "priv/repo/migrations/20261130000000_table.sql": "CREATE TABLE effects (number int);",
                f"priv/repo/migrations/20261201{number:06}_more.sql": f"{HELD}\n{SLOW.format(number)}",
            }
            fleet.words["release"]["tarball"] = str(shop_release("0.1.0", files))
            yield number

    return numbers()


@pytest.fixture(scope="module")
def told(fleet: Fleet, declare: Iterator[int]) -> list[Point]:
    """What a whole deploy says and does, from its last step before the migration to the switch."""
    next(declare)
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    said = [word(event) for event in ran.events]
    begin, end = said.index("Stage migrate"), said.index("Stage apply")
    before = max(place for place, words in enumerate(said[:begin]) if words.startswith("StepDone"))
    return [(words, "event") for words in said[before : end + 1]] + [(words, "host") for words in ON_HOST]


def word(event: Event) -> str:
    """An event without what differs from run to run."""
    words = [event["event"], *(str(event[name]) for name in ("stage", "what", "number") if name in event)]
    return " ".join(words if event["event"] != "MigrationSaid" else [*words, event["text"].partition(" ")[0]])


def killed(fleet: Fleet, point: Point, playbook: Path = PLAYBOOKS / "site.yml") -> None:
    """Start a deploy and kill it when the point has come."""
    watch = watcher(fleet, *ON_HOST[point[0]]) if point[1] == "host" else None
    process = fleet.start("deploy", playbook=playbook)
    assert process.stdout
    if watch and watch.stdout:
        assert watch.stdout.readline() == "now\n", point
    else:
        assert any(word(json.loads(line)) == point[0] for line in process.stdout), point
    process.kill()
    process.communicate(timeout=60)
    if watch:
        watch.communicate(timeout=60)


def watcher(fleet: Fleet, host: int, condition: str) -> subprocess.Popen[str]:
    """Plain ssh to a host, which says "now" as soon as the condition holds there."""
    text = f"known=$(ls {LEDGER}/migrated); echo watching; until {condition}; do sleep 0.005; done; echo now"
    argv = [*labs.ssh_arguments(fleet.lab, fleet.hosts[host]), f"timeout {PATIENCE} sh -c {shlex.quote(text)}"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "watching\n"
    return process


def history(ssh: Ssh, host: LabHost, release: str) -> list[str]:
    """What a host remembers of a release's migration: ``began``, ``done``."""
    lines = ssh(host, f"grep -P '\\tmigrate\\t{release}\\t' {LEDGER}/history | cut -f 6")[1].splitlines()
    return [line.replace(":", " ").split()[0] for line in lines]


def finished(fleet: Fleet, ssh: Ssh, number: int, *flags: str) -> tuple[Ran, str]:
    """Deploy again, see that all is well, and that the database has been changed once; returns the release."""
    again = fleet.run("deploy", *flags)
    assert again.code == 0, again.out + again.err
    (release,) = {again.end(host)["release"] for host in fleet.hosts}
    for host in fleet.hosts:
        assert health(host)[1]["pending_migrations"] == 0
        assert ssh(host, f"readlink -e /opt/shop/current; {LEFTOVERS}") == (0, f"/opt/shop/versions/{release}\n")
    database = fleet.lab.database
    asked = shlex.join(["psql", "-At", labs.database_url(database), "-c", "SELECT number FROM effects"])
    rows = ssh(database, asked)[1].split()
    assert rows.count(str(number)) == 1
    return again, release


def test_a_controller_killed_at_any_effect_of_a_migration_never_runs_it_twice(fleet, ssh, declare, told):
    for point in some(told, TAKEN, SWITCH):
        number = next(declare)
        killed(fleet, point)
        _, release = finished(fleet, ssh, number)
        assert history(ssh, fleet.hosts[0], release) == ["began", "done"], point


@pytest.mark.parametrize("fault", some(["kill -9 of the node", "power cut"], 1, "DEPLOYER_LAB_ALL"))
def test_a_host_struck_between_migration_and_switch_starts_as_it_was_and_does_not_migrate_again(
    fleet, ssh, declare, eventually, fault
):
    one = fleet.hosts[0]
    number, before = next(declare), ssh(one, "readlink -e /opt/shop/current")
    waits = {"before_switch": [{"name": "wait", "command": "sleep 612"}]}  # so that it is not switched before the kill
    play = {"hosts": "all", "become": True, "serial": 1, "roles": ["release", "node"], "hooks": waits}
    killed(fleet, ("MigrationEnded bin/migrate", "event"), fleet.play(play))
    if fault == "power cut":
        labs.restart(one.name, fleet.lab.name, hard=True)
    else:
        assert ssh(one, KILL)[0] == 0
    eventually(lambda: health(one)[0] == 200)
    assert ssh(one, "readlink -e /opt/shop/current") == before
    again, release = finished(fleet, ssh, number)
    assert again.of("MigrationEnded") == []
    assert history(ssh, one, release) == ["began", "done"]


def test_where_a_power_cut_ends_its_watcher_too_the_plan_says_so_and_the_database_decides(
    fleet, ssh, declare, eventually
):
    one, number = fleet.hosts[0], next(declare)
    with held(fleet):  # it has not ended when the power is cut
        killed(fleet, ("MigrationSaid migrating", "event"))
        labs.restart(one.name, fleet.lab.name, hard=True)
    eventually(lambda: health(one)[0] == 200)
    (roll,) = fleet.run("plan").of("RollPlanned")
    assert f"it began on {one.name} before, and it is not known how it ended" in roll["migrations"][0]
    _, release = finished(fleet, ssh, number)
    assert history(ssh, one, release) == ["began", "began", "done"]

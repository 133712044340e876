"""A release of rebar3 on real hosts, from nothing to a rollback, with the inventory of docs/from-rebar3.md."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.builds import Builds
from tests.lab.conftest import APPS
from tests.lab.fleet import COOKIE, PLAYBOOKS, fleet_of, health, untouched
from tests.lab.person import Person
from tests.unit.doc_examples import commands
from tests.unit.docs_kit import DOCS, blocks

GREETING = "Xq3-canary-greeting"
ROLL = PLAYBOOKS / "release.yml"
SHOWN = [example.text for example in commands(DOCS / "from-rebar3.md")]


@pytest.fixture(scope="module")
def bell(tmp_path_factory):
    """Its tarball of a version, or of ``VERSION+FAULT``."""
    return Builds(APPS / "bell", tmp_path_factory.mktemp("bell")).tarball


@pytest.fixture(scope="module")
def fleet(lab, tmp_path_factory, bell):
    """Two hosts with the words of the page."""
    (page,) = blocks("from-rebar3.md", "yaml")["2. Write the inventory"]
    words = yaml.safe_load(page)["all"]["children"]["bell"]["vars"]
    made = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 2), bell("0.1.0"))
    made.environ |= {"BELL_COOKIE": COOKIE, "BELL_GREETING": GREETING}
    made.words = words | {
        "release": words["release"] | {"tarball": str(bell("0.1.0"))},
        "firewall": words["firewall"] | {"admin": [lab.subnet]},
        "health": words["health"] | {"timeout": 60, "stable": 1},
    }
    return made


def test_it_is_deployed_migrated_and_as_declared(fleet, ssh):
    first = fleet.run("deploy")
    assert first.code == 0, first.out + first.err
    assert {each["node"] for each in first.of("RungRead", rung=Rung.HEALTH, ok=True)} == {
        f"bell@{host.address}" for host in fleet.hosts
    }
    assert [each["text"] for each in first.of("MigrationSaid")] == [f"migrated 0.1.0 {GREETING}"]
    one, other = fleet.hosts
    told = {"version": "0.1.0", "greeting": GREETING, "ring": 3, "nodes": [f"bell@{other.address}"]}
    assert health(one) == (200, told)
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, []), again.out
    said = fleet.words["health"]
    fleet.words["health"] = {"expr": "length(nodes()) =:= 1", "stable": 0}
    asked = fleet.run("verify")
    fleet.words["health"] = said
    assert (asked.code, {each["rung"] for each in asked.of("RungRead", ok=True)} >= {Rung.HEALTH}) == (0, True), (
        asked.out
    )
    audit = fleet.run("audit")
    assert (audit.code, audit.of("TaskPlanned", verdict="change")) == (0, [])


def test_nobody_sees_its_cookie_and_only_its_user_what_was_filled_in(fleet, ssh):
    host = fleet.hosts[0]
    seen = ssh(
        host, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; for p in $(pgrep -u bell); do cat /proc/$p/environ; done"
    )[1]
    assert "/erts-" in seen
    assert COOKIE not in seen
    assert "bell_cookie" not in seen, "that of its vm.args"
    assert GREETING not in ssh(host, "cat /proc/[0-9]*/cmdline")[1]
    where = f"grep -rlsF {GREETING} /run /etc/beam /opt /var/lib/beam"
    places = ssh(host, where)[1].split()
    assert "/run/beam/bell/tmp/sys.config" in places
    others = {place for place in places if "private/bell.env" not in place and "/ledger/migrations/" not in place}
    assert others == {"/run/beam/bell/tmp/sys.config"}, "but for where it is declared, and what a migration has said"
    assert ssh(host, "stat -c %a:%U /run/beam/bell/tmp/sys.config")[1] == "600:bell\n"


def test_its_commands_and_windows_speak_erlang(fleet, ssh):
    one, other = fleet.hosts
    assert ssh(one, "bell-ctl version; bell-ctl rpc 'io:format(\"~p~n\", [nodes()]).'") == (
        0, f"bell 0.1.0\n['bell@{other.address}']\n",
    )  # fmt: skip
    assert ssh(one, "bell-ctl pid")[1] == ssh(one, "systemctl show -p MainPID --value bell")[1]
    assert ssh(one, "bell-ctl eval 'foo('")[0] == 1
    said = ssh(one, "bell-ctl eval 'erlang:error(oops)'")
    assert (said[0], "exception error: oops" in said[1]) == (1, True)

    def asked(*words):
        argv = [*fleet.argv("version")[:1], *words, "-i", str(fleet.write())]
        done = subprocess.run(argv, env=fleet.environment(), capture_output=True, text=True, cwd=fleet.directory)
        return done.returncode, done.stdout

    (shown,) = (line for line in map(shlex.split, SHOWN) if line[:2] == ["deployer", "rpc"])
    assert asked("rpc", one.name, shown[3]) == (0, '"0.1.0"\n')
    assert asked("eval", one.name, 'io:format("~ts~n", ["grüße"]), {a, 1}') == (0, "grüße\n{a,1}\n")
    assert asked("eval", one.name, "foo(")[0] == 1
    assert "0.1.0" in asked("top", one.name, "--once")[1]
    argv = [*fleet.argv("version")[:1], "console", one.name, "-i", str(fleet.write())]
    person = Person(argv, environ=fleet.environment() | {"TERM": "xterm"}, directory=fleet.directory)
    person.waits_for(f"(bell@{one.address})1> ", 60)
    person.types("lists:sum([40, 2]).\r")
    person.waits_for("42")
    person.types("\x07")
    person.waits_for("User switch command")
    person.types("q\r")
    assert person.is_done() == 0


def test_a_configuration_that_is_no_term_stops_nothing(fleet, ssh):
    pid = ssh(fleet.hosts[0], "systemctl show -p MainPID bell")[1]
    fleet.environ["BELL_GREETING"] = f'{GREETING}"'
    ran = fleet.run("deploy")
    fleet.environ["BELL_GREETING"] = GREETING
    assert ran.code == 1
    assert "sys.config of the release is no Erlang term when its variables are filled in: at its line 2" in ran.out
    assert GREETING not in ran.out + ran.err
    assert ssh(fleet.hosts[0], "systemctl show -p MainPID bell")[1] == pid


def test_it_rolls_comes_back_and_is_rolled_back(fleet, bell, ssh):
    release, one = fleet.words["release"], fleet.hosts[0]
    fleet.words["release"] = release | {"tarball": str(bell("0.2.0"))}
    fleet.words["env"]["BELL_RING"] = "5"
    ran = fleet.run("deploy", playbook=ROLL)
    assert ran.code == 0, ran.out + ran.err
    assert (health(one)[1]["version"], health(one)[1]["ring"]) == ("0.2.0", 5)
    fleet.words["release"] = release | {"tarball": str(bell("0.2.0+crash"))}
    ran = fleet.run("deploy", playbook=ROLL)
    assert ran.code == 6, ran.out + ran.err
    assert "refuses_to_start" in ran.out
    assert health(one)[1]["version"] == "0.2.0"
    fleet.words["release"] = release | {"tarball": str(bell("0.2.0"))}
    ran = fleet.run("rollback")
    assert ran.code == 0, ran.out + ran.err
    assert [(health(host)[1]["version"], health(host)[1]["ring"]) for host in fleet.hosts] == [("0.1.0", 3)] * 2


def test_a_release_of_mix_takes_its_name_and_it_comes_back(fleet, demo_app, tmp_path, ssh):
    """What starts a node belongs to its release, also once the other one is good and its own file forgotten."""
    release = fleet.words["release"]
    tarball = labs.build_app(demo_app, version="0.9.0", release="bell", out=tmp_path)
    fleet.words["release"] = {name: word for name, word in release.items() if name != "migrate"} | {
        "tarball": str(tarball)
    }
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    assert [health(host)[1]["version"] for host in fleet.hosts] == ["0.9.0"] * 2
    one = fleet.hosts[0]
    assert ssh(one, "bell-ctl version; bell-ctl rpc 'IO.puts(1 + 1)'") == (0, "bell 0.9.0\n2\n")
    ran = fleet.run("rollback")
    assert ran.code == 0, ran.out + ran.err
    assert [health(host)[1]["version"] for host in fleet.hosts] == ["0.2.0"] * 2
    assert ssh(one, "bell-ctl version; bell-ctl rpc 'io:put_chars(\"2\\n\").'") == (0, "bell 0.2.0\n2\n")

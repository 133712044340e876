"""The general modules on a real host: look, fix, look again, and let testinfra say what it sees."""

# ruff: noqa: S604 - "shell" is the name of a module here
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer import modules
from deployer.errors import ConfigError
from deployer.lab import Lab, LabHost
from deployer.model import Connection, Secret, Unknown
from deployer.modules import Step
from deployer.modules.base import sh
from deployer.transport import SshOptions, open_transport
from tests.lab.fleet import untouched
from tests.lab.module_bench import REPOSITORY, Bench, make

UNIT = "[Service]\nExecStart=/usr/bin/sleep {}\n[Install]\nWantedBy=multi-user.target\n"
SERVICE = "/etc/systemd/system/shop.service"


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return untouched(lab, 1)[0]


@pytest.fixture
def bench(host: LabHost, tmp_path: Path) -> Iterator[Bench]:
    home = host.home.parent.parent
    known = {"userknownhostsfile": str(home / "known_hosts")}
    connection = Connection(host.address, user="root", private_key=home / "id_ed25519", ssh_options=known)
    transport = open_transport(host.name, connection, SshOptions(ssh_config=None, home=tmp_path))
    yield Bench(transport)
    transport.close()


@pytest.fixture
def witness(host: LabHost, testinfra_host: Callable[[LabHost], Any]) -> Any:
    return testinfra_host(host)


def test_every_example_converges_on_a_fresh_host(bench: Bench, witness: Any) -> None:
    bench.run((Step("let a container's kernel be told", sh("mount -o remount,rw,bind /proc/sys")),))
    for name in ("group", "user", "copy", "template", "file", "command", "shell", "systemd_unit", "systemd", "sysctl"):
        for task in yaml.safe_load(modules.class_of(name).EXAMPLE):
            bench.apply(name, **task[name])
    assert witness.user("shop").shell == "/usr/sbin/nologin"
    assert witness.user("shop").group == "users"
    assert witness.file("/etc/motd").content_string == "This host runs the shop.\n"
    assert witness.file("/etc/sudoers.d/shop").mode == 0o440
    assert witness.file("/srv/shop/uploads").mode == 0o750
    assert witness.file("/srv/uploads").linked_to == "/srv/shop/uploads"
    assert witness.file("/srv/shop.db").mode == 0o600
    assert witness.service("shop.service").is_running
    assert witness.service("shop.service").is_enabled
    assert witness.sysctl("net.ipv4.tcp_max_syn_backlog") == 4096


def test_what_an_environment_says_is_what_a_unit_is_given(bench: Bench, host: LabHost, ssh: Any) -> None:
    """Reported of others: basecamp/kamal#1467, #1911, #1114, systemd/systemd#19014, #10659, ddollar/foreman#668."""
    values = {"PEM": "-----BEGIN\nabc\n-----END\n", "DOLLAR": "pa$1wor$D", "HASH": "foo#$123", "SPECIFIER": "(uid=%s)",
              "QUOTES": "a\\b\"c'd", "BLANKS": " lead and end ", "TAIL": "ends in \\", "EMPTY": ""}  # fmt: skip
    bench.apply("env_file", path="/etc/values.env", values=values)
    unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nEnvironmentFile=/etc/values.env\n"
    unit += "ExecStart=/bin/sh -c 'env -0 >/run/said'\n"
    bench.apply("systemd_unit", name="values.service", content=unit)
    bench.apply("systemd", name="values.service", state="started")
    said = dict(word.partition("=")[::2] for word in ssh(host, "cat /run/said")[1].split("\0"))
    assert {name: said.get(name) for name in values} == values


def test_an_account_is_made_changed_and_deleted(bench: Bench, witness: Any) -> None:
    bench.apply("group", name="ops", gid=1500)
    bench.apply("user", name="ann", uid=1500, group="ops", groups=["adm", "users"], shell="/bin/sh", comment="Ann")
    assert (witness.user("ann").uid, witness.user("ann").gid, witness.file("/home/ann").user) == (1500, 1500, "ann")
    assert bench.apply("user", name="ann", groups=["sudo"], append=True, password_lock=True) == ["groups"]
    assert set(witness.user("ann").groups) == {"ops", "adm", "users", "sudo"}
    assert bench.apply("user", name="ann", groups=["sudo"], home="/srv/ann") == ["groups", "home", "home_made"]
    assert witness.file("/srv/ann").user == "ann"
    bench.apply("user", name="ann", state="absent", remove=True)
    bench.apply("group", name="ops", state="absent")
    assert not witness.user("ann").exists
    assert not witness.group("ops").exists


def test_a_secret_file_is_for_its_owner_only_and_names_no_secret(bench: Bench, witness: Any) -> None:
    bench.apply("copy", dest="/etc/token", content=Secret("canary-token-1"), owner="nobody")
    assert (witness.file("/etc/token").mode, witness.file("/etc/token").user) == (0o600, "nobody")
    plan = bench.plan(make("copy", {"dest": "/etc/token", "content": Secret("canary-token-2")}))
    assert re.fullmatch("secret:different [0-9a-f]{16}", plan["content"][0])
    assert "canary" not in repr(plan)


def test_a_refused_draft_leaves_the_old_file_and_nothing_else(bench: Bench, witness: Any) -> None:
    bench.apply("copy", dest="/srv/shop.conf", content="good\n", mode="0640", group="adm")
    refused = make("copy", {"dest": "/srv/shop.conf", "content": "bad\n", "validate": "grep good %s"})
    (frame,) = bench.run(refused.fix(refused.differences(refused.parse(bench.ask(refused).out))))
    assert frame.rc != 0
    assert witness.file("/srv/shop.conf").content_string == "good\n"
    assert witness.file("/srv").listdir() == ["shop.conf"]
    bench.apply("copy", dest="/srv/shop.conf", content="better\n")
    assert (witness.file("/srv/shop.conf").mode, witness.file("/srv/shop.conf").group) == (0o640, "adm")


def test_a_unit_is_written_read_started_restarted_and_deleted(bench: Bench, witness: Any) -> None:
    bench.apply("systemd_unit", name="shop.service", content=UNIT.format("1001"))
    bench.apply("systemd", name="shop", state="started", enabled=True)
    old = witness.service("shop").systemd_properties["MainPID"]
    bench.apply("systemd_unit", name="shop.service", content=UNIT.format("1002"))
    assert witness.service("shop").systemd_properties["MainPID"] == old, "only a handler restarts"
    restart = make("systemd", {"name": "shop", "state": "restarted"})
    assert [frame.rc for frame in bench.run(restart.act())] == [0] * len(restart.act())
    assert witness.service("shop").systemd_properties["MainPID"] != old
    bench.apply("systemd", name="shop", state="stopped", enabled=False)
    bench.apply("systemd", name="shop", masked=False)
    bench.apply("systemd_unit", name="shop.service", state="absent")
    assert not witness.service("shop").exists


def test_a_unit_file_that_was_only_copied_is_read_anew(bench: Bench, witness: Any) -> None:
    bench.apply("systemd_unit", name="shop.service", content=UNIT.format("1001"))
    bench.apply("systemd", name="shop", state="started")
    bench.apply("file", path=f"{SERVICE}.d", state="directory")
    bench.apply("copy", dest=f"{SERVICE}.d/limits.conf", content="[Service]\nLimitNOFILE=4321\n")
    assert bench.apply("systemd", name="shop", state="started") == ["reload"]
    assert witness.service("shop").systemd_properties["LimitNOFILE"] == "4321"


def test_a_unit_that_systemd_cannot_load_does_not_converge(bench: Bench) -> None:
    broken = make("systemd_unit", {"name": "shop.service", "content": "[Service]\nType=nonsense\n"})
    bench.run(broken.fix(broken.differences(broken.parse(""))))
    assert bench.plan(broken) == {"load": ("bad-setting", "loaded")}


def test_a_service_that_cannot_start_says_why(bench: Bench) -> None:
    text = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no room for $0; exit 7' canary\n"
    bench.apply("systemd_unit", name="shop.service", content=text)
    started = make("systemd", {"name": "shop", "state": "started"})
    *_, last = bench.run(started.fix(started.differences(started.parse(bench.ask(started).out))))
    assert last.rc != 0
    assert "no room for canary" in last.out
    many = 'trap "" TERM; for i in $(seq 40); do sleep 60 & done; echo waits for canary; wait'
    limits = "TimeoutStartSec=1\nTimeoutStopSec=1"
    text = f"[Service]\nType=oneshot\n{limits}\nExecStart=/bin/sh -c '{many}'\n"
    bench.apply("systemd_unit", name="slow.service", content=text)
    started = make("systemd", {"name": "slow", "state": "started"})
    *_, last = bench.run(started.fix(started.differences(started.parse(bench.ask(started).out))))
    assert "waits for canary" in last.out
    assert "start operation timed out" in last.out


def test_packages_are_seen_and_removed(bench: Bench, witness: Any) -> None:
    assert bench.plan(make("package", {"name": ["sudo", "nftables", "not-there"]})) == {
        "not-there": ("absent", "present")
    }
    bench.apply("dpkg_selections", name="nftables", selection="hold")
    assert witness.check_output("apt-mark showhold") == "nftables"
    bench.apply("dpkg_selections", name="nftables", selection="install")
    assert witness.check_output("apt-mark showhold") == ""
    bench.apply("package", name=["nftables", "not-there"], state="absent")
    assert not witness.package("nftables").is_installed


def test_parts_of_a_file_are_put_in_taken_out_and_replaced(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    assert (
        ssh(host, "printf 'a=1\\nb=old\\n' >/srv/conf && chown nobody:daemon /srv/conf && chmod 0640 /srv/conf")[0] == 0
    )
    bench.apply("lineinfile", path="/srv/conf", regexp="^a=", line="a=2")
    bench.apply("replace", path="/srv/conf", regexp=r"\bold\b", replace="new", backup=True)
    bench.apply("blockinfile", path="/srv/conf", block="c=3\n", insertafter="^a")
    bench.apply("lineinfile", path="/srv/conf", line="b=new", state="absent")
    conf = witness.file("/srv/conf")
    assert conf.content_string == "a=2\n# BEGIN ANSIBLE MANAGED BLOCK\nc=3\n# END ANSIBLE MANAGED BLOCK\n"
    assert (conf.user, conf.group, conf.mode) == ("nobody", "daemon", 0o640)
    assert "b=old" in ssh(host, "cat /srv/conf.*~")[1]
    made = make("lineinfile", {"path": "/srv/conf", "line": "late"})
    changes = made.differences(made.parse(bench.ask(made).out))
    assert ssh(host, "echo meanwhile >>/srv/conf")[0] == 0
    (done,) = bench.run(made.fix(changes))
    assert (done.rc, "has changed since it was read" in done.out) == (1, True)


OTHER_APT = """perl -MFcntl -e 'open F, ">>", "/var/lib/dpkg/lock-frontend" or die;
  my $all = pack("s s l! l! i", F_WRLCK, 0, 0, 0, 0); fcntl F, F_SETLK, $all or die; mkdir "/run/locked" or die;
  until (grep { open C, "<", $_ and <C> =~ /^apt-get$/ } glob "/proc/[0-9]*/comm") { select undef, undef, undef, 0.05 }
  rmdir "/run/locked"' >/dev/null 2>&1 & until [ -e /run/locked ]; do sleep 0.05; done"""
"""Holds dpkg as unattended-upgrades does, until an apt-get waits for it."""


def test_apt_installs_upgrades_and_purges_from_a_repository(
    bench: Bench, witness: Any, ssh: Any, host: LabHost
) -> None:
    publish = f"{REPOSITORY}{{ make one 1; make two 1; }} >/srv/repo/Packages"
    assert ssh(host, f"{publish} && rm -f /etc/apt/sources.list.d/* && cat /etc/apt/sources.list")[0] == 0
    assert ssh(host, "echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list")[0] == 0
    bench.apply("apt", name=["one", "two=1"], update_cache=True, cache_valid_time=3600, install_recommends=False)
    assert witness.package("one").version == witness.package("two").version == "1"
    assert ssh(host, f"{REPOSITORY}make one 2 >/srv/repo/Packages && apt-get -q update")[0] == 0
    assert bench.plan(make("apt", {"name": ["one"]})) == {}
    kept = "apt-cache policy one >/dev/null; touch /var/lib/dpkg/status; stat -c %y /var/cache/apt/*.bin"
    before = ssh(host, kept)
    assert bench.plan(make("apt", {"name": ["two", "one"], "state": "latest"})) == {"one": ("1", "latest")}
    assert ssh(host, kept.rpartition(";")[2]) == before, "a plan has written what apt keeps"
    bench.apply("apt", name=["one"], state="latest")
    assert witness.package("one").version == "2"
    bench.apply("apt", name=["one"], state="absent", purge=True)
    assert not witness.file("/etc/one/conf").exists
    for kind in ("apt", "package"):
        assert ssh(host, OTHER_APT)[0] == 0
        bench.apply(kind, name=["one"])
        assert witness.package("one").version == "2"
        assert ssh(host, "dpkg --purge one")[0] == 0
    bench.apply("apt", deb="/srv/repo/one_1.deb")
    assert witness.package("one").version == "1"
    (done,) = bench.run(make("apt", {"update_cache": True}).act())
    assert done.rc == 0, done.out


def test_a_guarded_command_runs_once_and_as_another_user(bench: Bench, witness: Any) -> None:
    bench.apply("file", path="/srv/data", state="directory", owner="nobody")
    module = make("shell", {"cmd": "id -un > who", "chdir": "/srv/data", "creates": "/srv/data/who"})
    assert bench.plan(module) == {"run": ("needed", "not needed")}
    bench.run(module.fix(module.differences(module.parse(bench.ask(module).out))), user="nobody")
    assert witness.file("/srv/data/who").content_string == "nobody\n"
    assert bench.plan(module) == {}


def test_what_only_an_earlier_task_can_make_is_unknown(bench: Bench) -> None:
    for module in (
        make("file", {"path": "/srv/later", "mode": "0644"}),
        make("command", {"cmd": "true", "creates": "/srv/x", "chdir": "/srv/later"}),
        make("command", {"cmd": "true", "onlyif": "program-that-comes-later"}),
    ):
        frame = bench.ask(module)
        assert frame.rc == 3, frame
        assert isinstance(Unknown(frame.out), Unknown)
        assert "not there yet" in frame.out


def test_one_kind_does_not_take_the_place_of_another(bench: Bench) -> None:
    module = make("copy", {"dest": "/srv", "content": "x"})
    with pytest.raises(ConfigError, match="is a directory"):
        module.parse(bench.ask(module).out)


def test_probes_leave_no_trace(bench: Bench, host: LabHost, ssh: Callable[..., tuple[int, str]]) -> None:
    look = "find / -xdev -newer /tmp/mark -not -path '/tmp*' -not -path '/var/log/*' -not -path '/run*'"
    assert ssh(host, "touch /tmp/mark")[0] == 0
    before = ssh(host, look)[1]
    for name in ("group", "user", "copy", "file", "command", "shell", "systemd_unit", "systemd", "sysctl", "package"):
        for task in yaml.safe_load(modules.class_of(name).EXAMPLE):
            bench.ask(make(name, task[name]))
    assert ssh(host, look)[1] == before

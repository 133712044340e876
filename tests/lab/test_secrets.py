"""Nobody sees a secret: canaries are looked for wherever one could turn up, on the hosts, on this machine, on the wire.

What is not proven here is proven where docs/secrets.md says.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer import lab as labs
from deployer.app import run
from deployer.beam.cookie import generate
from deployer.engine.roll.play import Goal
from deployer.lab import Lab
from deployer.options import Options
from deployer.transport.wire import Client
from tests.lab.canaries import DECLARED, NOBODY, Canaries, Watched, leaked_here, modes, secret_files, set_sudo_password
from tests.lab.conftest import Ssh
from tests.lab.fleet import LEFTOVERS, PLAYBOOKS, fleet_of
from tests.lab.sampler import watching
from tests.samples import some


@pytest.fixture(scope="module")
def canaries(
    lab_of: Callable[..., Lab], demo_release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, ssh: Ssh
) -> Canaries:
    """Two hosts; on one of them sudo asks for a password, which no other host of any lab on this machine has."""
    lab = lab_of("default", "sudo-password")
    place = tmp_path_factory.mktemp("secrets")
    values = {
        "cookie": generate(),
        "from a file": f"canary-{secrets.token_hex(16)}",
        "from a program": f"can'ary \"{secrets.token_hex(16)}$x`",
        "sudo": f"canary-{secrets.token_hex(16)}",
    }
    set_sudo_password(lab.hosts[1], values["sudo"], ssh)
    fleet = fleet_of(place, lab.hosts, demo_release("0.1.0"))
    fleet.environ = {"TMPDIR": str(place / "tmp")}
    (place / "tmp").mkdir()
    for name in ("cookie", "from a file", "from a program", "sudo"):
        (place / name).touch(0o600)
        (place / name).write_text(values[name])
    fleet.words["env"] = {
        "PORT": "4000",
        "DB_PASSWORD": {"file": str(place / "from a file")},
        "TOKEN": {"command": ["cat", str(place / "from a program")]},
    }
    fleet.of[lab.hosts[1].name] = {"ansible_become_password": {"file": str(place / "sudo")}}
    return Canaries(fleet, values)


@pytest.fixture(scope="module")
def watched(canaries: Canaries, ssh: Ssh) -> Watched:
    """A first deploy, then every command and everything a person does on a host, under constant watch."""
    hosts = canaries.fleet.hosts
    needles = canaries.needles
    with (
        watching(needles, "cmdline", NOBODY) as arguments,
        watching(needles, "environ", 0) as environments,
        modes(hosts[0]) as wide,
    ):
        assert canaries.show("deploy", "-vvv", "--diff") == 0, canaries.output
        for command in ("rpc 'IO.puts(node())'", "pid", "eval 'IO.puts(1)'", "version"):
            assert ssh(hosts[0], f"demo-ctl {command}")[0] == 0
        ssh(hosts[0], "printf 'node()\\n' | demo-ctl remote")
        assert ssh(hosts[0], "demo-ctl stop")[0] == 0
        assert canaries.show("verify", "-vvv") == 1
        assert canaries.show("plan", "--diff", "--json", "-vvv") == 0
        assert canaries.show("deploy", "--json", "-vvv") == 0
        assert canaries.show("audit", "-vvv") == 0
        assert canaries.show("render", "--host", hosts[1].name) == 0
        assert canaries.inventory() == 0
    return Watched(arguments, environments, wide)


def test_no_secret_is_in_the_arguments_of_any_process_anywhere(watched: Watched) -> None:
    assert watched.arguments.rounds > 200
    assert watched.arguments.hits == []


def test_no_process_but_the_node_and_its_own_commands_has_a_secret_in_its_environment(
    watched: Watched, canaries: Canaries, ssh: Ssh
) -> None:
    assert watched.environments.rounds > 200
    user = int(ssh(canaries.fleet.hosts[0], "id -u demo")[1])
    assert {name.rsplit(" ", 1)[0] for name, *_ in watched.environments.hits} <= {"from a file", "from a program"}
    others = {hit for hit in watched.environments.hits if hit[2] != user}
    # The rehearsal of a start hands the node's environment on while it becomes the node's user.
    assert {command for *_, command in others} <= {"setpriv"}


def test_no_moment_has_a_file_that_others_could_open(watched: Watched) -> None:
    assert watched.wide == set()


def test_no_command_prints_a_secret_however_much_it_is_asked_to_say(watched: Watched, canaries: Canaries) -> None:
    assert len(canaries.output) == 7
    for command, said in canaries.output.items():
        assert len(said) > 100, command
        found = [name for name, needle in canaries.needles.items() if needle in said]
        assert found == [], command


def test_neither_journal_nor_units_nor_any_readable_file_shows_a_secret(
    watched: Watched, canaries: Canaries, ssh: Ssh
) -> None:
    nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups --"
    looks = (
        "journalctl --sync; journalctl --no-pager -a -o export",
        f"{nobody} systemctl show --all '*'",
        f"{nobody} systemctl show --all demo.service",
        f"{nobody} systemctl cat demo.service beam-epmd@4369.service",
        f"{nobody} systemctl status -l -n 1000 demo.service",
    )
    for host in canaries.fleet.hosts:
        for look in looks:
            _, said = ssh(host, look)
            assert len(said) > 200, look
            assert [name for name, needle in canaries.needles.items() if needle in said] == [], look
        everything = f"{nobody} grep -rlaF -f - --exclude-dir=proc --exclude-dir=sys / 2>/dev/null"
        assert ssh(host, everything, stdin=canaries.lines())[1] == ""


def test_a_host_has_a_secret_only_where_it_was_declared(watched: Watched, canaries: Canaries, ssh: Ssh) -> None:
    for host in canaries.fleet.hosts:
        assert secret_files(host, ssh, canaries) == DECLARED
        for path in sorted(DECLARED):
            told = ssh(host, f"stat -c '%a %U' {path.replace('/ID/', '/*/')}")[1].splitlines()
            assert told, path
            assert set(told) <= {"400 root", "440 root", "400 demo"}, path
        assert ssh(host, "find /opt/demo -name COOKIE")[1] == ""


STEPS = ["write /etc/beam/demo/private/cookie", "unpack demo 0.1.0", "restart demo.service"]


@pytest.mark.parametrize("step", some(STEPS, 2, "DEPLOYER_LAB_ALL"))
def test_a_run_killed_at_any_step_leaves_no_secret_here_and_none_astray_there(
    canaries: Canaries, ssh: Ssh, step: str
) -> None:
    lab = canaries.fleet.lab.name
    labs.reset(None, lab)
    fresh = labs.status(lab)
    assert fresh
    canaries.fleet.hosts = fresh.hosts
    set_sudo_password(fresh.hosts[1], canaries.values["sudo"], ssh)
    process = canaries.fleet.start("deploy")
    assert process.stdout
    for line in process.stdout:
        if '"StepDone"' in line and step in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert leaked_here(canaries) == set()
    assert list((canaries.fleet.directory / "tmp").iterdir()) == []
    assert canaries.show("deploy") == 0
    for host in fresh.hosts:
        assert secret_files(host, ssh, canaries) == DECLARED
        assert ssh(host, LEFTOVERS) == (0, "")


def test_on_the_wire_a_secret_is_only_ever_input_of_a_constant_command(
    canaries: Canaries, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    commands: set[str] = set()
    sent = Client.exec

    def recorded(self: Client, channel: Any, command: str) -> None:
        commands.add(command)
        sent(self, channel, command)

    monkeypatch.setattr(Client, "exec", recorded)
    monkeypatch.chdir(canaries.fleet.directory)
    monkeypatch.setenv("HOME", str(canaries.fleet.directory))
    with caplog.at_level(logging.DEBUG), (tmp_path / "out").open("w+") as out:
        options = Options(
            playbook=str(PLAYBOOKS / "site.yml"), inventory=(str(canaries.fleet.write()),), verbose=3, diff=True
        )
        assert run(Goal.DEPLOY, options, out) == 0
    said = "".join([*commands, caplog.text, (tmp_path / "out").read_text()])
    assert caplog.text, "paramiko says nothing at its loudest"
    assert [name for name, needle in canaries.needles.items() if needle in said] == []
    # One for root, one with the prompt of the one host whose sudo asks; whatever a play holds, these do not change.
    assert len(commands) == 2, commands


@pytest.mark.parametrize("file", ["cmdline", "environ"])
def test_the_watch_would_have_noticed(file: str) -> None:
    canary = secrets.token_hex(16)
    with watching({"canary": canary}, file, NOBODY if file == "cmdline" else 0) as seen:
        environ = {"PATH": os.environ["PATH"], "CANARY": canary}
        with subprocess.Popen(["sh", "-c", "read line", canary], env=environ, stdin=subprocess.PIPE):
            seen.looks_around()
    assert {name for name, *_ in seen.hits} == {"canary"}

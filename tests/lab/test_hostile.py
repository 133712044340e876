"""Hostile strings arrive as one literal value each, and nothing of them is ever run: no canary sings."""

from __future__ import annotations

import pytest

from tests.lab.fleet import Fleet, fleet_of, health, untouched

HOSTILE = (
    'it\'s "$(touch /canary-1)" `touch /canary-2` \\ \\\\ %n %% ${HOME} $HOME ; touch /canary-3 | & < > * ? [a] ~ #\n'
    "User=root\nExecStartPre=/usr/bin/touch /canary-4\n'; touch /canary-5; '\ttab \x1b[31m ü € 🜚 -e"
)
PATH = '/srv/it\'s a $(touch canary-6) "quoted" `touch canary-7` \\ ; touch canary-8'
CANARIES = "find / -xdev -name 'canary-*' -not -path '/srv/*'"


@pytest.fixture
def fleet(lab, demo_release, tmp_path) -> Fleet:
    return fleet_of(tmp_path, untouched(lab, 1), demo_release("0.1.0"))


def test_in_the_environment_and_the_flags_of_a_node(fleet, ssh):
    (host,) = fleet.hosts
    fleet.environ = {"HOSTILE": HOSTILE}
    fleet.words["env"] = {"PORT": "4000", "DEMO_GREETING": HOSTILE, "OTHER": {"env": "HOSTILE"}}
    fleet.words["nodes"] = [
        {"name": "demo", "vm_args": ["-note '$(touch /canary-9)' `touch /canary-10` ; touch /canary-11", "-env A %n"]}
    ]
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out
    assert health(host)[1]["greeting"] == HOSTILE
    told = ssh(host, "tr '\\0' '\\1' </proc/$(systemctl show -p MainPID --value demo)/environ")[1].split("\1")
    assert f"OTHER={HOSTILE}" in told
    out = ssh(host, "demo-ctl rpc 'IO.puts(System.get_env(\"OTHER\"))'")
    assert out == (0, HOSTILE + "\n")
    assert ssh(host, CANARIES) == (0, "")
    assert ssh(host, "systemctl show -p ExecStartPre,User demo | grep -c canary") == (1, "0\n")
    assert fleet.run("audit").code == 0


def test_in_every_argument_of_a_playbook(fleet, ssh):
    (host,) = fleet.hosts
    (fleet.directory / "text.j2").write_text("{{ hostile }}")
    tasks = [
        {"name": HOSTILE, "copy": {"dest": PATH, "content": HOSTILE}},
        {"template": {"src": str(fleet.directory / "text.j2"), "dest": f"{PATH}.j2"}},
        {"file": {"path": f"{PATH}.d", "state": "directory"}},
        {"file": {"path": f"{PATH}.link", "src": PATH, "state": "link"}},
        {"user": {"name": "odd", "comment": "it's $(touch /canary-12) `touch /canary-13`"}},
        {
            "command": {
                "argv": ["sh", "-c", 'printf %s "$1" >/srv/argv', "x", "{{ hostile }}"],
                "creates": "/srv/argv",
                "expand_argument_vars": False,  # else $HOME in it is expanded, as by Ansible
            }
        },
        {
            "shell": {
                "cmd": 'printf %s "$TOLD" >/srv/shell; printf %s {{ hostile | quote }} >/srv/q',
                "creates": "/srv/shell",
            },
            "environment": {"TOLD": "{{ hostile }}"},
        },
        {"copy": {"dest": "/srv/loop", "content": "{{ item }}"}, "loop": ["{{ hostile }}"]},
    ]
    play = {"name": HOSTILE, "hosts": "all", "become": True, "vars": {"hostile": HOSTILE}, "tasks": tasks}
    book = fleet.play(play)
    fleet.words = {}
    shown = fleet.show("plan", "--diff", "-v", playbook=book)
    assert shown.code == 0, shown.err
    assert "\x1b" not in shown.out, "what is printed moves no cursor"
    ran = fleet.run("deploy", playbook=book)
    assert ran.code == 0, ran.err + ran.out
    for place in (PATH, f"{PATH}.j2", "/srv/argv", "/srv/shell", "/srv/q", "/srv/loop"):
        assert (host.upper / place[1:]).read_text() == HOSTILE, place
    assert (host.upper / PATH[1:]).parent.joinpath(f"{PATH[5:]}.link").readlink().as_posix() == PATH
    assert ssh(host, CANARIES) == (0, "")
    assert not list(fleet.directory.glob("canary-*"))
    assert fleet.run("audit", playbook=book).code == 0

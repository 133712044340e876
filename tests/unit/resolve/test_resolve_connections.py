"""Where a host is, who logs in, and as whom its commands run."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.model import Secret
from deployer.resolve import CliConnection
from tests.unit.project_files import CANARY, Project


def test_a_connection_comes_from_variables_and_then_from_the_command_line(project: Project) -> None:
    project.write(
        "hosts.yml",
        """\
all:
  hosts:
    a:
      ansible_host: "{{ net }}.7"
      ansible_port: "2222"
      ansible_user: deploy
      ansible_ssh_private_key_file: /keys/id
      ansible_become: true
      ansible_become_password: {env: BECOME_PASSWORD}
      ansible_ssh_common_args: -o ProxyJump=bastion -oStrictHostKeyChecking=yes -o "ConnectTimeout 5"
      ansible_python_interpreter: /usr/bin/python3
    b: {ansible_connection: local}
  vars: {net: 10.9.8}
""",
    )
    project.tasks("- command: x")
    cli = CliConnection(user="cli", private_key=Path("/cli"), become_password=Secret("cli"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BECOME_PASSWORD", CANARY)
        resolver = project.resolver(cli=cli)
        a, b = (resolver.connection(host) for host in resolver._inventory.hosts.values())
    assert (a.address, a.port, a.user, a.private_key, a.become) == ("10.9.8.7", 2222, "deploy", Path("/keys/id"), True)
    assert a.become_password == Secret(CANARY)
    assert a.ssh_options == {"proxyjump": "bastion", "stricthostkeychecking": "yes", "connecttimeout": "5"}
    assert CANARY not in repr(a)
    assert (b.address, b.user, b.private_key, b.local, b.become) == ("b", "cli", Path("/cli"), True, False)


@pytest.mark.parametrize("words", ["-J root@bastion", "-Jroot@bastion", "-o ProxyJump=root@bastion"])
def test_a_jump_may_be_written_as_ssh_has_it_on_its_command_line(project: Project, words: str) -> None:
    project.write("hosts.yml", f"all: {{hosts: {{a: {{ansible_host: 10.0.0.1, ansible_ssh_common_args: {words}}}}}}}")
    project.tasks("- command: x")
    resolver = project.resolver()
    (host,) = resolver._inventory.hosts.values()
    assert resolver.connection(host).ssh_options == {"proxyjump": "root@bastion"}


@pytest.mark.parametrize(
    ("variable", "problem", "hint"),
    [
        ("ansible_password: x", "ansible_password is not supported", "keys"),
        ("ansible_ssh_common_args: -o ForwardAgent=yes", "ForwardAgent", "ProxyJump"),
        ("ansible_ssh_common_args: -J", "ansible_ssh_common_args: -J is not understood", "write -J HOST"),
        ("ansible_ssh_common_args: -o ProxyJump=", "-o ProxyJump= is not understood", "write -J HOST"),
        ("ansible_ssh_common_args: -A", "ansible_ssh_common_args: -A is not understood", "write -J HOST, -o UserKnown"),
        ("ansible_port: 22:22", "ansible_port must be a whole number", ""),
        ("ansible_port: 99999", "99999 is not a TCP port", "1 to 65535"),
        ("ansible_user: a b", "'a b' is not a user name", "letters"),
        ("ansible_become: y", "ansible_become must be true or false", "true or false"),
        ("ansible_connection: docker", "cannot be 'docker'", "local"),
        ("ansible_become_method: su", "cannot be 'su'", "only sudo is supported: remove the word or write sudo"),
        ("ansible_host: -oProxyCommand=id", "is not a host name or address", ""),
        ("ansible_host: 'a b'", "is not a host name or address", ""),
        ("ansible_host: '::1%eth0'", "has an IPv6 zone", "a global address"),
        ("ansible_host: 10.0.0.300", "'10.0.0.300' is not an IP address", "such as 10.0.0.7"),
        (f"ansible_host: {'a' * 70}.example.com", "is not a host name or address", "at most 253"),
    ],
)
def test_a_wrong_connection_variable_is_refused_with_its_place(
    project: Project, variable: str, problem: str, hint: str
) -> None:
    project.write("hosts.yml", f"all:\n  hosts:\n    a:\n      {variable}\n")
    project.tasks("- command: x")
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert caught.value.where == f"{project.directory}/hosts.yml:4:7"
    assert problem in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("play", "task", "user"),
    [
        ({}, "command: {cmd: x, creates: /x}", None),
        ({"become": "true"}, "command: {cmd: x, creates: /x}", None),
        ({"become": "true"}, "command: {cmd: x, creates: /x}\n  become_user: app", "app"),
        ({"become": "true", "become_user": "app"}, "shell: {cmd: x, creates: /x}", "app"),
        ({"become": "true"}, "command: {cmd: x, creates: /x}\n  become: false", "deploy"),
        ({}, "command: {cmd: x, creates: /x}\n  become: true\n  become_user: app", "app"),
        ({}, "command: {cmd: x, creates: /x}\n  become_user: app", None),
    ],
)
def test_a_command_runs_as_the_user_that_play_and_task_ask_for(
    project: Project, play: dict[str, str], task: str, user: str | None
) -> None:
    project.write("hosts.yml", "all: {hosts: {a: {ansible_user: deploy}}}\n")
    project.tasks(f"- {task}", **play)
    found = project.resolve()
    assert found.actions[0].user == user
    assert found.become is ("true" in play.get("become", "") or "become: true" in task)

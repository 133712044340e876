"""Which tasks wait for a new login: those that say so, and those that could cut one off."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.resolve import Action
from tests.unit.project_files import Project

ROOT = """\
all:
  hosts:
    a: {ansible_host: 10.0.0.1, ansible_user: deploy, ansible_become: true}
    b: {ansible_host: 10.0.0.2, ansible_user: deploy}
    c: {ansible_connection: local}
"""


def one(project: Project, task: str, host: str = "a") -> Action:
    project.write("hosts.yml", ROOT)
    project.tasks(f"- {task}")
    (action,) = project.actions(host)
    return action


@pytest.mark.parametrize(
    ("task", "seconds"),
    [
        ("copy: {dest: /etc/ssh/sshd_config, content: x}", 60),
        ("copy: {dest: /etc/ssh/sshd_config.d/a.conf, content: x}", 60),
        ("lineinfile: {path: /etc/ssh/sshd_config, line: x}", 60),
        ("copy: {dest: /etc/ssh/ssh_config, content: x}", 0),
        ("copy: {dest: /etc/default/ssh, content: x}", 60),
        ("copy: {dest: /etc/systemd/system/ssh.socket.d/port.conf, content: x}", 60),
        ("copy: {dest: /etc/systemd/system/sshd.service, content: x}", 60),
        ("copy: {dest: /etc/systemd/system/sshguard.service, content: x}", 0),
        ("copy: {dest: /etc/sudoers.d/, src: /srv/shop, remote_src: true}", 60),
        ("pam_limits: {domain: '*', limit_type: hard, limit_item: maxlogins, value: 1}", 60),
        ("ini_file: {path: /etc/systemd/network/a.network, section: Network, option: DHCP, value: 'yes'}", 60),
        ("ini_file: {path: /etc/agent.ini, section: a, option: b, value: c}", 0),
        ("copy: {dest: /etc/sudoers.d/shop, content: x}", 60),
        ("copy: {dest: /home/deploy/.ssh/authorized_keys, content: x}", 60),
        ("file: {path: /home/deploy/.ssh, state: directory}", 60),
        ("authorized_key: {user: root, key: ssh-ed25519 AAAA x}", 60),
        ("authorized_key: {user: deploy, key: ssh-ed25519 AAAA x, path: /home/deploy/.ssh/authorized_keys}", 60),
        ("authorized_key: {user: deploy, key: ssh-ed25519 AAAA x}", 0),
        ("copy: {dest: /etc/netplan/a.yaml, content: x}", 60),
        ("copy: {dest: /etc/motd, content: x}", 0),
        ("user: {name: deploy, shell: /bin/sh}", 60),
        ("user: {name: root}", 60),
        ("user: {name: shop}", 0),
        ("group: {name: shop}", 0),
        ("systemd: {name: ssh, state: started}", 0),
    ],
)
def test_what_could_cut_off_a_login_waits_unasked(project: Project, task: str, seconds: int) -> None:
    action = one(project, task)
    assert action.confirm == seconds
    assert bool(action.undoes) == bool(seconds)


@pytest.mark.parametrize("dest", ["/etc/sudoers.d/", "/etc/sudoers.d"])
def test_what_a_file_of_the_host_becomes_in_a_directory_is_taken_back_too(project: Project, dest: str) -> None:
    undoes = one(project, f"copy: {{dest: {dest}, src: /srv/shop, remote_src: true}}").undoes
    assert "/etc/sudoers.d/shop" in undoes


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("60s", 60), ("2m", 120), ("45", 45), ("'{{ 40 + 2 }}s'", 42), ("false", 0), ("5s", 5), ("60m", 3600)],
)
def test_a_task_says_how_long(project: Project, said: str, seconds: int) -> None:
    assert one(project, f"{{copy: {{dest: /etc/ssh/sshd_config, content: x}}, confirm: {said}}}").confirm == seconds


@pytest.mark.parametrize("said", ["4s", "61m", "soon", "true", "-1", "1h", "'60 s'", "0", "[60s]"])
def test_what_is_no_time_is_refused_with_its_place(project: Project, said: str) -> None:
    with pytest.raises(ConfigError, match="confirm is") as caught:
        one(project, f"{{copy: {{dest: /etc/a, content: x}}, confirm: {said}}}")
    assert "site.yml:3:" in str(caught.value)
    assert "60s or 2m" in str(caught.value)


@pytest.mark.parametrize("task", ["systemd: {name: ssh, state: started}", "sysctl: {name: vm.swappiness, value: '1'}"])
def test_what_nobody_could_take_back_has_no_confirm(project: Project, task: str) -> None:
    with pytest.raises(ConfigError, match="has no confirm"):
        one(project, f"{{{task}, confirm: 60s}}")


def test_who_is_not_root_arms_nothing_unasked_and_this_machine_never(project: Project) -> None:
    assert one(project, "copy: {dest: /home/deploy/.ssh/authorized_keys, content: x}", "b").confirm == 0
    assert one(project, "copy: {dest: /etc/ssh/sshd_config, content: x}", "c").confirm == 0
    with pytest.raises(ConfigError, match="this machine itself"):
        one(project, "{copy: {dest: /etc/a, content: x}, confirm: 60s}", "c")

"""What is written wrong is refused by file, line and column, with a hint, before a single connection is opened."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.fleet import PROGRAM

GOOD = """\
- hosts: all
  gather_facts: false
  tasks:
    - copy:
        dest: /etc/motd
        content: hello
"""

# What is wrong, as playbook, inventory variables and flags; then where it has to be found, and words of the message.
WRONG: dict[str, tuple[str, str, list[str], str, str]] = {
    "an unknown module": ("- hosts: all\n  tasks:\n    - coppy: {dest: /x}\n", "", [], "play.yml:3:", "copy"),
    "an unknown argument": (
        "- hosts: all\n  tasks:\n    - copy:\n        dst: /x\n        content: x\n", "", [], "play.yml:4:9", "dest",
    ),
    "a missing argument": ("- hosts: all\n  tasks:\n    - copy:\n        content: x\n", "", [], "play.yml:3", "dest"),
    "an unknown keyword of a play": ("- hosts: all\n  taskss: []\n", "", [], "play.yml:2:3", "tasks"),
    "Ansible's keyword that is not supported": (
        "- hosts: all\n  debugger: never\n", "", [], "play.yml:2:3", "not supported",
    ),
    "an unknown keyword of a task": (
        "- hosts: all\n  tasks:\n    - command: id\n      wehn: x\n", "", [], "play.yml:4:7", "when",
    ),
    "a key twice": ("- hosts: all\n  name: a\n  name: b\n", "", [], "play.yml:3:3", "line 2"),
    "an anchor": ("- hosts: &all all\n", "", [], "play.yml:1:10", "anchor"),
    "no YAML": ("- hosts: [all\n", "", [], "play.yml:2:1", "YAML"),
    "an empty playbook": ("", "", [], "play.yml", "play"),
    "an unquoted mode": (
        "- hosts: all\n  tasks:\n    - file: {path: /x, mode: 644}\n", "", [], "play.yml:3", "quote",
    ),
    "an unknown variable": (
        '- hosts: all\n  tasks:\n    - copy: {dest: /x, content: "{{ nme }}"}\n', "", [], "play.yml:3:33", "nme",
    ),
    "a broken template": (
        '- hosts: all\n  tasks:\n    - copy: {dest: /x, content: "{{ a"}\n', "", [], "play.yml:3:33", "template",
    ),
    "an unknown role": ("- hosts: all\n  roles: [hst]\n", "", [], "play.yml:2:11", "host"),
    "an unknown handler": (
        "- hosts: all\n  tasks:\n    - command: id\n      notify: nobody\n", "", [], "play.yml:4:15", "handler",
    ),
    "a pattern without a host": ("- hosts: webs\n  tasks: []\n", "", [], "play.yml:1:3", "webs"),
    "an unknown word of the cluster": (
        "- hosts: all\n  roles: [epmd]\n",
        "cluster: {name: x, prots: 9100-9109}\nnodes: [{name: x, service: x.service}]",
        [], "inventory.yml", "ports",
    ),
    "a bad port": (GOOD, "ansible_port: 22:22", [], "inventory.yml", "ansible_port"),
    "a refused connection variable": (GOOD, "ansible_password: x", [], "inventory.yml", "keys"),
    "a tarball that is not there": (
        "- hosts: all\n  roles: [release]\n", "release: {name: x, tarball: x.tar.gz}", [], "inventory.yml", "x.tar.gz",
    ),
    "a limit without a host": (GOOD, "", ["-l", "nobody"], "", "nobody"),
    "a broken extra variable": (GOOD, "", ["-e", "{a: "], "", ""),
    "an unknown flag": (GOOD, "", ["--tgas", "x"], "", "tgas"),
}  # fmt: skip


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[int, list[object]]]:
    """A port of this machine, and who has knocked there."""
    knocks: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    connection, peer = listening.accept()
                except OSError:
                    return
                knocks.append(peer)
                connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listening.getsockname()[1], knocks
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def project(directory: Path, port: int, playbook: str, words: str) -> None:
    (directory / "play.yml").write_text(playbook)
    lines = [f"ansible_port: {port}"] if "ansible_port" not in words else []
    lines += ["ansible_host: 127.0.0.1", *words.splitlines()]
    told = "\n".join(f"      {line}" for line in lines)
    (directory / "inventory.yml").write_text(f"all:\n  hosts:\n    one:\n{told}\n")


def deployer(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "LANG": "C.UTF-8"}
    return subprocess.run(
        [PROGRAM, *words],
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_refused_by_its_place_before_any_connection(tmp_path, door, wrong):
    port, knocks = door
    playbook, words, flags, where, says = WRONG[wrong]
    project(tmp_path, port, playbook, words)
    ran = deployer(tmp_path, "deploy", "play.yml", "-i", "inventory.yml", *flags)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert re.search(rf"(^|[ /]){re.escape(where)}", ran.stderr), ran.stderr
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert knocks == []


def test_the_same_project_without_a_fault_does_knock(tmp_path, door):
    port, knocks = door
    project(tmp_path, port, GOOD, "")
    ran = deployer(tmp_path, "deploy", "play.yml", "-i", "inventory.yml")
    assert ran.returncode == 4, ran.stderr
    assert knocks
    knocks.clear()


def test_an_inventory_that_is_not_there_is_named(tmp_path):
    (tmp_path / "play.yml").write_text(GOOD)
    ran = deployer(tmp_path, "deploy", "play.yml", "-i", "hosts.yml")
    assert ran.returncode == 3
    assert "hosts.yml" in ran.stderr
    ran = deployer(tmp_path, "deploy", "play.yml")
    assert ran.returncode == 3
    assert "-i INVENTORY" in ran.stderr


def test_a_playbook_that_is_not_there_is_named(tmp_path):
    project(tmp_path, 22, GOOD, "")
    ran = deployer(tmp_path, "deploy", "stie.yml", "-i", "inventory.yml")
    assert ran.returncode == 3
    assert "stie.yml" in ran.stderr

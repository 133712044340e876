"""What a start loads: counted, because seconds say more of the machine than of the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("asyncio", "email", "unittest", "zipfile", "jinja2.ext", "cryptography.x509", "rich", "importlib.metadata")
"""Nothing of ours needs them for a plan that is printed into a pipe."""
_RUN = """
import json, sys
from deployer.cli import main
try:
    main(["deployer", *sys.argv[2:]])
except SystemExit as end:
    code = end.code
with open(sys.argv[1], "w") as told:
    json.dump([code, sys.dont_write_bytecode, sorted(sys.modules)], told)
"""
INVENTORY = """
all:
  hosts:
    web1: {ansible_host: 127.0.0.1, ansible_port: 1}
"""
PLAYBOOK = """
- hosts: all
  tasks:
    - copy: {dest: /etc/motd, content: "{{ inventory_hostname }}"}
"""


def run(tmp_path: Path, *words: str) -> tuple[int, bool, set[str]]:
    """Return the exit code of a command, whether Python may not compile any more, and what was loaded."""
    told = tmp_path / "told"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    argv = [sys.executable, "-c", _RUN, told, *words]
    subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, cwd=tmp_path)
    code, compiles, modules = json.loads(told.read_text())
    return code, compiles, set(modules)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    return tmp_path


def test_help_loads_only_the_command_line(tmp_path: Path) -> None:
    code, _, loaded = run(tmp_path, "--help")
    ours = {name for name in loaded if name.startswith("deployer")}
    assert code in (0, None)
    assert len(ours) <= 25, ours
    assert len(loaded) <= 210, len(loaded)
    assert not {"yaml", "jinja2", "paramiko", "cryptography", *HEAVY} & loaded


def test_a_plan_loads_nothing_that_it_does_not_use_and_leaves_python_its_bytecode(fleet: Path) -> None:
    code, stays_uncompiled, loaded = run(fleet, "plan", "site.yml", "-i", "inventory.yml")
    assert code == 4  # it went as far as the connection, and nobody answers there
    assert not stays_uncompiled, "every start would compile the program anew"
    assert not set(HEAVY) & loaded
    assert len(loaded) <= 580, len(loaded)

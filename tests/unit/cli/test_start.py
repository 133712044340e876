"""What a start loads: counted, because seconds say more of the machine than of the program."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.lean import loading

HEAVY = (
    "asyncio",
    "email",
    "inspect",
    "pprint",
    "unittest",
    "zipfile",
    "jinja2.ext",
    "cryptography.x509",
    "rich",
    "importlib.metadata",
)
SELDOM = ("ssl", "tarfile", "encodings.idna", "deployer.cli.window", "deployer.cli.lab")
"""Nothing of ours needs them for a plan that is printed into a pipe."""
_RUN = """
import json, re, sys
from deployer.cli import main
try:
    main(["deployer", *sys.argv[2:]])
except SystemExit as end:
    code = end.code
with open(sys.argv[1], "w") as told:
    json.dump([code, sys.dont_write_bytecode, sorted(sys.modules), len(re._cache)], told)
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


def run(tmp_path: Path, *words: str) -> tuple[int, bool, set[str], int]:
    """Return a command's exit code, whether Python may not compile any more, what was loaded, and patterns compiled."""
    told = tmp_path / "told"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    argv = [sys.executable, "-c", _RUN, told, *words]
    subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, cwd=tmp_path)
    code, compiles, modules, patterns = json.loads(told.read_text())
    return code, compiles, set(modules), patterns


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    return tmp_path


def test_help_loads_only_the_command_line(tmp_path: Path) -> None:
    code, _, loaded, _ = run(tmp_path, "--help")
    ours = {name for name in loaded if name.startswith("deployer")}
    assert code in (0, None)
    assert len(ours) <= 25, ours
    assert len(loaded) <= 210, len(loaded)
    assert not {"yaml", "jinja2", "paramiko", "cryptography", *HEAVY} & loaded


def test_a_plan_loads_nothing_that_it_does_not_use_and_leaves_python_its_bytecode(fleet: Path) -> None:
    code, stays_uncompiled, loaded, patterns = run(fleet, "plan", "site.yml", "-i", "inventory.yml")
    assert code == 4  # it went as far as the connection, and nobody answers there
    assert not stays_uncompiled, "every start would compile the program anew"
    assert {*HEAVY, *SELDOM} & loaded == set()
    assert len(loaded) <= 564, len(loaded)
    assert patterns <= 42, "modules name 140 more, and this plan needs none of them"


def test_a_pattern_that_is_compiled_late_is_one_for_everybody() -> None:
    with loading():
        late = re.compile(r"(\w+)=(\d+)", re.ASCII)
    assert isinstance(late, re.Pattern)
    assert late.pattern == r"(\w+)=(\d+)"
    assert [found[1] for found in late.finditer("a=1 é=2")] == ["a"]
    assert (late.flags & re.ASCII, late.groups) == (re.ASCII, 2)
    assert re.sub(late, r"\2=\1", "a=1") == late.sub(r"\2=\1", "a=1") == "1=a"
    assert type(re.compile("a")) is not type(late)  # what was late is over


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_a_late_pattern_that_is_copied_is_compiled(again: Callable[[object], object]) -> None:
    with loading():
        late = re.compile("a(b)", re.IGNORECASE)
    assert again(late) == re.compile("a(b)", re.IGNORECASE)


def test_a_late_pattern_that_is_none_says_so_when_it_is_used() -> None:
    with loading():
        late = re.compile("(")
    with pytest.raises(re.error):
        late.search("")


def test_a_module_that_is_loaded_late_is_itself(tmp_path: Path) -> None:
    code = (
        "import sys; from deployer.lean import loading\n"
        "with loading():\n"
        "    import textwrap, ssl\n"
        "    early = textwrap.dedent('  a')\n"
        "assert 'ssl' not in sys.modules\n"
        "import ssl as real, textwrap as other\n"
        "assert ssl.SSLContext is real.SSLContext and other.dedent is textwrap.dedent and early == 'a'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_a_function_that_is_imported_by_name_is_loaded_when_it_is_called(tmp_path: Path) -> None:
    code = (
        "import sys; from deployer.lean import loading\n"
        "with loading():\n"
        "    from ast import literal_eval\n"
        "    from pprint import pformat\n"
        "    assert not any('__file__' in vars(sys.modules[name]) for name in ('ast', 'pprint'))\n"
        "    assert literal_eval('[1]') == [1]\n"
        "assert pformat([1], width=9) == '[1]'\n"
        "from ast import parse, literal_eval as real\n"
        "assert real('2') == 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_what_is_left_out_of_a_module_is_there_for_who_asks_for_more(tmp_path: Path) -> None:
    code = (
        "import sys; from deployer.lean import loading\n"
        "with loading():\n"
        "    import importlib.metadata\n"
        "    found = importlib.metadata.version('invoke')\n"
        "    assert 'email' not in sys.modules\n"
        "    from importlib.metadata import PackageNotFoundError\n"
        "    from unittest.mock import Mock, call\n"
        "import importlib.metadata as real, unittest.mock\n"
        "assert PackageNotFoundError is real.PackageNotFoundError is importlib.metadata.PackageNotFoundError\n"
        "assert real.version('invoke') == found and call is unittest.mock.call\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)

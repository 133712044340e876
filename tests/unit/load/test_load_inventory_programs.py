"""Inventories that programs and Terraform print: read as ``ansible-inventory`` reads them, or one clear error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.load import scripts
from deployer.load.inventory import load_inventory
from deployer.load.marked import Encrypted
from deployer.model import Secret
from tests.unit.load.test_load_inventory_same import members, theirs, written

LISTS: dict[str, dict[str, Any]] = {
    "with _meta": {
        "web": {"hosts": ["w1", "w2"], "vars": {"port": 80}},
        "db": {"hosts": ["d1"], "children": ["replicas"]},
        "replicas": ["d2", "d3"],
        "all": {"children": ["ungrouped", "web", "db"], "vars": {"who": "all"}},
        "ungrouped": {"hosts": ["lonely"]},
        "_meta": {"hostvars": {"w1": {"a": [1, "x"], "b": {"c": None}}, "d3": {"text": "yes", "number": 1.5}}},
    },
    "without _meta": {"web": {"hosts": ["w1", "w2"]}, "db": ["w1"]},
    "a host with its variables": {"alone": {"ansible_host": "192.0.2.1"}, "_meta": {"hostvars": {}}},
    "names of clouds": {
        "tag_Name_web.example": {"hosts": ["i-0abc"]},
        "_meta": {"hostvars": {"i-0abc": {"x": "{{ inventory_hostname }}"}}},
    },
    "nothing": {"_meta": {"hostvars": {}}},
}
PROGRAM = """\
#!{python}
import json, sys
listed = json.loads({listed!r})
if sys.argv[1:] == ["--list"]:
    print(json.dumps(listed))
elif sys.argv[1] == "--host":
    print(json.dumps({{"asked": sys.argv[2]}}))
"""
GROUP = {"name": "site", "children": ["web"], "variables": {"from": "tf"}}
STATE = {
    "format_version": "1.0",
    "terraform_version": "1.9.0",
    "values": {
        "root_module": {
            "resources": [
                {"type": "aws_instance", "name": "w", "values": {"id": "i-1"}},
                {
                    "type": "ansible_host",
                    "values": {"name": "w1", "groups": ["web"], "variables": {"ansible_host": "192.0.2.7", "pw": "s3"}},
                    "sensitive_values": {"groups": [False], "variables": {"pw": True}},
                },
                {"type": "ansible_group", "values": GROUP, "sensitive_values": {}},
            ],
            "child_modules": [{"resources": [{"type": "ansible_host", "values": {"name": "d1", "groups": None}}]}],
        }
    },
}


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def plain(value: Any) -> Any:
    """Return what ansible-inventory prints without its word that something would not be templated."""
    if isinstance(value, dict):
        inside = {key: plain(item) for key, item in value.items()}
        return inside.get("__ansible_unsafe", inside)
    return [plain(item) for item in value] if isinstance(value, list) else value


def same(path: Path, tmp_path: Path) -> None:
    inventory, expected = load_inventory([path]), plain(theirs(path, tmp_path))
    ours = json.loads(json.dumps(inventory.as_list(), default=str))
    assert set(inventory.hosts) == members(expected, "all")
    told = expected["_meta"].get("hostvars", {})
    assert {name: own for name, own in ours["_meta"]["hostvars"].items() if own} == told
    for group in expected.keys() - {"_meta"}:
        assert set(inventory.members.get(group, ())) == members(expected, group), group


@pytest.mark.slow
@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS.keys())
def test_a_program_is_run_and_says_what_it_says_to_ansible(listed: Mapping[str, Any], tmp_path: Path) -> None:
    text = PROGRAM.format(python=sys.executable, listed=json.dumps(listed))
    path = program(tmp_path / "inventory" / "hosts.py", text)
    same(path, tmp_path)
    assert load_inventory([path]).programs == (str(path),)


@pytest.mark.slow
def test_a_directory_mixes_programs_with_files(tmp_path: Path) -> None:
    files = {"a.yml": "web: {hosts: {w1: {from: yaml}}}\n", "b": "[web]\nw3 from=ini\n[web:vars]\nport=1\n"}
    files |= {"group_vars/web.yml": "file: yes\n", "host_vars/w2.yml": "mine: 1\n"}
    written(tmp_path / "inventory", files)
    text = PROGRAM.format(python=sys.executable, listed=json.dumps(LISTS["with _meta"]))
    program(tmp_path / "inventory" / "c.py", text)
    inventory, expected = load_inventory([tmp_path / "inventory"]), theirs(tmp_path / "inventory", tmp_path)
    assert set(inventory.hosts) == members(expected, "all")
    for name in ("w1", "w2", "w3"):
        assert {**inventory.hosts[name].vars, "file": True} == {**expected["_meta"]["hostvars"][name], "file": True}


@pytest.mark.slow
def test_what_ansible_inventory_prints_is_an_inventory(tmp_path: Path) -> None:
    path = written(
        tmp_path / "inventory", {"hosts": "lonely\n[web]\nw1 a=1\nw2\n[site:children]\nweb\n[web:vars]\nv=x\n"}
    )
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(theirs(path, tmp_path)))
    first, again = load_inventory([path]), load_inventory([kept])
    assert again.members == first.members
    assert {name: dict(host.vars) for name, host in again.hosts.items()} == {
        name: dict(host.vars) for name, host in first.hosts.items()
    }


def test_what_ansible_writes_as_json_keeps_its_meaning(tmp_path: Path) -> None:
    told = {
        "sealed": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n6161\n"},
        "list": [{"__ansible_unsafe": "{{ x }}"}],
    }
    told |= {"face": "\U0001f600", "slash": r"\ud83d\ude00"}
    listed = {"web": {"hosts": ["w1"], "vars": {"group": told["sealed"]}}, "_meta": {"hostvars": {"w1": told}}}
    (tmp_path / "kept.json").write_text(json.dumps(listed, indent="\t"))
    program(tmp_path / "hosts.sh", f"#!/bin/sh\ncat '{tmp_path}/kept.json'\n")
    for name in ("kept.json", "hosts.sh"):
        found = load_inventory([tmp_path / name]).hosts["w1"].vars
        assert isinstance(found["sealed"], Encrypted)
        assert isinstance(found["group"], Encrypted)
        assert (found["list"], found["list"][0].unsafe) == (["{{ x }}"], True)
        assert (found["face"], found["slash"]) == (told["face"], told["slash"])


@pytest.mark.parametrize(
    ("variables", "sensitive"),
    [
        ({"a": "s3"}, True),
        ({"a": "s3"}, {"variables": True}),
        ({"a": "s3"}, {"variables": {"a": True}}),
        ({"a": ["s3", "s3"]}, {"variables": {"a": [True]}}),
        ({"a": {"b": ["s3"]}}, {"variables": {"a": {"b": [True]}}}),
    ],
)
def test_nothing_of_terraform_that_is_sensitive_is_shown(tmp_path: Path, variables: Any, sensitive: Any) -> None:
    one = {"type": "ansible_host", "values": {"name": "w", "variables": variables}, "sensitive_values": sensitive}
    state = {"terraform_version": "1.9.0", "values": {"root_module": {"resources": [one]}}}
    (tmp_path / "tf.json").write_text(json.dumps(state))
    assert "s3" not in repr(load_inventory([tmp_path / "tf.json"]).as_list())


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ({"resources": 5}, "resources must be a list"),
        ({"child_modules": 5}, "child_modules must be a list"),
        ({"resources": [{"type": "ansible_host", "values": {"name": "w", "groups": "web"}}]}, "groups must be a list"),
        ({"resources": [{"type": "ansible_host", "values": {"name": "w", "groups": [{}]}}]}, "a list of names"),
        ({"resources": [{"type": "ansible_group", "values": {"name": "w", "children": [1]}}]}, "a list of names"),
    ],
)
def test_a_terraform_that_is_broken_is_refused_with_its_place(tmp_path: Path, module: Any, problem: str) -> None:
    path = tmp_path / "tf.json"
    path.write_text(json.dumps({"terraform_version": "1.9.0", "values": {"root_module": module}}))
    with pytest.raises(ConfigError, match=problem) as caught:
        load_inventory([path])
    assert caught.value.where.startswith(f"{path}:1:")


def test_terraform_says_its_hosts_and_groups(tmp_path: Path) -> None:
    (tmp_path / "hosts.json").write_text(json.dumps(STATE))
    inventory = load_inventory([tmp_path / "hosts.json"])
    assert inventory.members["site"] == inventory.members["web"] == ("w1",)
    assert inventory.hosts["d1"].groups == ("all",)
    found = inventory.hosts["w1"].vars
    assert (found["ansible_host"], found["from"]) == ("192.0.2.7", "tf")
    assert isinstance(found["pw"], Secret)
    assert "s3" not in repr(inventory.as_list())


@pytest.mark.parametrize(
    ("state", "problem", "instead"),
    [
        ({"values": {"root_module": {}}}, "has no ansible_host", "ansible/ansible"),
        ({"planned_values": {}}, "a plan", "terraform apply"),
        ({"version": 4, "resources": []}, "no output of", "terraform show -json"),
    ],
)
def test_a_terraform_without_hosts_is_refused(tmp_path: Path, state: Any, problem: str, instead: str) -> None:
    (tmp_path / "tf.json").write_text(json.dumps({"terraform_version": "1.9.0", **state}))
    with pytest.raises(ConfigError, match=problem) as caught:
        load_inventory([tmp_path / "tf.json"])
    assert instead in str(caught.value)
    assert caught.value.where.startswith(str(tmp_path / "tf.json"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#!/bin/sh\necho boom >&2\nexit 3\n", "failed with status 3\n.*boom"),
        ("#!/bin/sh\necho '{'\n", "prints no JSON"),
        ("#!/bin/sh\necho '[1]'\n", "prints a list, not a mapping"),
        ("#!/bin/sh\nprintf '\\377\\376\\001'\n", "prints no text"),
        ("#!/bin/sh\nyes '{'\n", "prints more than"),
        ('#!/bin/sh\necho \'{"web": {"hosts": "w1"}}\'\n', "hosts of 'web' must be a list of names"),
        ("#!/bin/sh\necho '{\"web\": 3}'\n", "the group 'web' must be a mapping"),
        ("#!/no/such/program\n", "cannot be run"),
    ],
)
def test_a_program_that_is_wrong_is_one_clear_error(tmp_path: Path, text: str, problem: str) -> None:
    path = program(tmp_path / "hosts.sh", text)
    with pytest.raises(ConfigError, match=f"(?s){problem}") as caught:
        load_inventory([path])
    assert str(path) in str(caught.value)


def test_a_program_that_hangs_is_ended_with_all_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scripts.LIMITS, "seconds", 0.5)
    mark = tmp_path / "pid"
    path = program(tmp_path / "hosts.sh", f"#!/bin/sh\nsleep 1000 &\necho $! >{mark}\nwait\n")
    with pytest.raises(ConfigError, match=r"did not end within 0\.5 s"):
        load_inventory([path])
    left = Path("/proc", mark.read_text().strip() if mark.exists() else "none", "cmdline")
    until = time.monotonic() + 60
    while left.exists() and left.read_bytes():
        assert time.monotonic() < until, "its child is still there"
        time.sleep(0.05)


def test_only_what_is_executable_is_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = program(tmp_path / "hosts.sh", f"#!/bin/sh\ntouch {touched}\necho {{}}\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="not executable") as caught:
        load_inventory([path])
    assert "chmod +x" in str(caught.value)
    assert not touched.exists()
    plain = program(tmp_path / "hosts.yml", "all: {hosts: {h: }}\n")
    assert list(load_inventory([plain]).hosts) == ["h"], "what begins as no program does is read"

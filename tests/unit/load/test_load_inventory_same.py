"""Inventories in every form: what we make of them is what ``ansible-inventory --list`` makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deployer.errors import ConfigError
from deployer.load.inventory import load_inventory

INI = """\
# hosts without a group come first
lonely
mail.example.com ansible_host=192.0.2.1   # an alias is a name with an address

[web]
web[01:03].example.com port=80 name="a b" quoted='c d'
alias ansible_host=192.0.2.50 ansible_port=5555
ported:2222
[2001:db8::7]:2022 v6=yes

[db]
db-[a:c] size=5 ratio=1.5 truth=True none=None text=yes list="[1, 'x']" map="{'a': {'b': 2}}"
web01.example.com again=1
[db:vars]
engine = postgres
quoted = "in quotes"
shown = a # b
hash=#x
octal = 0644

[ site:children]
"""
SITE = "[site:children]\nweb\ndb  # a comment\n[site:vars]\nfrom=site\nport=1\n[all:vars]\nwho=all\n[empty]\n"
CORPUS: dict[str, dict[str, str]] = {
    "INI": {"hosts": INI.replace("[ site:children]\n", SITE)},
    "INI without a section": {"hosts": "localhost ansible_connection=local\nother a=1\n"},
    "INI with a suffix": {"hosts.ini": "[a]\nh1 x=1\n[a:vars]\ny={{ x }}\n[b:children]\na\n"},
    "INI with numbers that are written otherwise": {
        "hosts": "h version=1.10 hex=0x1F under=1_000 mode=0644 truth=yes\n"
    },
    "INI whose all has children in an order of its own": {
        "hosts": "[b]\nh1\n[a]\nh2\n[c]\nh3\n[in]\nh4\n[c:children]\nin\n[all:children]\nin\na\nb\n"
    },
    "YAML with words, and hosts that are only named": {
        "hosts.yml": "all:\n  children:\n    web:\n      hosts: w1\n"
        "      vars: {a: yes, b: 'yes', c: 0644, d: 1.10, e: [off, No], f: 1e3}\n"
        "    site: {children: web, vars: {t: 22:22, day: 2026-01-02, n: .inf, y: y, o: '{{ a }}'}}\n"
    },
    "YAML without a suffix": {"production": "all:\n  children:\n    web: {hosts: {w1: {a: 1}}}\n"},
    "JSON": {
        "hosts.json": '{\n\t"all": {"hosts": {"j1": {"a": [1, "x"], "b": {"c": null}}}, "vars": {"t": true}}\n}\n'
    },
    "a directory of all": {
        "a.yml": "web: {hosts: {w1: {a: 1, from: yaml}}}\n",
        "production": "[web]\nw1 from=ini\nw2\n[db]\nd1\nd4.example.com\n",
        "hosts.json": '{"db": {"hosts": {"d2": {}}, "vars": {"v": "json"}}}',
        "sub/more.yml": "db: {hosts: {d3: {}}}\n",
        "group_vars/all.yml": "everywhere: 1\n",
        "group_vars/db.json": '{"file": "json"}',
        "host_vars/w1.yml": "own: 2\n",
        "host_vars/d4.example.com": "bare: 4\n",
        "host_vars/d4.example.com.bak": "old: 1\n",
        ".hidden": "x: y: z\n",
        "README.md": "# words\n",
        "old.yml.bak": "nonsense: [\n",
        "notes.txt": "nothing\n",
    },
}


def written(directory: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory / next(iter(files)) if len(files) == 1 else directory


def theirs(path: Path, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "ansible.cfg").write_text("")
    own = os.environ | {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path / "home")}
    program = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(path), "--list"]
    done = subprocess.run(program, env=own, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Failed to parse" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def members(listed: Mapping[str, Any], group: str) -> set[str]:
    body = listed.get(group, {})
    return set(body.get("hosts", ())).union(*(members(listed, child) for child in body.get("children", ())))


def in_order(listed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a listing in which the members of each group are sorted."""
    own = {name: {key: sorted(some) for key, some in body.items()} for name, body in listed.items() if name != "_meta"}
    return {"_meta": listed["_meta"], **own}


@pytest.mark.slow
@pytest.mark.parametrize("files", CORPUS.values(), ids=CORPUS.keys())
def test_an_inventory_says_what_it_says_to_ansible(files: Mapping[str, str], tmp_path: Path) -> None:
    path = written(tmp_path / "inventory", files)
    inventory, expected = load_inventory([path]), theirs(path, tmp_path)
    ours = json.loads(json.dumps(inventory.as_list(), default=str))
    expected["_meta"].pop("profile", None)
    assert in_order(ours) == in_order(expected)
    assert ours["all"] == expected["all"]
    for group in expected.keys() - {"_meta"}:
        assert set(inventory.members.get(group, ())) == members(expected, group), group


def test_text_that_looks_like_a_number_stays_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("h version=1.10 mode=0644 hex=0x1F under=1_000 many=2222\n")
    found = load_inventory([tmp_path / "hosts"]).hosts["h"].vars
    assert dict(found) == {"version": "1.10", "mode": "0644", "hex": "0x1F", "under": "1_000", "many": 2222}
    assert str(found.marks["mode"]) == f"{tmp_path}/hosts:1:1"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("script.sh", "#!/bin/sh\necho {}\n", "a program that is not executable"),
        ("aws_ec2.yml", "plugin: aws_ec2\n", "plugins are not supported"),
        ("vars.yml", "a: 1\n", "the group 'a' must be a mapping"),
        ("image.bin", "\udcff\udcfe", "UTF"),
    ],
)
def test_what_cannot_be_read_in_a_directory_is_refused_by_its_name(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {h: }}\n")
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=problem) as caught:
        load_inventory([tmp_path])
    assert caught.value.where.startswith(str(tmp_path / name))


ATOMS = [
    "[web]",
    "[web:vars]",
    "[x:children]",
    "[my web]",
    "\n",
    "web1",
    " a=1",
    "a = b",
    ":22",
    "[1:3]",
    "'",
    '"',
    "#",
    ";",
    "\\",
    "{",
    "}",
    "]",
    "=",
    "\r",
    "\0",
    "b'x'",
    "1e999",
    "{1:2}",
    "9" * 5000,
    "(" * 300,
    "é",
    "---",
]


@example(f"web1:{'9' * 5000}\n")
@given(st.lists(st.sampled_from(ATOMS), max_size=12).map("".join))
def test_whatever_an_inventory_holds_is_read_or_refused_and_nothing_else(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "hosts"
        file.write_text(text, newline="")
        try:
            assert load_inventory([file]).hosts is not None
        except ConfigError as error:
            assert error.where.startswith(str(file))

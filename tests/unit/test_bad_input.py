"""What a person may write wrong: exit code 3, file:line:column, what to write instead, and no connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.load import yaml
from tests.unit.project_files import INVENTORY, Project

SITE = "- hosts: all\n  tasks: [{command: x}]\n"
VARS = "all:\n  hosts:\n    a:\n      ansible_host: 10.0.0.1\n      nodes: [{name: shop, service: shop.service}]\n"


def task(text: str) -> dict[str, str]:
    return {"site.yml": f"- hosts: all\n  tasks:\n    - {text}\n"}


def fleet(text: str) -> dict[str, str]:
    return {"hosts.yml": f"{VARS}      {text}\n"}


ROWS: dict[str, tuple[dict[str, str], str, str, str]] = {
    "epmd: onn": (
        fleet("cluster: {name: shop, epmd: onn}"),
        "hosts.yml:6:29",
        "epmd must be true or false",
        "write true",
    ),
    "become: y": ({"site.yml": "- hosts: all\n  become: y\n"}, "site.yml:2:3", "'y'", "write true or false"),
    "text: true": (task("user: {name: a, comment: true}"), "site.yml:3:23", "must be text", "quotes"),
    "sexagesimal": (fleet("ansible_port: 22:22"), "hosts.yml:6:7", "ansible_port must be a whole number", ""),
    "octal": (task("file: {path: /x, mode: 00644}"), "site.yml:3:24", "mode must be in quotes", '"00644"'),
    "decimal": (task("file: {path: /x, mode: 644}"), "site.yml:3:24", "mode must be in quotes", '"0644"'),
    "underscore": (fleet("ansible_port: 2_222"), "hosts.yml:6:7", "ansible_port must be a whole number", ""),
    "octal port": (fleet("ansible_port: 0022"), "hosts.yml:6:7", "ansible_port must be a whole number", ""),
    "duplicate": (fleet("nodes: []"), "hosts.yml:6:7", "first in line 5", ""),
    "quoted": (fleet('"nodes": []'), "hosts.yml:6:7", "first in line 5", ""),
    "anchor": (fleet("x: &a 1"), "hosts.yml:6:10", "anchors (&a)", "vars:"),
    "alias": (fleet("x: *a"), "hosts.yml:6:10", "aliases (*a)", "loop:"),
    "merge": (fleet("<<: {x: 1}"), "hosts.yml:6:7", "merge keys", "vars:"),
    "brackets": (fleet("x: " + "[" * 900), "hosts.yml:6:38", "nested deeper than 32", ""),
    "long scalar": (fleet("x: " + "y" * 70_000), "hosts.yml:6:10", "longer than 65536", "src:"),
    "tag": (fleet("x: !!python/object/apply:os.system [id]"), "hosts.yml:6:10", "unknown tag", "!vault"),
    "documents": ({"site.yml": f"{SITE}---\n{SITE}"}, "site.yml:3:1", "second document", "one document"),
    "tab": ({"site.yml": "- hosts: all\n\ttasks: []\n"}, "site.yml:2:1", "is not YAML", "spaces"),
    "NUL": ({"site.yml": "- hosts: a\0ll\n"}, "site.yml:1:11", "U+0000", ""),
    "play": ({"site.yml": "- hosts: all\n  handelrs: []\n"}, "site.yml:2:3", "'handelrs'", "'handlers'"),
    "task": (task("{command: x, wen: y}"), "site.yml:3:20", "'wen'", "'when'"),
    "argument": (task("file: {pth: /x}"), "site.yml:3:14", "'pth'", "'path'"),
    "module": (task("comand: {cmd: x}"), "site.yml:3:15", "'comand'", "'command'"),
    "fleet": (fleet("cluster: {cooky: x}"), "hosts.yml:6:17", "'cluster.cooky'", "'cookie'"),
    "connection": (fleet("ansible_hots: 10.0.0.1"), "hosts.yml:6:7", "'ansible_hots'", "'ansible_host'"),
    "no address": (
        {"hosts.yml": "all:\n  hosts:\n    a:\n      ansible_host: 10.0.0.300\n"},
        "hosts.yml:4:7",
        "'10.0.0.300' is not an IP address",
        "10.0.0.7",
    ),
    "group": ({"hosts.yml": "all: {hots: {}}\n"}, "hosts.yml:1:7", "'hots'", "'hosts'"),
    "empty playbook": ({"site.yml": "# later\n"}, "site.yml", "playbook is empty", "- hosts:"),
    "no hosts": ({"site.yml": "- hosts: []\n"}, "site.yml:1:3", "no hosts", "hosts: all"),
    "no match": ({"site.yml": "- hosts: al\n"}, "site.yml:1:3", "'al'", "did you mean 'all'?"),
}


@pytest.mark.parametrize(("files", "place", "problem", "hint"), ROWS.values(), ids=ROWS.keys())
def test_bad_input_is_refused_before_any_host_is_touched(
    tmp_path: Path, files: dict[str, str], place: str, problem: str, hint: str
) -> None:
    project = Project(tmp_path)
    for name, text in {"hosts.yml": INVENTORY, "site.yml": SITE, **files}.items():
        project.write(name, text)
    with pytest.raises(ConfigError) as caught:
        resolver = project.resolver()
        for host in resolver._inventory.select(resolver.play.hosts, where=resolver.play.mark):
            resolver.resolve(host, None)
    assert caught.value.exit_code == 3
    assert caught.value.where == f"{tmp_path}/{place}"
    assert problem in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("written", ["0123456", "1_000", "1e3.", "1.10", "NO", "0x1F"])
def test_b4_and_b5_a_cookie_or_a_version_keeps_its_characters(written: str) -> None:
    assert str(yaml.parse(f"value: {written}\n", "f.yml")["value"]) == written

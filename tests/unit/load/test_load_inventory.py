"""Inventories: hosts and groups, whose variables win, which hosts a pattern means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.errors import ConfigError, SecretError
from deployer.load.inventory import Inventory, load_inventory
from deployer.load.secrets import Vaults
from deployer.load.vault import VaultPassword
from deployer.model import Secret

DATA = Path(__file__).parents[2] / "data" / "load"
FLEET = """\
all:
  vars: {a: all, b: all, c: all, d: all, e: all}
  hosts:
    solo:
  children:
    web:
      vars: {a: web, b: web, e: web}
      hosts:
        web[01:03]:
          port: 1
        web02: {port: 2}
      children:
        blue:
          hosts: {web02: }
          vars: {b: blue}
    db:
      hosts:
        db[a:c]: {ansible_host: 10.0.0.1}
"""


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory / "hosts.yml"


@pytest.fixture
def fleet(tmp_path: Path) -> Inventory:
    return load_inventory([write(tmp_path, hosts_yml=FLEET)])


def test_hosts_come_in_the_order_they_are_written_ranges_unfolded(fleet: Inventory) -> None:
    assert list(fleet.hosts) == ["solo", "web01", "web02", "web03", "dba", "dbb", "dbc"]
    assert fleet.hosts["web02"].groups == ("all", "web", "blue")
    assert str(fleet.hosts["web03"].mark).endswith("hosts.yml:9:9")


def test_deeper_groups_win_over_their_parents_and_hosts_over_groups(fleet: Inventory) -> None:
    web02 = fleet.hosts["web02"].vars
    assert (web02["a"], web02["b"], web02["c"], web02["port"]) == ("web", "blue", "all", 2)


def test_files_of_variables_win_in_ansible_s_order(tmp_path: Path) -> None:
    inventory = write(
        tmp_path,
        hosts_yml=FLEET,
        group_vars__all_yml="c: file of all\na: file of all\nd: file of all\ne: file of all\n",
        group_vars__web__one_yml="c: file of web\nd: file of web\n",
        group_vars__web__two_yml="d: second file of web\n",
        host_vars__web02_yml="port: 3\n",
        play__group_vars__web_yml="c: beside the playbook\n",
    )
    found = load_inventory([inventory], playbook_dir=tmp_path / "play").hosts["web02"].vars
    assert found["e"] == "file of all", "every file of group_vars wins over variables inside of the inventory"
    assert found["c"] == "beside the playbook"
    assert found["d"] == "second file of web"
    assert found["port"] == 3


def test_siblings_are_merged_in_the_order_of_the_alphabet(tmp_path: Path) -> None:
    text = "zeta: {hosts: {h: }, vars: {x: zeta}}\nalpha: {hosts: {h: }, vars: {x: alpha}}\n"
    assert load_inventory([write(tmp_path, hosts_yml=text)]).hosts["h"].vars["x"] == "zeta"


def test_several_inventories_are_merged_the_later_one_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "one", hosts_yml="all: {hosts: {h: {x: 1, y: 1}}}\n")
    second = write(tmp_path / "two", hosts_yml="web: {hosts: {h: {x: 2}, i: }}\n").parent
    found = load_inventory([first, second])
    assert (found.hosts["h"].vars["x"], found.hosts["h"].vars["y"]) == (2, 1)
    assert found.hosts["h"].groups == ("all", "web")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("all", "solo web01 web02 web03 dba dbb dbc"),
        ("*", "solo web01 web02 web03 dba dbb dbc"),
        ("web", "web01 web02 web03"),
        ("web:db", "web01 web02 web03 dba dbb dbc"),
        ("db,web02", "dba dbb dbc web02"),
        ("web:!blue", "web01 web03"),
        ("!blue:web", "web01 web03"),
        ("web:&blue", "web02"),
        ("db*:!dbb", "dba dbc"),
        ("*a", "dba"),
        ("ungrouped", "solo"),
        ("!web", "solo dba dbb dbc"),
    ],
)
def test_a_pattern_means_what_it_means_in_ansible(fleet: Inventory, pattern: str, names: str) -> None:
    assert [host.name for host in fleet.select(pattern)] == names.split()


def test_a_limit_cuts_a_pattern_down(fleet: Inventory) -> None:
    assert [host.name for host in fleet.select("web", "web0*:!web01")] == ["web02", "web03"]


@pytest.mark.parametrize(
    ("pattern", "limit", "problem", "hint"),
    [
        ("wbe", "", "'wbe'", "did you mean 'web'?"),
        ("web:!bleu", "", "'bleu'", "did you mean 'blue'?"),
        ("web", "db", "'web' limited to 'db'", "--allow-empty"),
        ("web:!web", "", "'web:!web'", "--allow-empty"),
        ("~web.*", "", "not supported", "with *"),
        ("web[0]", "", "not supported", "with *"),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(
    fleet: Inventory, pattern: str, limit: str, problem: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        fleet.select(pattern, limit)
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_an_empty_choice_can_be_allowed(fleet: Inventory) -> None:
    assert fleet.select("web:!web", allow_empty=True) == ()
    assert fleet.select("nobody", allow_empty=True) == ()


def test_the_tree_is_drawn_as_ansible_draws_it(fleet: Inventory) -> None:
    assert fleet.graph().splitlines()[:6] == [
        "@all:",
        "  |--@web:",
        "  |  |--@blue:",
        "  |  |  |--web02",
        "  |  |--web01",
        "  |  |--web02",
    ]


BAD = {
    "list of hosts": ("all:\n  hosts:\n    - web1\n", ":3:5", "hosts must be a mapping", "colon"),
    "hosts as a number": ("all:\n  hosts: 1\n", ":2:3", "hosts must be a mapping", "colon"),
    "misspelt word": ("all:\n  hots: {}\n", ":2:3", "unknown word 'hots'", "did you mean 'hosts'?"),
    "host as group": ("web1.example.com: {}\n", ":1:1", "cannot be the name of a group", "hosts:"),
    "INI without =": ("[web]\nweb1 blue\n", ":2:1", "'blue' is not NAME=VALUE", "HOST NAME=VALUE"),
    "INI spaces": (
        "[web]\nweb1 ansible_host = 10.0.0.1\n",
        ":2:1",
        "'ansible_host' is not NAME",
        "without spaces",
    ),
    "INI section": ("[web:hots]\n", ":1:1", "[web:hots] is no section", "[web:vars]"),
    "INI child": ("[web]\nw\n[all:children]\nwbe\n", ":4:1", "'wbe' is not declared", "did you mean 'web'?"),
    "INI vars of nobody": ("[wbe:vars]\na=1\n", ":1:1", "'wbe' is not declared", ""),
    "INI quote": ("[web]\nw a='b\n", ":2:1", "cannot be read", "quotes"),
    "INI host": ("[web]\n  -oProxyCommand=id\n", ":2:3", "is not a host name", ""),
    "a plugin": ("plugin: aws_ec2\n", ":1:1", "plugins are not supported", "--export"),
    "an empty mapping": ("{}\n", "", "not an empty one", "all:"),
    "program": ("#!/bin/sh\necho {}\n", "", "a program that is not executable", "chmod +x"),
    "a list": ("- web1\n", "", "must be a mapping of groups", "all:"),
    "empty": ("# nothing\n", "", "must be a mapping of groups", "all:"),
    "group in itself": ("a: {children: {b: }}\nb: {children: {a: }}\n", ":", "contains itself", ""),
    "priority": ("a: {vars: {ansible_group_priority: 1}}\n", ":1:12", "ansible_group_priority", "siblings"),
    "variable name": ("a: {vars: {my-var: 1}}\n", ":1:12", "'my-var' cannot be the name", "underscores"),
    "empty range": ("all: {hosts: {'web[3:1]': }}\n", ":1:15", "[3:1]", "smaller"),
    "mixed range": ("all: {hosts: {'web[1:c]': }}\n", ":1:15", "not a range", "web[1:3]"),
    "large range": ("all: {hosts: {'web[1:999999]': }}\n", ":1:15", "too large", ""),
    "option as host": ("all: {hosts: {-oProxyCommand=id: }}\n", ":1:15", "is not a host name", ""),
    "space in host": ("all: {hosts: {a b: }}\n", ":1:15", "is not a host name", ""),
    "command in host": ('all: {hosts: {"$(id)": }}\n', ":1:15", "is not a host name", ""),
    "semicolon in host": ('all: {hosts: {"a;id": }}\n', ":1:15", "is not a host name", ""),
    "newline in host": ('all: {hosts: {"a\\nb": }}\n', ":1:15", "is not a host name", ""),
    "trailing dot": ('all: {hosts: {"a.": }}\n', ":1:15", "is not a host name", ""),
    "zone": ('all: {hosts: {"fe80::1%eth0": }}\n', ":1:15", "is not a host name", ""),
    "long name": ("all: {hosts: {" + "a" * 300 + ": }}\n", ":1:15", "is not a host name", ""),
    "encrypted": (
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "",
        "an encrypted inventory file is not supported",
        "group_vars",
    ),
}


@pytest.mark.parametrize(("text", "place", "problem", "hint"), BAD.values(), ids=BAD.keys())
def test_a_wrong_inventory_is_refused_with_its_place(
    tmp_path: Path, text: str, place: str, problem: str, hint: str
) -> None:
    path = write(tmp_path, hosts_yml=text)
    with pytest.raises(ConfigError) as caught:
        load_inventory([path])
    assert caught.value.where.startswith(f"{path}{place}")
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_a_missing_inventory_and_an_empty_directory_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such inventory"):
        load_inventory([tmp_path / "none.yml"])
    with pytest.raises(ConfigError, match="no inventory"):
        load_inventory([tmp_path])


def test_an_ip_address_is_a_host(tmp_path: Path) -> None:
    found = load_inventory([write(tmp_path, hosts_yml='all: {hosts: {10.0.0.7: , "2001:db8::7": }}\n')])
    assert list(found.hosts) == ["10.0.0.7", "2001:db8::7"]


def encrypted(tmp_path: Path) -> Path:
    vault = (DATA / "vault11.yml").read_text()
    inline = "token: !vault |\n" + "".join(f"  {line}\n" for line in vault.splitlines())
    return write(tmp_path, hosts_yml=FLEET, group_vars__web__vault_yml=vault, group_vars__db_yml=inline)


def test_listing_an_inventory_needs_no_vault_password_and_shows_no_secret(tmp_path: Path) -> None:
    found = load_inventory([encrypted(tmp_path)]).as_list()
    shown = json.dumps(found)
    assert found["_meta"]["hostvars"]["dba"]["token"] == "***"
    assert "ANSIBLE_VAULT" not in shown


def test_every_value_of_a_file_that_is_encrypted_as_a_whole_is_a_secret(tmp_path: Path) -> None:
    password = VaultPassword("default", Secret("correct horse battery staple"))
    found = load_inventory([encrypted(tmp_path)], vaults=Vaults.of(password))
    assert found.hosts["web01"].vars["db_password"].reveal() == "vault-canary-7f3a"
    assert found.hosts["web01"].vars["list"][0].reveal() == "a"
    assert found.hosts["web01"].vars["list"][1] is True
    assert "vault-canary" not in repr(found) + json.dumps(found.as_list())


def test_an_encrypted_file_without_a_password_says_how_to_give_one(tmp_path: Path) -> None:
    with pytest.raises(SecretError) as caught:
        load_inventory([encrypted(tmp_path)], vaults=Vaults())
    assert "--vault-password-file" in caught.value.hint

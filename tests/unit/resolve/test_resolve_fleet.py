"""What templates and plays see of the fleet's words."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.resolve import FleetNeeds
from tests.unit.project_files import Project, content

FLEET = """\
all:
  children:
    shop:
      hosts:
        a: {ansible_host: 10.0.0.1}
        b: {ansible_host: 10.0.0.2, nodes: [{name: jobs, service: jobs.service}]}
      vars:
        cluster: {name: shop, cookie: {env: COOKIE}}
        nodes: [{name: shop, service: shop.service}]
    late:
      hosts:
        c:
          ansible_host: 10.0.0.3
          cluster: {name: shop, cookie: {env: COOKIE}}
          nodes: [{name: shop, service: shop.service}]
        d:
          ansible_host: 10.0.0.4
          cluster: {name: other, cookie: {env: NOBODY_SETS_THIS}}
          nodes: [{name: shop, service: shop.service}]
        e: {ansible_host: 10.0.0.5}
"""
COOKIE = "hT3vQ9xLm7Zr2KpW8sYb4NcJd6FgAe1UoXiRz5Bk"


def test_templates_see_the_fleet_s_words_with_defaults_and_members_filled_in(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COOKIE", COOKIE)
    project.write("hosts.yml", FLEET)
    text = (
        "{{ cluster.members | map(attribute='node') | sort | join(' ') }} {{ cluster.epmd_port }} {{ nodes[0].name }}"
    )
    tasks = f'- copy: {{dest: /x, content: "{text}"}}\n- copy: {{dest: /c, content: "{{{{ cluster.cookie }}}}"}}\n'
    project.tasks(tasks)
    project.write("site.yml", (project.directory / "site.yml").read_text().replace("hosts: all", "hosts: shop"))
    found = project.resolve("b")
    own, members = found.fleet
    assert own
    assert [member.host for member in members] == ["a", "b", "c"], "other clusters' secrets are not even looked at"
    assert content(found.actions[0]) == "jobs@10.0.0.2 shop@10.0.0.1 shop@10.0.0.3 4369 jobs"
    assert content(found.actions[1]) == COOKIE
    assert COOKIE not in repr(found)


def test_a_host_that_declares_nothing_has_no_fleet(project: Project) -> None:
    project.tasks("- command: {cmd: x, creates: /x}")
    assert project.resolve().fleet == (None, ())


def test_a_wrong_word_of_the_fleet_is_refused_with_its_place(project: Project) -> None:
    project.write("hosts.yml", FLEET.replace("{name: shop, cookie: {env: COOKIE}}", "{nmae: shop}", 1))
    project.tasks("- command: {cmd: x, creates: /x}")
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert caught.value.where == f"{project.directory}/hosts.yml:8:19"
    assert "'name'" in caught.value.hint


def test_the_fleet_s_serial_is_what_the_shipped_plays_ask_for(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setenv("COOKIE", COOKIE)
    project.write("hosts.yml", FLEET)
    project.write("site.yml", "- hosts: shop\n  serial: '{{ rollout.serial }}'\n  tasks: []\n")
    assert project.resolve("b").limits.serial == (1, "25%")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("firewal", "firewall"),
        ("fierwall", "firewall"),
        ("firewall_", ""),
        ("helth", "health"),
        ("heelth", "health"),
        ("healthy", ""),
        ("rolout", "rollout"),
        ("evn", "env"),
        ("enc", ""),
        ("relase", "release"),
        ("releases", ""),
        ("nodess", "nodes"),
        ("noddes", "nodes"),
        ("node", ""),
        ("modes", ""),
        ("clutser", "cluster"),
        ("unti", "unit"),
        ("init", ""),
    ],
)
def test_a_word_of_the_fleet_that_is_misspelt_is_refused_with_its_place(project: Project, name: str, word: str) -> None:
    project.write("hosts.yml", f"all:\n  hosts:\n    a: {{}}\n  vars:\n    {name}: {{}}\n")
    project.tasks("- copy: {dest: /c, content: x}")
    if not word:
        assert len(project.actions()) == 1
        return
    with pytest.raises(ConfigError, match=f"'{name}' is no word of the fleet") as caught:
        project.actions()
    assert caught.value.where.startswith(f"{project.directory}/hosts.yml:5:")
    assert f"did you mean '{word}'?" in caught.value.hint


CLUSTERED = """\
all:
  children:
    shop:
      hosts:
        a: {ansible_host: 10.0.0.1, zone: east}
        b:
          ansible_host: 10.0.0.2
          zone: west
          nodes:
            - name: shop
              service: shop.service
              env: {LAST: "{{ (cluster.members | last).address }}"}
      vars:
        cluster: {name: shop, cookie: {env: COOKIE}}
        nodes: [{name: shop, service: shop.service}]
        env:
          PEERS: "{{ cluster.members | map(attribute='node') | join(',') }}"
          ADDRESSES: "{{ cluster.members | map(attribute='address') | join(' ') }}"
          OTHERS: "{{ groups['shop'] | difference([inventory_hostname]) | map('extract', hostvars, 'zone') | join }}"
          PORT: "{{ cluster.epmd_port }}"
          KEY: "{{ cluster.cookie.env }}"
    late:
      hosts:
        c:
          ansible_host: 10.0.0.3
          cluster: {name: shop, cookie: {env: COOKIE}}
          env: {MINE: "{{ hostvars['a'].zone }} {{ cluster.members | length }}"}
          nodes: [{name: shop, service: shop.service}]
"""


def test_the_environment_may_name_the_members_the_groups_and_other_hosts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COOKIE", COOKIE)
    project.write("hosts.yml", CLUSTERED)
    project.tasks("- command: {cmd: x, creates: /x}")
    project.write("site.yml", (project.directory / "site.yml").read_text().replace("hosts: all", "hosts: shop"))
    own, members = project.resolve("a").fleet
    nodes = "shop@10.0.0.1,shop@10.0.0.2,shop@10.0.0.3"
    assert own
    assert dict(own.env) == {
        "PEERS": nodes, "ADDRESSES": "10.0.0.1 10.0.0.2 10.0.0.3", "OTHERS": "west", "PORT": "4369", "KEY": "COOKIE"
    }  # fmt: skip
    assert dict(members[1].nodes[0].env)["LAST"] == "10.0.0.3"
    assert dict(members[2].env) == {"MINE": "east 3"}, "also of a host that is not the play's"


ASKED = "{{ cluster.members[0].address }}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"nodes: [{{name: shop, service: x, host: '{ASKED}'}}], env: {{A: '{ASKED}'}}", "members"),
        ("nodes: [{name: shop, service: x}], env: {A: '{{ env.A }}'}", "circle"),
    ],
)
def test_who_is_a_member_cannot_follow_from_who_the_members_are(project: Project, words: str, told: str) -> None:
    project.write("hosts.yml", f"all:\n  hosts:\n    a: {{ansible_host: 10.0.0.1, cluster: {{name: shop}}, {words}}}\n")
    project.tasks("- command: {cmd: x, creates: /x}")
    with pytest.raises(ConfigError, match=told):
        project.resolve()


SECRETIVE = """\
all:
  hosts:
    a: {ansible_host: 10.0.0.1}
    b: {ansible_host: 10.0.0.2}
  vars:
    db_password: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
    common: {LANG: C, URL: "postgres://{{ db_password }}"}
    cluster:
      name: shop
      cookie: {command: [touch, HERE/asked]}
      tls: true
      pki: {passphrase: {env: NOBODY_SETS_THIS}}
    env: {A: !vault "$ANSIBLE_VAULT;1.1;AES256", B: {file: nowhere}, C: "{{ db_password }}", D: "{{ common.URL }}"}
    nodes: [{name: shop, service: shop.service, env: {E: {env: NOBODY_SETS_THIS}}, vm_args: ["{{ db_password }}"]}]
"""


def test_who_only_asks_what_runs_where_needs_no_secret(project: Project) -> None:
    project.write("hosts.yml", SECRETIVE.replace("HERE", str(project.directory)))
    project.tasks("- command: {cmd: x, creates: /x}")
    resolver = project.resolver(needs=FleetNeeds(tarball=False, secrets=False))
    own, members = resolver.fleet(resolver._inventory.hosts["a"])
    assert own
    assert [str(node.node) for one in members for node in one.nodes] == ["shop@10.0.0.1", "shop@10.0.0.2"]
    assert not (project.directory / "asked").exists()
    with pytest.raises(ConfigError):
        resolver = project.resolver()
        resolver.fleet(resolver._inventory.hosts["a"])

"""What a host has said of itself is known to the other hosts, and to later plays."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.load.template import Layer
from deployer.resolve import Resolver
from tests.unit.project_files import Project, content

TASK = "- copy: {dest: /c, content: \"{{ hostvars['b'].ansible_default_ipv4.address }}\"}"
FACTS = {"ansible_default_ipv4": {"address": "10.9.9.9"}}


def host(resolver: Resolver, name: str) -> Any:
    return resolver._inventory.hosts[name]


def test_the_facts_of_another_host_stand_in_its_hostvars(project: Project) -> None:
    project.tasks(TASK)
    resolver = project.resolver()
    assert resolver.needs_facts
    resolver.learn(host(resolver, "b"), FACTS)
    (action,) = resolver.resolve(host(resolver, "a"), {}).actions
    assert content(action) == "10.9.9.9"


def test_facts_win_over_the_inventory_and_e_over_both(project: Project) -> None:
    project.write("host_vars/b.yml", "ansible_default_ipv4: {address: 10.1.1.1}\n")
    project.tasks(TASK)
    for extra, address in (({}, "10.9.9.9"), ({"ansible_default_ipv4": {"address": "10.2.2.2"}}, "10.2.2.2")):
        resolver = project.resolver(extra_vars=extra)
        resolver.learn(host(resolver, "b"), FACTS)
        assert content(resolver.resolve(host(resolver, "a"), {}).actions[0]) == address


def test_a_later_play_that_gathers_nothing_knows_what_an_earlier_one_has_learnt(project: Project) -> None:
    project.tasks(TASK, gather_facts="false")
    known: dict[str, Layer] = {}
    earlier, later = project.resolver(facts=known), project.resolver(facts=known)
    earlier.learn(host(earlier, "b"), FACTS)
    later.prepare([host(later, "a")])
    assert not later.needs_facts
    assert content(later.resolve(host(later, "a"), None).actions[0]) == "10.9.9.9"


def test_a_host_that_was_not_asked_has_no_facts_and_the_error_says_so(project: Project) -> None:
    project.tasks(TASK)
    with pytest.raises(ConfigError, match="'ansible_default_ipv4' is not there") as caught:
        project.resolve("a", {})
    assert "gather_facts" in caught.value.hint
    assert "--limit" in caught.value.hint


def test_a_rendering_without_hosts_says_that_it_knows_no_facts(project: Project) -> None:
    project.tasks('- copy: {dest: /c, content: "{{ ansible_distribution }}"}')
    with pytest.raises(ConfigError, match="'ansible_distribution' is not defined") as caught:
        project.resolve("a", None)
    assert "gather_facts" in caught.value.hint

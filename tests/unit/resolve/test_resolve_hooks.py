"""Hooks that run as a node of their host does."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.engine.roll.hooks import hook_program
from deployer.errors import ConfigError
from deployer.resolve import FleetNeeds
from deployer.sh import encode
from tests.unit.project_files import Project
from tests.unit.sh_runner import frames

FLEET = """\
all:
  hosts:
    a: {ansible_host: 10.0.0.1, nodes: [{name: shop, port: 9100}, {name: jobs, port: 9101}]}
    b: {ansible_host: 10.0.0.2}
    c: {ansible_host: 10.0.0.3, release: null}
  vars:
    release: {name: shop, version: 1.4.2, tarball: shop.tar.gz}
    cluster: {name: shop}
"""


def play(hook: str, *, become: str = "become: true, ") -> str:
    return f"- {{hosts: all, {become}hooks: {{before_switch: [{hook}]}}}}\n"


def refusal(project: Project, host: str, text: str) -> str:
    project.write("hosts.yml", FLEET)
    project.write("site.yml", text)
    with pytest.raises(ConfigError) as caught:
        project.resolve(host, needs=FleetNeeds(tarball=False))
    return str(caught.value)


def test_a_hook_runs_as_the_node_does_by_its_command_and_from_the_release_to_come(project: Project) -> None:
    project.write("hosts.yml", FLEET)
    project.write("site.yml", play('{shell: "it\'s $HOME", as_node: true, environment: {A: b}}'))
    made = project.resolve("b", needs=FleetNeeds(tarball=False))
    (hook,) = made.before_switch
    text = encode(hook_program(made, hook))
    assert '| /usr/local/bin/shop-ctl --release 1.4.2- --timeout 600 --unit "$unit" run /bin/sh -eus' in text
    assert "--release 1.4.1-aa " in encode(hook_program(made, hook, "1.4.1-aa")), "who went back has the old one"
    assert "/var/lib/beam/shop" in text, "its directory, where the hook names none"
    assert "A=b" in text


def test_one_of_several_nodes_is_named(project: Project) -> None:
    project.write("hosts.yml", FLEET)
    project.write("site.yml", play("{command: bin/x, as_node: jobs}"))
    made = project.resolve("a", needs=FleetNeeds(tarball=False))
    assert "/usr/local/bin/jobs-ctl --release" in encode(hook_program(made, made.before_switch[0]))


def test_a_node_that_is_none_of_the_hosts_is_refused(project: Project) -> None:
    assert "true names no node here\n  write one of: shop, jobs" in refusal(
        project, "a", play("{command: x, as_node: true}")
    )
    assert "jbos names no node here" in refusal(project, "a", play("{command: x, as_node: jbos}"))
    assert "this host has no node of a release" in refusal(project, "c", play("{command: x, as_node: true}"))


def test_what_cannot_run_as_a_node_is_refused(project: Project) -> None:
    reload = "{systemd: {name: proxy, state: reloaded}, as_node: true}"
    assert "systemd cannot run as a node" in refusal(project, "b", play(reload))
    assert "as_node without become" in refusal(project, "b", play("{command: x, as_node: true}", become=""))


def test_a_hook_has_the_files_that_it_is_given(project: Project, tmp_path: Path) -> None:
    project.write("site.yml", play("{uri: {url: 'http://127.0.0.1:9/', method: POST}}"))
    made = project.resolve()
    (frame,) = frames(hook_program(made, made.before_switch[0]), ["dash"], tmp_path)
    assert "Request failed" in frame.out

"""Tasks that a host has done elsewhere: planned, run and looked at there, with the host's variables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.engine.walk import elsewhere
from deployer.engine.walk.elsewhere import Elsewhere
from deployer.engine.walk.walk import Walk
from deployer.errors import ConfigError, DelegateLost, StepError, Unreachable
from deployer.events import TaskPlanned
from deployer.model import Host
from deployer.transport.wrappers import ReadOnly
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.project_files import Project

TASKS = """\
- name: before
  copy: {dest: HERE/there, content: "{{ inventory_hostname }}\\n"}
- name: note it
  command: cp HERE/there HERE/noted
  args: {creates: HERE/noted}
  delegate_to: localhost
  notify: told
- name: what it says
  local_action: command cat HERE/noted
  register: said
  changed_when: false
- name: after
  copy: {dest: HERE/after, content: "{{ said.stdout }} {{ said.changed }}\\n"}
- name: without a word
  shell: test -e HERE/after && echo {{ greeting }} >>HERE/log
  connection: local
"""


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DirectoryHost, DirectoryHost]:
    """The host, and what stands for this machine."""
    for name in ("host", "machine"):
        (tmp_path / name).mkdir()
    machine = DirectoryHost(tmp_path / "machine")
    monkeypatch.setattr(elsewhere, "LocalTransport", lambda _name, _password: machine)
    return DirectoryHost(tmp_path / "host"), machine


def walked(project: Project, host: DirectoryHost, tasks: str) -> Walk:
    place = project.directory / "there"
    place.mkdir(exist_ok=True)
    project.tasks(tasks.replace("HERE", str(place)), gather_facts="false")
    site = project.directory / "site.yml"
    handlers = "  handlers: [{name: told, command: touch HERE/told}]\n".replace("HERE", str(place))
    site.write_text(site.read_text() + handlers)
    return Walk(host, project.resolve(), Events())


def seen(walk: Walk) -> list[tuple[str, str]]:
    assert isinstance(walk.emit, Events)
    return [(event.task, event.verdict) for event in walk.emit.of(TaskPlanned)]


def test_a_plan_asks_this_machine_and_changes_nothing(
    project: Project, both: tuple[DirectoryHost, DirectoryHost]
) -> None:
    host, machine = both
    walk = walked(project, host, TASKS)
    walk.transport = ReadOnly(host)
    walk.plan()
    told = dict(seen(walk))
    assert (told["note it, on this machine"], told["without a word, on this machine"]) == ("change", "runs")
    assert told["after"] == "unknown", "what it writes is read behind a change"
    assert not any(program.writes for program in machine.programs)
    assert machine.programs, "its guard was looked at there"
    assert list((project.directory / "there").iterdir()) == []


def test_what_is_delegated_runs_on_this_machine_in_its_place(
    project: Project, both: tuple[DirectoryHost, DirectoryHost]
) -> None:
    host, machine = both
    walk = walked(project, host, TASKS)
    walk.plan()
    walk.deploy()
    place = project.directory / "there"
    assert (place / "after").read_text() == "a False\n"
    assert (place / "log").read_text() == "hello\n"
    assert (place / "told").exists(), "the handler ran on the host"
    there = "".join(label for program in host.programs if program.writes for label in program.labels)
    mine = "".join(label for program in machine.programs if program.writes for label in program.labels)
    assert ("note it" in mine, "without a word" in mine, "before" in mine) == (True, True, False)
    assert ("before" in there, "note the handler" in there, "told" in there) == (True, True, True)
    assert "without a word" not in there
    assert not any("cat " in part.text for program in host.programs for part in program.fragments)
    again = walked(project, host, TASKS)
    again.plan()
    assert dict(seen(again))["note it, on this machine"] == "ok"


def test_what_fails_on_this_machine_fails_the_host(project: Project, both: tuple[DirectoryHost, DirectoryHost]) -> None:
    walk = walked(project, both[0], "- {command: 'false', delegate_to: localhost, name: no}\n")
    walk.plan()
    with pytest.raises(StepError, match=r"no, on this machine: .*failed with status 1"):
        walk.deploy()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_what_a_user_may_not_do_on_another_machine_is_told_in_the_plan(
    project: Project, both: tuple[DirectoryHost, DirectoryHost]
) -> None:
    host, machine = both
    as_nobody = "become: true, become_user: nobody, delegate_to: b"
    walk = walked(project, host, f"- {{hostname: {{name: no-such-host}}, {as_nobody}}}\n")
    walk.elsewhere = Elsewhere(lambda _host: machine)
    with pytest.raises(ConfigError, match="runs as nobody, who is not root"):
        walk.plan()


OTHER = """\
- name: in front
  lineinfile: {path: HERE/balancer, line: "{{ inventory_hostname }}", create: true}
  delegate_to: c
  notify: told
- name: out
  shell: echo {{ inventory_hostname }} >>HERE/out
  delegate_to: c
- name: how many
  command: cat HERE/before
  delegate_to: c
  register: count
  changed_when: false
- name: own
  copy: {dest: "HERE/own-{{ inventory_hostname }}", content: "{{ count.stdout }}\\n"}
"""


@dataclass(slots=True)
class Three:
    """Two hosts that have something done on a third one."""

    project: Project
    hosts: dict[str, DirectoryHost]
    elsewhere: Elsewhere
    opened: list[str]

    def walk(self, name: str, tasks: str) -> Walk:
        place = self.project.directory / "there"
        place.mkdir(exist_ok=True)
        (place / "before").write_text("many\n")
        self.project.tasks(tasks.replace("HERE", str(place)), gather_facts="false")
        site = self.project.directory / "site.yml"
        site.write_text(site.read_text() + f"  handlers: [{{name: told, shell: 'echo x >>{place}/told'}}]\n")
        return Walk(self.hosts[name], self.project.resolve(name), Events(), elsewhere=self.elsewhere)

    def labels(self, name: str) -> list[str]:
        return [label for one in self.hosts[name].programs if one.writes for label in one.labels]


@pytest.fixture
def three(project: Project, tmp_path: Path) -> Three:
    hosts, opened = {}, list[str]()
    for name in "abc":
        (tmp_path / name).mkdir()
        hosts[name] = DirectoryHost(tmp_path / name, name=name)
    project.write("hosts.yml", "all: {hosts: {a: null, b: null, c: null}}\n")

    def connect(host: Host) -> DirectoryHost:
        opened.append(host.name)
        return hosts[host.name]

    return Three(project, hosts, Elsewhere(connect), opened)


def test_another_host_is_read_planned_and_changed_in_the_order_of_the_tasks(three: Three) -> None:
    walk = three.walk("a", OTHER)
    plan = walk.plan()
    assert [(one.action.label, one.verdict) for one in plan.tasks][:2] == [
        ("in front, on c", "change"),
        ("out, on c", "runs"),
    ]
    assert not three.labels("c")
    walk.deploy()
    place = three.project.directory / "there"
    assert (place / "balancer").read_text() == "a\n"
    assert (place / "own-a").read_text() == "many\n"
    assert (place / "told").read_text() == "x\n"
    assert [label.partition(",")[0] for label in three.labels("c")] == ["in front", "out"]
    assert any("note the handler" in label for label in three.labels("a"))
    assert three.opened == ["c"], "one connection for all of it"
    again = three.walk("a", OTHER.replace("- name: out", "- name: out\n  when: false"))
    assert not again.plan().changing


def test_what_several_hosts_want_on_one_is_read_again_before_each_writes(three: Three) -> None:
    walks = [three.walk(name, OTHER) for name in "ab"]
    for walk in walks:
        walk.plan()
    for walk in walks:
        walk.deploy()
    assert (three.project.directory / "there" / "balancer").read_text() == "a\nb\n"


def test_what_another_host_has_had_done_meanwhile_is_done_no_second_time(three: Three) -> None:
    once = (
        "- name: once\n  copy: {dest: HERE/same, content: x}\n  delegate_to: c\n  notify: told\n  register: it\n"
        '- copy: {dest: "HERE/says-{{ inventory_hostname }}", content: "{{ it.changed }}\\n"}\n'
    )
    walks = {name: three.walk(name, once) for name in "ab"}
    for walk in walks.values():
        walk.plan()
    for walk in walks.values():
        walk.deploy()
    place = three.project.directory / "there"
    assert [(place / f"says-{name}").read_text() for name in "ab"] == ["True\n", "False\n"]
    assert (place / "told").read_text() == "x\n", "it was notified once"
    assert walks["b"].changed == 1


def test_a_host_that_does_not_answer_fails_the_one_it_works_for_with_both_names(three: Three) -> None:
    def connect(host: Host) -> DirectoryHost:
        three.opened.append(host.name)
        raise Unreachable("no route", where=host.name)

    three.elsewhere.connect = connect
    for name in "ab":
        with pytest.raises(DelegateLost, match="delegated to c cannot run there: no route") as caught:
            three.walk(name, OTHER).plan()
        assert (caught.value.where, caught.value.exit_code) == (name, 4)
    assert three.opened == ["c"], "it was tried once"

"""Tasks that a host has done on this machine: planned, run and looked at there, with the host's variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.engine.walk import here
from deployer.engine.walk.walk import Walk
from deployer.errors import StepError
from deployer.events import TaskPlanned
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
    monkeypatch.setattr(here, "LocalTransport", lambda _name: machine)
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

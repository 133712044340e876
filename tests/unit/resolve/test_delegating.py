"""delegate_to: a task stays on its host; where it would run on another one it is refused before anything is touched."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.options import Options
from deployer.project import load
from tests.unit.project_files import Project

TASK = '- hosts: {hosts}\n  {more}\n  tasks:\n    - {{copy: {{dest: /srv/x, content: x}}, delegate_to: "{to}"{once}}}\n'


def resolved(project: Project, to: str, hosts: str = "all", more: str = "name: x", once: str = "") -> dict[str, str]:
    """Return why each host skips the task, or nothing."""
    (project.directory / "site.yml").write_text(TASK.format(hosts=hosts, more=more, to=to, once=once))
    found = load(Options(playbook=str(project.directory / "site.yml"), hosts="one,two"))
    (play,) = found.plays
    resolver = found.resolver(play)
    return {host.name: resolver.resolve(host, None).actions[0].skip for host in found.hosts(play)}


def test_the_host_itself_may_be_named(project: Project) -> None:
    assert resolved(project, "{{ inventory_hostname }}") == {"one": "", "two": ""}
    first = resolved(project, "{{ groups.all[0] }}", once=", run_once: true")
    assert first == {"one": "", "two": "run_once: one does it"}


def test_this_machine_is_the_host_of_a_local_play(project: Project) -> None:
    assert resolved(project, "localhost", hosts="localhost", more="connection: local") == {"localhost": ""}


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("{{ groups.all[0] }}", "two would have this done on one"),
        ("localhost", "one would have this done on this machine"),
        ("three", "one would have this done on three"),
    ],
)
def test_another_host_is_refused(project: Project, to: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        resolved(project, to)
    assert "write a play for" in caught.value.hint

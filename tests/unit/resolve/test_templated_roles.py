"""``include_role`` whose name is a template: each host has the role that it means, with its handlers."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from tests.unit.engine.engine_kit import DirectoryHost
from tests.unit.engine.results_kit import Trial
from tests.unit.project_files import Project, content

PLAY = """\
- hosts: all
  tasks:
    - include_role: {name: "role_{{ kind }}"}
  handlers:
    - {name: own, command: own}
"""


@pytest.fixture
def roles(project: Project) -> Project:
    project.write("hosts.yml", "all: {hosts: {a: {kind: one}, b: {kind: two}}}\n")
    for name in ("one", "two"):
        tasks = f"- {{copy: {{dest: /x, content: {name}}}, notify: [told, topic]}}\n"
        project.write(f"roles/role_{name}/tasks/main.yml", tasks)
        handlers = f"- {{name: told, command: {name}}}\n- {{name: heard, command: {name}, listen: topic}}\n"
        project.write(f"roles/role_{name}/handlers/main.yml", handlers)
    project.write("site.yml", PLAY)
    return project


def test_each_host_has_its_own_role_with_the_handlers_of_that(roles: Project) -> None:
    resolver = roles.resolver()
    for _ in range(2):  # the second time the roles have been read
        for host, name in (("a", "one"), ("b", "two")):
            found = resolver.resolve(resolver._inventory.hosts[host], None)
            (copied,) = found.actions
            assert content(copied) == name
            assert copied.notify == ("told", "heard")
            assert [one.label for one in found.handlers] == ["own", "told", "heard"]
            assert [str(one.module.cmd) for one in found.handlers] == ["own", name, name]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("file", "text", "where", "problem"),
    [
        ("hosts.yml", "all: {hosts: {a: {kind: three}}}\n", "site.yml:3", "there is no role 'role_three'"),
        ("roles/role_one/tasks/main.yml", "- cpoy: {dest: /x}\n", "main.yml:1:9", "no module 'cpoy'"),
        ("roles/role_one/tasks/main.yml", "- {command: x, notify: nobody}\n", "main.yml:1", "no handler 'nobody'"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_place_each_time(
    roles: Project, file: str, text: str, where: str, problem: str
) -> None:
    roles.write(file, text)
    resolver = roles.resolver()
    for _ in range(2):
        with pytest.raises(ConfigError, match=problem) as caught:
            resolver.resolve(resolver._inventory.hosts["a"], None)
        assert where in caught.value.where


@pytest.mark.parametrize(
    "include",
    [
        "include_role: {name: '{{ r }}'}",
        "include_role: {name: x, tasks_from: '{{ m }}'}",
        "include_tasks: '{{ m }}.yml'",
    ],
)
def test_what_a_role_depends_on_is_done_once_on_each_host_whoever_was_asked_before(
    project: Project, include: str
) -> None:
    project.write("roles/x/tasks/main.yml", "- {name: x, command: x, notify: told}\n")
    project.write("roles/x/meta/main.yml", "dependencies: [d]\n")
    project.write("roles/d/tasks/main.yml", "- {name: d, command: d}\n")
    project.write("roles/d/meta/main.yml", "dependencies: [tells]\n")
    project.write("roles/tells/handlers/main.yml", "- {name: told, command: told}\n")
    project.write("main.yml", "- import_role: {name: x}\n")
    project.tasks(f"- {include}\n  loop: [1, 2]\n", vars="{r: x, m: main}")
    resolver = project.resolver()
    for host in "aba":
        found = resolver.resolve(resolver._inventory.hosts[host], None)
        assert [action.label for action in found.actions] == ["d", "x", "x"]
        assert [handler.label for handler in found.handlers] == ["told"]


@pytest.mark.parametrize("order", ["ab", "ba", "b"])
def test_handlers_have_the_variables_and_the_file_that_the_include_of_their_own_host_says(
    project: Project, order: str
) -> None:
    project.write("roles/x/tasks/main.yml", "- {command: x, notify: h}\n")
    for name in "ab":
        project.write(f"roles/x/handlers/{name}.yml", f"- {{name: h, command: '{name} {{{{ p }}}}'}}\n")
    project.tasks(
        "".join(
            f"- {{include_role: {{name: '{{{{ r }}}}', handlers_from: {name}}}, vars: {{p: of {name}}},"
            f" when: inventory_hostname == '{name}'}}\n"
            for name in "ab"
        ),
        vars="{r: x}",
    )
    resolver = project.resolver()
    for host in order:
        (handler,) = resolver.resolve(resolver._inventory.hosts[host], None).handlers
        assert getattr(handler.module, "cmd", "") == f"{host} of {host}"


def test_a_name_that_waits_for_a_result_brings_its_handlers_when_it_is_known(project: Project) -> None:
    trial = Trial(project, DirectoryHost(project.directory))
    project.write("roles/late/tasks/main.yml", f"- {{name: made, shell: {{cmd: touch {trial.place}/made, "
                  f"creates: {trial.place}/made}}, notify: told}}\n")  # fmt: skip
    project.write("roles/late/handlers/main.yml", f"- {{name: told, command: touch {trial.place}/told}}\n")
    tasks = "- {name: say, command: echo late, register: said}\n"
    tasks += "- {name: brings, include_role: {name: '{{ said.stdout }}'}}\n"
    assert trial.plan(tasks) == [("say", "runs"), ("brings", "unknown")]
    trial.deploy(tasks)
    assert sorted(one.name for one in trial.place.iterdir()) == ["made", "told"]

"""delegate_to: where a task is done for its host, as whom, and what cannot be done elsewhere."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.options import Options
from deployer.project import load
from deployer.resolve import FleetNeeds
from tests.unit.project_files import Project, content

TASK = '- hosts: {hosts}\n  {more}\n  tasks:\n    - {{copy: {{dest: /srv/x, content: x}}, delegate_to: "{to}"{once}}}\n'
FLEET = "release: {name: shop, version: 1.4.2, tarball: shop.tar.gz}\ncluster: {name: shop}\n"


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


def test_another_host_has_its_own_connection_and_the_variables_stay(project: Project) -> None:
    project.write("group_vars/all.yml", "ansible_user: me\n")
    project.write("host_vars/b.yml", "ansible_become: false\nansible_user: them\ngreeting: theirs\n")
    project.tasks(
        "- copy: {dest: /srv/x, content: '{{ greeting }} {{ port }}'}\n  delegate_to: 10.0.0.2\n", become="true"
    )
    (action,) = project.actions()
    assert action.place
    assert (action.place.name, action.place.become, action.label) == ("b", False, "copy, on b")
    assert content(action) == "hello 4000"
    assert project.actions("b")[0].place is None, "to itself it is as if nothing was said"


@pytest.mark.parametrize(
    ("words", "problem", "hint"),
    [
        ("command: id\n  delegate_to: three", "a would have this done on 'three'", "known: a, b"),
        ("firewall: {ssh_from_anywhere: true}\n  delegate_to: b", "firewall cannot be delegated to b", "a play for b"),
        ("systemd: {name: shop, state: restarted}\n  delegate_to: b", "would act on shop.service", "a play for b"),
    ],
)
def test_what_another_host_cannot_do_is_refused(project: Project, words: str, problem: str, hint: str) -> None:
    project.write("group_vars/all.yml", FLEET)
    project.tasks(f"- {words}\n", become="true")
    with pytest.raises(ConfigError, match=problem) as caught:
        project.actions(needs=FleetNeeds(tarball=None))
    assert hint in caught.value.hint


def test_a_hook_may_be_delegated_to_another_host(project: Project) -> None:
    hook = "{name: drain, command: id, delegate_to: '{{ other }}', vars: {other: b}}"
    project.write("site.yml", f"- {{hosts: all, become: true, hooks: {{before_switch: [{hook}]}}}}\n")
    found = [one for name in "ab" for one in project.resolve(name).before_switch]
    assert [(one.label, str(one.place or "")) for one in found] == [("drain, on b", "b"), ("drain", "")]


def test_one_file_on_two_hosts_is_not_declared_twice(project: Project) -> None:
    project.tasks("- copy: {dest: /x, content: x}\n- {copy: {dest: /x, content: y}, delegate_to: b}\n")
    assert [str(action.place or "") for action in project.actions()] == ["", "b"]


def test_a_file_of_this_machine_is_declared_by_a_play_of_its_own(project: Project) -> None:
    with pytest.raises(ConfigError, match="copy cannot be delegated to this machine") as caught:
        resolved(project, "localhost")
    assert "ansible_connection: local" in caught.value.hint


def test_what_waits_to_be_confirmed_is_up_to_the_login_of_the_other_host(project: Project) -> None:
    project.write(
        "hosts.yml", "all: {hosts: {a: {ansible_user: me}, b: {ansible_user: them, ansible_become: false}}}\n"
    )
    for words, confirmed in (
        ("copy: {dest: /etc/ssh/sshd_config.d/x.conf, content: x}", (60, 0)),
        ("user: {name: them}", (0, 0)),
        ("copy: {dest: /srv/x, content: x}\n  confirm: 30s", (30, 30)),
    ):
        for host, other, seconds in zip("ba", "ab", confirmed, strict=True):
            project.tasks(f"- {words}\n  delegate_to: {other}\n", become="true")
            (action,) = project.actions(host)
            assert (str(action.place), action.confirm) == (other, seconds), words
    project.tasks("- {command: id, delegate_to: localhost, confirm: 60s}\n")
    with pytest.raises(ConfigError, match="command has no confirm"):
        project.actions()


@pytest.mark.parametrize(
    ("words", "here", "user"),
    [
        ("delegate_to: localhost", True, None),
        ("delegate_to: 127.0.0.1\n  become: false", False, None),
        ("delegate_to: '{{ place }}'\n  become_user: app", True, "app"),
        ("connection: local", True, None),
        ("connection: ssh", None, None),
    ],
)
def test_become_is_what_it_is_to_ansible(project: Project, words: str, here: bool | None, user: str | None) -> None:
    project.write("group_vars/all.yml", "place: localhost\nansible_user: me\n")
    project.tasks(f"- command: id\n  {words}\n", become="true")
    (action,) = project.actions()
    assert (action.place and action.place.become, action.user) == (here, user)
    project.tasks(f"- command: id\n  {words}\n".replace("  become_user: app\n", ""))
    assert not (project.actions()[0].place and project.actions()[0].place.become)


def test_local_action_names_a_module(project: Project) -> None:
    project.tasks("- local_action: command id chdir=/\n- local_action: {module: command, cmd: id}\n")
    assert [str(action.place) for action in project.actions()] == ["this machine", "this machine"]
    project.tasks("- {local_action: command id, delegate_to: b}\n")
    with pytest.raises(ConfigError, match="on this machine already"):
        project.actions()


HANDED = """\
- hosts: all
  ignore_errors: true
  roles: [{role: some, delegate_to: b}]
  tasks:
    - {name: plain, command: id}
    - delegate_to: b
      ignore_errors: false
      block:
        - {name: theirs, command: id}
        - {name: own, command: id, delegate_to: a, ignore_errors: true}
        - {name: included, include_tasks: {file: more.yml, apply: {delegate_to: a}}}
    - {name: imported, import_tasks: more.yml, delegate_to: b}
    - {name: no, fail: {msg: never mind}, register: said}
    - {name: told, command: "echo {{ said.failed }}"}
"""


def test_blocks_roles_and_imports_hand_down_where_and_whether_a_failure_counts(project: Project) -> None:
    project.write("roles/some/tasks/main.yml", "- {name: role, command: id}\n")
    project.write("more.yml", "- {name: more, command: id}\n")
    project.write("site.yml", HANDED)
    found = [(one.task.name, str(one.place or ""), one.judge and one.judge.ignores) for one in project.actions()]
    assert found == [
        ("role", "b", True),
        ("plain", "", True),
        ("theirs", "b", False),
        ("own", "", True),
        ("more", "", False),
        ("more", "b", True),
        ("no", "", None),
        ("told", "", True),
    ]
    failing, told = project.actions()[-2:]
    assert failing.says == "fails, which is ignored: never mind"
    assert "echo True" in str(told.module)


def test_a_hook_counts_whatever_its_play_ignores(project: Project) -> None:
    project.write("site.yml", "- hosts: all\n  ignore_errors: true\n  hooks: {before_switch: [{command: id}]}\n")
    assert project.resolve().before_switch[0].judge is None


def test_a_comma_makes_hosts_of_what_an_inventory_is_named(project: Project) -> None:
    project.tasks("- command: id\n")
    site = str(project.directory / "site.yml")
    found = load(Options(playbook=site, inventory=("web1,web2,", "db1,")))
    assert list(found.inventory.hosts) == ["web1", "web2", "db1"]
    with pytest.raises(ConfigError, match=r"^-i: 'we b' is not a host name"):
        load(Options(playbook=site, inventory=("web1,we b",)))
    with pytest.raises(ConfigError, match="-i web1, names hosts, and another -i is a file"):
        load(Options(playbook=site, inventory=("web1,", str(project.directory / "hosts.yml"))))

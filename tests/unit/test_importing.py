"""``deployer import``: a patch with which a project of Ansible's loads, few places long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.copying import copy_project
from deployer.errors import ConfigError
from deployer.importing import import_project
from deployer.load.playbook import load_playbook
from deployer.load.respelling import respelled
from deployer.resolve import judge

PROGRAM = Path(sys.executable).with_name("deployer")
TREE = {
    "site.yml": """\
- hosts: web
  sudo: yes
  roles:
    - good
    - bad
    - {role: bad, tags: [again]}
- hosts: db
  tasks:
    - name: x
      copy: {dest: "/x/{{ item }}", content: y}
      with_items: names
      when: "{{ wanted }}"
""",
    "own.yml": "# mine\n- hosts: web\n  roles: [bad]\n  tasks:\n    - xml: {path: /x, xpath: /a}\n"
    "- hosts: db\n  tasks: []\n",
    "anchors.yml": "- hosts: web\n  vars: &v {a: 1}\n  tasks: []\n",
    "roles/good/tasks/main.yml": "- copy: {dest: /good, content: x}\n",
    "roles/bad/tasks/main.yml": "- xml: {path: /x, xpath: /a}\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_text(text)
    return tmp_path / "own"


def test_a_project_loads_with_the_patch_and_the_rest_is_marked(project):
    found = import_project(project)
    assert {name: (project / name).read_text() for name in TREE} == TREE, "nothing is written but the patch"
    done = subprocess.run(["patch", "-p1"], input=found.patch, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    base, *_ = plays = load_playbook(project / "site.yml", judge=judge)
    assert base.ansible is None
    assert [play.become for play in plays if not play.ansible] == [True, None]
    assert [play.name for play in plays if play.ansible] == ["web · bad, bad"]
    assert (
        "    - {role: bad, engine: ansible}\n    - {role: bad, tags: [again], engine: ansible}\n"
        in (project / "site.yml").read_text()
    )
    own, other = load_playbook(project / "own.yml", judge=judge)
    assert (own.ansible is not None, other.ansible) == (True, None)
    assert (project / "own.yml").read_text().count("engine: ansible") == 1, "the play's mark is enough"
    assert found.marked == 3
    assert found.places == 4
    assert [one.partition(": ")[0] for one in found.left] == [
        "anchors.yml runs with --ansible-fallback alone",
        "roles/bad wants engine",
    ]


OLD = """\
# as it was
- include: one.yml
  when: wanted
- name: the others
  include: "{{ item }}.yml"
  with_items: [one]
- block:
    - {include: one.yml, tags: [x]}
- include: "one.yml"  # known
- include: one.yml a=1
- include: one.yml
  with_items: [1]
  tags: [x]
"""


def test_what_ansible_core_gets_has_no_include_of_old(project):
    (project / "roles/bad/tasks/more.yml").write_text(OLD)
    (project / "roles/bad/tasks/main.yml").write_text("- xml: {path: /x, xpath: /a}\n- include: more.yml\n")
    (project / "roles/bad/tasks/one.yml").write_text("- debug:\n")
    found = import_project(project)
    subprocess.run(["patch", "-p1"], input=found.patch, cwd=project, capture_output=True, text=True, check=True)
    assert "- import_tasks: more.yml\n" in (project / "roles/bad/tasks/main.yml").read_text()
    expected = OLD.replace("- include: one.yml\n  when", "- import_tasks: one.yml\n  when")
    expected = expected.replace('  include: "{{', '  include_tasks: "{{').replace("{include:", "{import_tasks:")
    expected = expected.replace('- include: "one', '- import_tasks: "one')
    assert (project / "roles/bad/tasks/more.yml").read_text() == expected
    assert found.places == 4 + 5


def test_one_playbook_of_a_project(project):
    found = import_project(project / "own.yml")
    assert (found.places, found.left) == (1, [])
    assert found.patch.startswith("--- a/own.yml\n")


def test_one_playbook_brings_only_folders_that_are_named(project, monkeypatch):
    """A playbook may lie in a home directory."""
    (project / "movies").mkdir()
    (project / "movies" / "tasks.yml").write_text("- command: /bin/true\n")
    (project / "parts").mkdir()
    (project / "parts" / "more.yml").write_text("- include_tasks: ../others/last.yml\n")
    (project / "others").mkdir()
    (project / "others" / "last.yml").write_text("- xml: {path: /x}\n")
    (project / "play.yml").write_text("- hosts: web\n  tasks:\n    - include_tasks: parts/more.yml\n")
    seen = []
    monkeypatch.setattr("deployer.importing.roles_below", lambda work: seen.append(work) or sorted_names(seen, work))
    found = import_project(project / "play.yml")
    assert found.marked == 1
    assert {"roles", "parts", "others"} == {name for name in seen[1] if "." not in name}


def sorted_names(seen, work):
    seen.append(sorted(one.name for one in work.iterdir()))
    return ()


def test_a_role_is_known_by_its_own_name_and_molecule_is_left_alone(tmp_path):
    role = tmp_path / "ansible-role-x"
    for name, text in {
        "tasks/main.yml": "- copy: {dest: /x, content: x}\n",
        "tests/test.yml": "- hosts: all\n  roles: [ansible-role-x]\n",
        "molecule/default/create.yml": "- hosts: localhost\n  tasks:\n    - docker_image: {name: x}\n",
    }.items():
        (role / name).parent.mkdir(parents=True, exist_ok=True)
        (role / name).write_text(text)
    found = import_project(role)
    assert (found.patch, found.left) == ("", [])


def test_the_command_prints_the_patch_alone(project):
    done = subprocess.run([PROGRAM, "import", project / "own.yml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, import_project(project / "own.yml").patch)
    assert "1 places change" in done.stderr


def test_what_links_lead_to_outside_of_the_project_is_read_and_never_written(project, tmp_path):
    told = {"role/tasks/main.yml": "- command: ls\n  debugger: never\n", "out.yml": TREE["own.yml"]}
    for name, text in told.items():
        (tmp_path / "outside" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "outside" / name).write_text(text)
    (project / "roles/far").symlink_to("../../outside/role")
    (project / "roles/near").symlink_to(project / "roles/good")
    (project / "out.yml").symlink_to(tmp_path / "outside/out.yml")
    (project / "use.yml").write_text("- hosts: web\n  roles: [far, near]\n")
    found = import_project(project)
    assert {name: (tmp_path / "outside" / name).read_text() for name in told} == told
    assert {name: (project / name).read_text() for name in TREE} == TREE
    assert "+  roles: [{role: far, engine: ansible}, near]\n" in found.patch
    assert any(one.startswith("out.yml runs with --ansible-fallback alone") for one in found.left)


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(project):
    os.mkfifo(project / "pipe")
    (project / "latin.yml").write_bytes(b"- hosts: web\n  tasks:\n    - command: ls # \xff\n")
    (project / "loop").symlink_to("loop")
    found = import_project(project)
    assert "pipe cannot be read" in found.left
    assert any(one.startswith("latin.yml runs with") and "UTF-8" in one for one in found.left)
    assert found.places == 4


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_was_to_run_always_does(project, end):
    text = end.join(["- hosts: web", "  tasks:", "    - command: ls", "      always_run: yes", ""])
    (project / "site.yml").write_bytes(text.encode())
    assert f"+      check_mode: false{end}" in import_project(project / "site.yml").patch


def test_what_is_no_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no playbook and no role"):
        import_project(tmp_path)
    with pytest.raises(ConfigError, match="no such project"):
        import_project(tmp_path / "none")


@pytest.mark.parametrize(
    ("line", "problem", "new"),
    [
        ("  with_items: names", "with_items is the bare word 'names'", '  with_items: "{{ names }}"'),
        ("  debugger: never", "'debugger' is not supported in a task", ""),
        ("  ansible_ssh_user: x", "ansible_ssh_user is not supported", "  ansible_user: x"),
        ("  when: '{{ a }} and {{ b }}'", "when is an expression already", None),
        ('  when: name != "{{ first }}"', "when is an expression already", "  when: name != (first | string)"),
        (
            """  - "'{{ a.b }}' in c.content" """,
            "failed_when is an expression already",
            """  - "(a.b | string) in c.content" """,
        ),
        ('  when: name != "{{ first }}"', "something else", None),
        ("  with_items: names", "something else", None),
    ],
)
def test_a_line_is_respelled_only_where_it_is_refused_and_means_the_same(line, problem, new):
    assert respelled(line, problem) == new


@pytest.mark.parametrize("link", ["vars", "roles/web"])
def test_a_folder_that_only_a_link_leads_to_comes_along_with_one_playbook(tmp_path: Path, link: str) -> None:
    root, work = tmp_path / "project", tmp_path / "copy"
    (root / "shared").mkdir(parents=True)
    (root / "shared/main.yml").write_text("a: 1\n")
    (root / link).parent.mkdir(exist_ok=True)
    (root / link).symlink_to(root / "shared")
    (root / "other").mkdir()
    (root / "site.yml").write_text("- hosts: all\n")
    assert copy_project(root, work, root / "site.yml") == []
    assert (work / link / "main.yml").read_text() == "a: 1\n"
    assert not (work / "other").exists()


def test_roles_that_share_variables_are_not_torn_from_each_other(tmp_path: Path) -> None:
    files = {
        "site.yml": "- hosts: web\n  roles: [app, bad]\n- hosts: db\n  roles: [app, other]\n",
        "roles/app/tasks/main.yml": "- copy: {dest: /x, content: x}\n",
        "roles/app/defaults/main.yml": "app_port: 1\n",
        "roles/bad/tasks/main.yml": "- xml: {path: /x, xpath: '{{ app_port }}'}\n",
        "roles/other/tasks/main.yml": "- xml: {path: /x, xpath: /a}\n",
    }
    for name, text in files.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_text(text)
    patch = import_project(tmp_path / "own").patch
    assert [line for line in patch.splitlines() if line.startswith("+ ")] == [
        "+  engine: ansible",
        "+  roles: [app, {role: other, engine: ansible}]",
    ]
    (tmp_path / "own/roles/bad/tasks/main.yml").write_text(files["roles/other/tasks/main.yml"])
    patch = import_project(tmp_path / "own").patch
    assert "+  roles: [app, {role: bad, engine: ansible}]" in patch.splitlines(), "they share nothing"

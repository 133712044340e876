"""``engine: ansible``: what is cut out of a playbook for ansible-core, and what stays deployer's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deployer.errors import ConfigError
from deployer.load import falling_back
from deployer.load.playbook import load_playbook
from deployer.model import Play

FILES = {
    "roles/base/tasks/main.yml": "- command: /bin/true\n",
    "roles/app/tasks/main.yml": "- copy: {dest: /app, content: x}\n",
    "roles/bad/tasks/main.yml": "- xml: {path: /etc/app.xml, xpath: /a}\n- copy: {dest: /b, content: x}\n",
    "base.yml": "- hosts: web\n  tasks: [{pause: }]\n- hosts: [db, cache]\n  tasks: []\n- import_playbook: more.yml\n",
    "more.yml": "- hosts: extra\n  tasks: []\n",
}


def loaded(tmp_path: Path, text: str, *, fallback: bool = False) -> tuple[Play, ...]:
    for name, content in {**FILES, "site.yml": text}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return load_playbook(tmp_path / "site.yml", fallback=fallback)


def given_to_ansible(play: Play):
    assert play.ansible
    return yaml.safe_load(play.ansible.text)


def test_a_play_is_handed_over_as_it_was_written_in_its_place(tmp_path):
    text = "---\n# why\n- hosts: first\n  tasks: []\n- name: base\n  engine: ansible\n  hosts: web\n"
    text += "  vars: {x: yes, m: 0644}\n"
    first, base = loaded(tmp_path, f"{text}  tasks:\n    - debug: msg=hi\n- hosts: last\n  tasks: []\n")[:2]
    assert first.ansible is None
    assert (base.hosts, base.tasks) == ("web", ())
    assert given_to_ansible(base) == [
        {"name": "base", "hosts": "web", "vars": {"x": True, "m": 0o644}, "tasks": [{"debug": "msg=hi"}]}
    ]
    assert base.ansible.text.splitlines()[4] == "- name: base", "errors of Ansible's name the line in which it stands"


def test_words_that_ansible_core_has_dropped_are_handed_over_as_it_calls_them_today(tmp_path):
    (base,) = loaded(tmp_path, "- hosts: web\n  sudo: yes\n  sudo_user: me\n  roles: [{role: x, engine: ansible}]\n")
    assert given_to_ansible(base) == [{"hosts": "web", "become": True, "become_user": "me", "roles": [{"role": "x"}]}]


@pytest.mark.parametrize(
    "roles",
    [
        "[{role: base, engine: ansible, tags: [b]}, app]",
        "\n    - role: base\n      engine: ansible\n      tags: [b]\n    - app",
        "\n    - {role: base, tags: [b], engine: ansible}\n    - role: app",
    ],
)
def test_a_role_is_handed_over_alone_with_the_words_of_its_play(tmp_path, roles):
    text = (
        f"- hosts: web\n  become: true\n  serial: 1\n  roles: {roles}\n  tasks:\n    - copy: {{dest: /t, content: x}}\n"
    )
    base, rest = loaded(tmp_path, text)
    assert given_to_ansible(base) == [
        {"hosts": "web", "become": True, "serial": 1, "roles": [{"role": "base", "tags": ["b"]}]}
    ]
    assert [task.args["dest"] for task in rest.tasks] == ["/app", "/t"]
    assert rest.become


def test_a_role_in_the_middle_has_its_turn_there(tmp_path):
    roles = "[app, {role: base, engine: ansible}, {role: app, x: 1}]"
    lists = "  pre_tasks: [{copy: {dest: /pre, content: x}}]\n  post_tasks: [{copy: {dest: /post, content: x}}]\n"
    before, base, after = loaded(tmp_path, f"- hosts: web\n  roles: {roles}\n{lists}")
    assert [task.args["dest"] for task in before.tasks] == ["/pre", "/app"]
    assert given_to_ansible(base) == [{"hosts": "web", "roles": [{"role": "base"}]}]
    assert [task.args["dest"] for task in after.tasks] == ["/app", "/post"]


def test_what_stands_before_and_behind_the_only_role_stays_our_own(tmp_path):
    lists = "  pre_tasks: [{copy: {dest: /pre, content: x}}]\n  tasks: [{copy: {dest: /t, content: x}}]\n"
    before, base, after = loaded(tmp_path, f"- hosts: web\n  roles: [{{role: base, engine: ansible}}]\n{lists}")
    assert [task.args["dest"] for task in before.tasks] == ["/pre"]
    assert given_to_ansible(base) == [{"hosts": "web", "roles": [{"role": "base"}]}]
    assert [task.args["dest"] for task in after.tasks] == ["/t"]


def test_an_imported_playbook_is_handed_over_with_all_that_it_imports(tmp_path):
    (play,) = loaded(tmp_path, "- import_playbook: base.yml\n  engine: ansible\n  tags: [b]\n")
    assert given_to_ansible(play) == [{"import_playbook": "base.yml", "tags": ["b"]}]
    assert play.ansible.patterns == ("web", "db", "cache", "extra")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- hosts: web\n  engine: anible\n  tasks: []\n", "engine cannot be 'anible'"),
        ("- hosts: web\n  engin: ansible\n  tasks: []\n", "did you mean 'engine'"),
        ("- hosts: web\n  roles: [{role: app, engin: ansible}]\n", "did you mean 'engine'"),
        ("- import_playbook: none.yml\n  engine: ansible\n", "there is no playbook"),
        ("[{hosts: web, engine: ansible, tasks: []}]\n", "plays that begin with -"),
    ],
)
def test_what_is_not_meant_is_refused_with_its_place(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        loaded(tmp_path, text)
    assert str(tmp_path / "site.yml") in caught.value.where


def test_a_dependency_has_no_engine(tmp_path):
    (tmp_path / "roles/dep/meta").mkdir(parents=True)
    (tmp_path / "roles/dep/meta/main.yml").write_text("dependencies: [{role: base, engine: ansible}]\n")
    with pytest.raises(ConfigError, match="engine is not supported on a role's dependency"):
        loaded(tmp_path, "- hosts: web\n  roles: [dep]\n")


def test_fallback_hands_over_the_role_that_is_not_supported_and_says_why(tmp_path):
    text = "- hosts: web\n  roles: [app, bad]\n"
    with pytest.raises(ConfigError, match="xml"):
        loaded(tmp_path, text)
    app, bad = loaded(tmp_path, text, fallback=True)
    assert (app.ansible, bad.tasks) == (None, ())
    assert given_to_ansible(bad) == [{"hosts": "web", "roles": ["bad"]}]
    assert "roles/bad/tasks/main.yml:1:3" in bad.ansible.reason
    assert "xml" in bad.ansible.reason


def test_fallback_hands_over_a_play_whose_own_tasks_are_not_supported(tmp_path):
    tasks = [{"xml": {"path": "/etc/app.xml", "xpath": "/a"}}]
    (play,) = loaded(tmp_path, f"- hosts: web\n  roles: [app]\n  tasks: {tasks}\n", fallback=True)
    assert given_to_ansible(play) == [{"hosts": "web", "roles": ["app"], "tasks": tasks}]


def test_fallback_hands_over_a_file_that_is_not_strict_yaml(tmp_path):
    (play,) = loaded(tmp_path, "- hosts: web\n  vars: &v {a: 1}\n  tasks: []\n", fallback=True)
    assert play.ansible.patterns == ("web",)
    assert "anchors" in play.ansible.reason


def test_fallback_does_not_hand_over_what_only_deployer_can_do(tmp_path):
    unit = "systemd_unit: {name: a.service, sections: {Service: {ExecStart: /bin/true}}}"
    with pytest.raises(ConfigError, match="pause"):
        loaded(tmp_path, f"- hosts: web\n  tasks: [{{pause: }}, {{{unit}}}]\n", fallback=True)


def test_fallback_leaves_a_playbook_alone_that_is_supported(tmp_path):
    (play,) = loaded(tmp_path, "- hosts: web\n  roles: [app]\n", fallback=True)
    assert play.ansible is None


HANDLERS = """\
- name: look
  stat: {path: /etc/app.pem}
  register: seen
  loop: [1]
  listen: restart app
- name: restart
  systemd: {name: app, state: restarted}
  when: seen.stat.exists
  listen: restart app
"""


def test_a_handler_that_uses_what_another_one_registers_in_a_loop_is_refused_with_a_way_out_and_handed_over(tmp_path):
    files = {"roles/pem/tasks/main.yml": "- copy: {dest: /a, content: x}\n  notify: restart app\n"}
    for name, text in {**files, "roles/pem/handlers/main.yml": HANDLERS}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match="cannot use 'seen', which 'look' registers in a loop") as caught:
        loaded(tmp_path, "- hosts: web\n  roles: [app, pem]\n")
    assert "onlyif" in caught.value.hint
    app, pem = loaded(tmp_path, "- hosts: web\n  roles: [app, pem]\n", fallback=True)
    assert (app.ansible, given_to_ansible(pem)) == (None, [{"hosts": "web", "roles": ["pem"]}])
    (tmp_path / "roles/pem/tasks/main.yml").write_text("- copy: {dest: /a, content: x}\n")
    (play,) = loaded(tmp_path, "- hosts: web\n  roles: [app, pem]\n")
    assert play.ansible is None, "nothing notifies them"
    (tmp_path / "roles/pem/tasks/main.yml").write_text(files["roles/pem/tasks/main.yml"])
    (tmp_path / "roles/pem/handlers/main.yml").write_text(
        HANDLERS.replace("name: app", "name: seen").replace("when: seen.stat.exists", "")
    )
    assert len(loaded(tmp_path, "- hosts: web\n  roles: [app, pem]\n")) == 1, "a word of its text is no use of it"


def test_a_role_that_uses_another_ones_defaults_is_not_torn_from_it(tmp_path):
    """Ansible shows the defaults of all roles of a play to each of them; two engines cannot."""
    (tmp_path / "roles/app/defaults").mkdir(parents=True)
    (tmp_path / "roles/app/defaults/main.yml").write_text("app_port: 1\n")
    (tmp_path / "roles/bad/templates").mkdir(parents=True)
    (tmp_path / "roles/bad/templates/x.j2").write_text("{{ app_port }}\n")
    (play,) = loaded(tmp_path, "- hosts: web\n  roles: [app, bad]\n", fallback=True)
    assert given_to_ansible(play) == [{"hosts": "web", "roles": ["app", "bad"]}]
    (tmp_path / "roles/bad/defaults").mkdir()
    (tmp_path / "roles/bad/defaults/main.yml").write_text("app_port: 2\n")
    app, bad = loaded(tmp_path, "- hosts: web\n  roles: [app, bad]\n", fallback=True)
    assert (app.ansible, given_to_ansible(bad)) == (None, [{"hosts": "web", "roles": ["bad"]}])


def test_a_role_of_which_no_task_can_be_read_still_keeps_those_that_use_its_defaults(tmp_path, monkeypatch):
    for name, text in {
        "broken/tasks": "- xml: {path: /x}\n",
        "broken/defaults": "its_port: 1\n",
        "app/vars": "{}\n",
    }.items():
        (tmp_path / "roles" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "roles" / name / "main.yml").write_text(text)
    (tmp_path / "roles/app/templates").mkdir()
    (tmp_path / "roles/app/templates/x.j2").write_text("{{ its_port }}\n")
    (play,) = loaded(tmp_path, "- hosts: web\n  roles: [app, broken]\n", fallback=True)
    assert given_to_ansible(play) == [{"hosts": "web", "roles": ["app", "broken"]}]

    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(falling_back, "read_regular", closed)
    app, broken = loaded(tmp_path, "- hosts: web\n  roles: [app, broken]\n", fallback=True)
    assert (app.ansible, broken.ansible is None) == (None, False)

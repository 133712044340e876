"""Which tasks, handlers and hooks a host gets: loops, conditions, tags, batches; what may stand where."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from tests.unit.project_files import Project, content


def test_a_loop_gives_one_action_for_each_item_and_conditions_see_the_item(project: Project) -> None:
    project.tasks(
        """\
- name: put {{ item.name }}
  copy: {dest: "/{{ item.name }}", content: "{{ item.text | default('none') }}"}
  loop: "{{ files }}"
  when: [port == 4000, item.name != 'two']
""",
        vars="{files: [{name: one, text: 1}, {name: two}, {name: three}]}",
    )
    one, two, three = project.actions()
    assert [action.label for action in (one, two, three)] == ["put one => one", "put two => two", "put three => three"]
    assert two.skip == "not: item.name != 'two'"
    assert (content(one), content(three)) == ("1", "none")
    (skipped,) = project.actions("b")
    assert skipped.skip == "not: port == 4000"


def test_an_empty_loop_and_a_false_condition_are_skips_with_a_reason(project: Project) -> None:
    project.tasks("- {command: x, loop: []}\n- {command: '{{ nothing }}', when: port == 1}\n")
    empty, false = project.actions()
    assert empty.skip == "its loop is empty"
    assert false.skip == "not: port == 1"


@pytest.mark.parametrize(
    ("tags", "skip_tags", "run"),
    [
        ((), (), "plain a b always"),
        (("a",), (), "a always"),
        (("a", "never"), (), "a always never"),
        (("n",), (), "always never"),
        (("all",), (), "plain a b always"),
        (("tagged",), (), "a b always"),
        (("untagged",), (), "plain always"),
        ((), ("a",), "plain b always"),
        ((), ("always",), "plain a b"),
        ((), ("tagged",), "plain always"),
        (("a", "b"), ("b",), "a always"),
    ],
)
def test_tags_choose_as_in_ansible(
    project: Project, tags: tuple[str, ...], skip_tags: tuple[str, ...], run: str
) -> None:
    it = "command: {cmd: x, creates: /x}"
    project.tasks(
        f"- {{name: plain, {it}}}\n- {{name: a, {it}, tags: a}}\n- {{name: b, {it}, tags: [b]}}\n"
        f"- {{name: always, {it}, tags: always}}\n- {{name: never, {it}, tags: [never, n]}}\n"
    )
    actions = project.actions(tags=tags, skip_tags=skip_tags)
    assert " ".join(action.label for action in actions if not action.skip) == run


@pytest.mark.parametrize(
    ("text", "column", "problem", "hint"),
    [
        ("- copy: {dest: /x, content: x, mode: 00644}", 36, "mode must be in quotes", 'mode: "00644"'),
        ("- copy: {dest: /x, content: x, mode: u+x}", 36, "depends on the mode that is there", "u=rw,g=r,o=r"),
        ("- copy: {dest: /x, content: x, mode: 'u=rwX,g=rX,o='}", 36, "X depends", "u=rw,g=r,o=r"),
        ("- copy: {dest: /x, content: x, mode: 644}", 36, "mode must be in quotes", 'mode: "0644"'),
        ("- file: {path: /x, state: directry}", 24, "cannot be 'directry'", "directory"),
        ("- copy: {dset: /x}", 14, "unknown word 'dset'", "'dest'"),
        ("- file: {path: relative}", 14, "path", ""),
        ("- cpoy: {dest: /x}", 13, "no module 'cpoy'", "'copy'"),
        ("- copy: {src: nothing.conf, dest: /x}", 14, "there is no file 'nothing.conf'", "files/nothing.conf"),
        ('- copy: {dest: /x, content: "{{ prot }}"}', 33, "'prot' is not defined", "'port'"),
        ("- {command: x, when: prot == 1}", 26, "'prot' is not defined", "'port'"),
        ("- {command: x, loop: '{{ port }}'}", 26, "loop needs a list", ""),
        ("- {command: x, environment: {A-B: x}}", 34, "'A-B' is not the name", ""),
        ("- user: {name: app, system: y}", 25, "system must be true or false", "write true or false"),
    ],
)
def test_a_wrong_task_is_refused_with_its_place(
    project: Project, text: str, column: int, problem: str, hint: str
) -> None:
    project.tasks(text)
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert caught.value.where == f"{project.directory}/site.yml:3:{column}"
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_two_tasks_that_want_one_file_to_differ_are_refused_with_both_places(project: Project) -> None:
    project.tasks("- copy: {dest: /x, content: one}\n- copy: {dest: /x, content: two}\n")
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert "site.yml:3:7" in caught.value.message
    assert caught.value.where.endswith("site.yml:4:7")
    project.tasks("- {copy: {dest: /x, content: one}, when: port == 1}\n- copy: {dest: /x, content: two}\n")
    assert len(project.actions()) == 2


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        ("command: systemctl restart shop", "which say when it is needed"),
        ("shell: 'true'", "which say when it is needed"),
        ("systemd: {name: shop, state: restarted}", "make it a handler"),
        ("ansible.builtin.service: {name: shop, state: reloaded}", "make it a handler"),
    ],
)
def test_an_act_without_an_end_state_runs_every_time_and_strict_refuses_it(
    project: Project, task: str, hint: str
) -> None:
    project.tasks(f"- {task}")
    assert project.actions()[0].module.handler_only
    with pytest.raises(ConfigError, match="it would run every time") as caught:
        project.actions(strict=True)
    assert hint in caught.value.hint
    project.write("site.yml", f"- hosts: all\n  tasks: []\n  handlers:\n  - {task}\n")
    assert project.resolve().handlers[0].module.act()


@pytest.mark.parametrize("word", ["handlers: [{}]", "hooks: {{after_start: [{}]}}"])
def test_what_does_nothing_is_neither_handler_nor_hook(project: Project, word: str) -> None:
    project.write("site.yml", f"- hosts: all\n  tasks: []\n  {word.format('copy: {dest: /x, content: x}')}\n")
    with pytest.raises(ConfigError, match="copy does nothing when it is notified") as caught:
        project.resolve()
    assert "hooks act" in caught.value.hint


ROLL = """\
- hosts: all
  serial: {serial}
  hooks:
    before_switch:
      - {{name: "drain {{{{ inventory_hostname }}}}", command: drain, delegate_to: localhost}}
      - {{command: migrate, run_once: true, when: port == 4000}}
    after_start:
      - systemd: {{name: proxy, state: reloaded}}
"""


def test_batches_and_hooks_are_rendered_for_each_host(project: Project) -> None:
    project.write("site.yml", ROLL.format(serial="['{{ port - 3998 }}', 25%]"))
    one, other = project.resolve("a"), project.resolve("b")
    assert (one.limits.serial, other.limits.serial) == ((2, "25%"), (3, "25%"))
    assert [(hook.label, hook.task.local, hook.skip) for hook in other.before_switch] == [
        ("drain b", True, ""),
        ("command", False, "not: port == 4000"),
    ]
    assert [hook.task.run_once for hook in one.before_switch] == [False, True]
    assert one.after_start[0].module.act()[-1].what == "reload proxy.service"


@pytest.mark.parametrize("serial", ["0", "101%", "[]", "some", "-1", "'{{ greeting }}'"])
def test_a_size_that_is_none_is_refused_with_its_place(project: Project, serial: str) -> None:
    project.write("site.yml", ROLL.format(serial=serial))
    with pytest.raises(ConfigError, match="serial") as caught:
        project.resolve()
    assert caught.value.where.startswith(f"{project.directory}/site.yml:2:")


def test_a_command_has_the_seconds_that_its_task_says(project: Project) -> None:
    project.tasks("- {shell: {cmd: x, creates: /x}, timeout: '{{ port // 4 }}'}\n- command: {cmd: y, creates: /y}\n")
    one, two = project.actions()
    assert (one.timeout, two.timeout) == (1000, None)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("{shell: {cmd: x, creates: /x}, timeout: 0}", "timeout is 0"),
        ("{shell: {cmd: x, creates: /x}, timeout: soon}", "timeout must be a whole number"),
        ("{copy: {dest: /x, content: x}, timeout: 5}", "copy has no timeout"),
    ],
)
def test_a_deadline_that_is_none_is_refused(project: Project, task: str, words: str) -> None:
    project.tasks(f"- {task}\n")
    with pytest.raises(ConfigError, match=words):
        project.actions()


@pytest.mark.parametrize("word", ["true", "yes", "'{{ true }}'"])
def test_an_archive_of_the_host_is_looked_for_there_alone(project: Project, word: str) -> None:
    project.tasks(f"- unarchive: {{src: /srv/pages.tgz, dest: /srv/into, remote_src: {word}}}\n")
    (action,) = project.actions()
    assert action.module.src == "/srv/pages.tgz"


def test_a_file_goes_into_the_directory_that_a_task_before_it_makes(project: Project) -> None:
    project.write("files/a.conf", "x")
    project.write("templates/b.conf", "y")
    project.tasks(
        "- {copy: {src: a.conf, dest: /srv/before}}\n"
        "- {file: {path: '/srv/{{ item }}', state: directory}, loop: [in, out]}\n"
        "- {file: {path: /srv/not, state: directory}, when: false}\n"
        "- {copy: {src: a.conf, dest: /srv/in}}\n"
        "- {template: {src: b.conf, dest: /srv/out}}\n"
        "- {copy: {src: a.conf, dest: /srv/in/own}}\n"
        "- {copy: {src: a.conf, dest: /srv/not}}\n"
        "- {file: {path: /srv/in, mode: '0750'}}\n"
        "- {template: {src: b.conf, dest: /srv/in}}\n"
    )
    found = [one.module.dest for one in project.actions() if one.task.module in ("copy", "template")]  # type: ignore[attr-defined]
    assert found == ["/srv/before", "/srv/in/a.conf", "/srv/out/b.conf", "/srv/in/own", "/srv/not", "/srv/in/b.conf"]


def test_a_directory_that_is_made_on_one_machine_says_nothing_of_another(project: Project) -> None:
    project.write("files/a.conf", "x")
    project.tasks(
        "- {file: {path: /srv/own, state: directory}}\n"
        "- {file: {path: /srv/other, state: directory}, delegate_to: b}\n"
        "- {copy: {src: a.conf, dest: /srv/own}, delegate_to: b}\n"
        "- {copy: {src: a.conf, dest: /srv/other}}\n"
        "- {copy: {src: a.conf, dest: /srv/other}, delegate_to: b}\n"
    )
    found = [one.module.dest for one in project.actions() if one.task.module == "copy"]  # type: ignore[attr-defined]
    assert found == ["/srv/own", "/srv/other", "/srv/other/a.conf"]


@pytest.mark.parametrize("dest", ["[/srv/a]", "{to: /srv/a}"])
def test_a_dest_that_is_no_path_is_refused(project: Project, dest: str) -> None:
    project.tasks(f"- {{copy: {{content: x, dest: {dest}}}}}\n")
    with pytest.raises(ConfigError, match="dest"):
        project.actions()

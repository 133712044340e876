"""Results of tasks: what a plan knows of them, and what is known when they have run."""

from __future__ import annotations

import pytest

from deployer.engine.walk.walk import Walk
from deployer.errors import ConfigError, StepError
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.engine.results_kit import Trial
from tests.unit.project_files import Project


@pytest.fixture
def trial(project: Project, host: DirectoryHost) -> Trial:
    return Trial(project, host)


LOOK = """\
- name: look
  command: cat HERE/version
  register: version
  changed_when: false
  failed_when: version.rc not in [0, 1]
- name: write
  shell: {cmd: 'echo {{ version.stdout }}+ >HERE/out', creates: HERE/out}
  when: version.rc == 0 and version.stdout_lines[0] is version('1.0', '>=')
- name: none
  shell: {cmd: 'touch HERE/none', creates: HERE/none}
  when: version is failed or version.stderr | length > 0
"""


def test_what_only_reads_is_known_in_a_plan_and_conditions_loops_and_templates_use_it(trial: Trial) -> None:
    (trial.place / "version").write_text("1.2\n")
    assert trial.plan(LOOK) == [("look", "ok"), ("write", "change"), ("none", "skipped")]
    assert [program.writes for program in trial.host.programs] == [False, False]
    walk = trial.deploy(LOOK)
    assert (trial.read("out"), walk.changed) == ("1.2+\n", 1)
    (trial.place / "version").unlink()
    assert trial.plan(LOOK) == [("look", "ok"), ("write", "skipped"), ("none", "change")]


def test_a_fact_that_is_made_of_a_result_decides_and_what_asks_it_waits(trial: Trial) -> None:
    tasks = "- command: uname -s\n  register: kernel\n  changed_when: false\n"
    tasks += "- set_fact: {is_linux: \"{{ kernel.stdout == 'Linux' }}\"}\n"
    tasks += (
        "- {name: write, when: is_linux, shell: {cmd: touch HERE/out, creates: HERE/out}}\n- assert: {that: is_linux}\n"
    )
    assert ("write", "change") in trial.plan(tasks)
    trial.deploy(tasks)
    assert (trial.place / "out").exists()


def test_what_reads_behind_a_change_is_unknown_until_that_has_run(trial: Trial) -> None:
    tasks = "- name: make\n  shell: {cmd: 'echo 2.0 >HERE/version', creates: HERE/version}\n" + LOOK
    assert trial.plan(tasks) == [("make", "change"), ("look", "unknown"), ("write", "unknown"), ("none", "unknown")]
    walk = trial.deploy(tasks)
    assert (trial.read("out"), walk.changed, (trial.place / "none").exists()) == ("2.0+\n", 2, False)
    assert trial.plan(tasks) == [("make", "ok"), ("look", "ok"), ("write", "ok"), ("none", "skipped")]


def test_what_reads_behind_a_task_that_runs_every_time_is_not_run_by_a_plan(trial: Trial) -> None:
    tasks = """\
- {name: always, command: 'true'}
- {name: fetched, shell: 'echo ran >>HERE/ran', register: it, changed_when: false, failed_when: it.rc > 1}
"""
    assert trial.plan(tasks) == [("always", "runs"), ("fetched", "unknown")]
    assert not (trial.place / "ran").exists()
    trial.deploy(tasks)
    assert trial.read("ran") == "ran\n"


def test_what_uses_two_results_has_both_though_one_is_read_behind_a_change(trial: Trial) -> None:
    tasks = """\
- name: first
  command: echo one
  register: first
  changed_when: false
- name: make
  shell: {cmd: 'echo two >HERE/made', creates: HERE/made}
- name: second
  command: cat HERE/made
  register: second
  changed_when: false
- name: both
  shell: {cmd: 'echo {{ first.stdout }} {{ second.stdout }} >HERE/both', creates: HERE/both}
"""
    told = [("first", "ok"), ("make", "change"), ("second", "unknown"), ("both", "unknown")]
    assert trial.plan(tasks) == told
    trial.deploy(tasks)
    assert trial.read("both") == "one two\n"


def test_a_reading_that_fails_ends_the_plan_where_nothing_is_changed_before_it(trial: Trial) -> None:
    tasks = "- name: look\n  shell: echo why >&2; exit 4\n  register: x\n  changed_when: false\n"
    with pytest.raises(StepError, match=r"look: failed with status 4\n    why") as caught:
        trial.plan(tasks)
    assert caught.value.where.endswith("site.yml:4:7")
    assert trial.plan(tasks + "  ignore_errors: true\n") == [("look", "ok")]


CHANGED = """\
- name: note
  shell: {cmd: 'echo a >HERE/note; echo said', creates: HERE/note}
  register: note
- name: after
  shell: echo {{ note is changed }} >>HERE/after
  when: note.changed
- name: said
  shell: echo {{ note.stdout }} >>HERE/said
  when: note is changed
"""


def test_whether_something_changes_is_known_in_the_plan_and_what_it_says_when_it_has_run(trial: Trial) -> None:
    assert trial.plan(CHANGED) == [("note", "change"), ("after", "runs"), ("said", "unknown")]
    walk = trial.deploy(CHANGED)
    assert (trial.read("after"), trial.read("said"), walk.changed, walk.ran) == ("True\n", "said\n", 1, 2)
    again = trial.deploy(CHANGED)
    assert (again.changed, again.ran, trial.read("after")) == (0, 0, "True\n")


def test_a_command_without_a_guard_runs_every_time_and_strict_refuses_it(trial: Trial) -> None:
    tasks = "- name: always\n  shell: echo x >>HERE/x\n"
    assert trial.plan(tasks) == [("always", "runs")]
    for count in (1, 2):
        walk = trial.deploy(tasks)
        assert (walk.changed, walk.ran, trial.read("x")) == (0, 1, "x\n" * count)
    auditing = trial.walk(tasks)
    plan = auditing.audit()
    assert ([one.reason for one in plan.tasks], plan.drifting) == (["not judged: it runs every time"], ())
    lists = "  tasks: [{shell: echo, notify: h}]\n  handlers: [{name: h, shell: echo}]\n"
    play = f"- hosts: all\n  gather_facts: false\n{lists}"
    trial.project.write("site.yml", play)
    assert Walk(trial.host, trial.project.resolve(), Events()).audit().drifting == (), "nor is what it notifies"
    with pytest.raises(ConfigError, match="it would run every time"):
        trial.project.resolve(strict=True)


HANDLED = """\
- hosts: all
  gather_facts: false
  tasks:
  - name: maybe
    shell: echo WORD
    register: said
    changed_when: "'yes' in said.stdout"
    notify: told
  - name: quiet
    shell: echo quiet
    changed_when: false
    notify: silent
  handlers:
  - {name: told, shell: echo told >>HERE/told}
  - {name: silent, shell: echo told >>HERE/silent}
"""


@pytest.mark.parametrize(("word", "runs"), [("yes", True), ("no", False)])
def test_changed_when_decides_about_handlers(trial: Trial, word: str, runs: bool) -> None:
    trial.project.write("site.yml", HANDLED.replace("WORD", word).replace("HERE", str(trial.place)))
    walk = Walk(trial.host, trial.project.resolve(), Events())
    assert [(one.action.label, one.verdict) for one in walk.plan().all] == [
        ("maybe", "runs"), ("quiet", "runs"), ("told", "unknown"),
    ]  # fmt: skip
    walk.deploy()
    assert (trial.place / "told").exists() is runs
    assert not (trial.place / "silent").exists()
    assert list((trial.host.home / "notified").iterdir()) == [], "no run after this one finds a note"


READ = """\
- hosts: all
  gather_facts: false
  tasks:
  - name: early
    command: cat HERE/early
    register: early
    changed_when: early.rc != 0
    failed_when: false
    check_mode: false
    notify: [woken]
  - {name: make, shell: {cmd: 'touch HERE/early HERE/made', creates: HERE/made}}
  - name: late
    command: cat HERE/late
    register: late
    changed_when: late.rc != 0
    failed_when: false
    check_mode: false
    notify: [late]
  - meta: flush_handlers
  - {name: end, shell: {cmd: 'touch HERE/late HERE/end', creates: HERE/end}}
  handlers:
  - {name: woken, shell: echo woken >>HERE/log}
  - {name: late, shell: echo late >>HERE/log}
"""


def test_a_reading_that_says_that_something_has_changed_wakes_handlers_once(trial: Trial) -> None:
    trial.project.write("site.yml", READ.replace("HERE", str(trial.place)))

    def walk() -> Walk:
        return Walk(trial.host, trial.project.resolve(), Events())

    planned = [(one.action.label, one.verdict) for one in walk().plan().all if one.verdict != "skipped"]
    told = [("early", "ok"), ("make", "change"), ("late", "unknown"), ("woken", "change"), ("late", "unknown")]
    assert planned == [*told, ("end", "change")]
    walk().deploy()
    assert trial.read("log") == "woken\nlate\n"
    assert walk().plan().changing == ()
    walk().deploy()
    assert trial.read("log") == "woken\nlate\n"


def test_a_reading_behind_a_change_ends_the_run_where_it_fails_though_nobody_asks_for_its_result(trial: Trial) -> None:
    tasks = """\
- {name: write, shell: {cmd: touch HERE/conf, creates: HERE/conf}}
- {name: check, command: cat HERE/nothing, register: checked, changed_when: false}
- {name: restart, shell: {cmd: touch HERE/restarted, creates: HERE/restarted}}
"""
    assert trial.plan(tasks) == [("write", "change"), ("check", "unknown"), ("restart", "change")]
    with pytest.raises(StepError, match="check: failed with status 1"):
        trial.deploy(tasks)
    assert sorted(one.name for one in trial.place.iterdir()) == ["conf"]


@pytest.mark.parametrize("creates", ["HERE/conf", "HERE/c?n*"])
def test_what_edits_a_file_that_a_command_makes_waits_for_the_command(trial: Trial, creates: str) -> None:
    tasks = f"- {{name: make, shell: {{cmd: \"printf 'a=1\\\\nb=2\\\\n' >HERE/conf\", creates: '{creates}'}}}}\n"
    tasks += """\
- {name: edit, lineinfile: {path: HERE/conf, regexp: ^a=, line: a=3, create: true, mode: "0644"}}
"""
    assert trial.plan(tasks) == [("make", "change"), ("edit", "unknown")]
    trial.deploy(tasks)
    assert trial.read("conf") == "a=3\nb=2\n"
    assert trial.plan(tasks) == [("make", "ok"), ("edit", "ok")]

"""What the words of a task make of its result: failed_when, retries, loops, no_log, and what is skipped."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError, DeployerError, StepError
from deployer.events import StepDone
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.engine.results_kit import Trial
from tests.unit.project_files import Project


@pytest.fixture
def trial(project: Project, host: DirectoryHost) -> Trial:
    return Trial(project, host)


def test_failed_when_and_ignore_errors_decide_what_a_failure_is(trial: Trial) -> None:
    rest = "- name: rest\n  shell: echo {{ x.rc }} {{ x is failed }} {{ x.msg | default('-') }} >HERE/rest\n"
    bad = "- name: bad\n  shell: echo out; echo err >&2; exit 3\n  register: x\n"
    with pytest.raises(StepError, match="failed with status 3\n    out\n    err"):
        trial.deploy(bad + rest)
    walk = trial.deploy(bad + "  ignore_errors: true\n" + rest)
    assert trial.read("rest") == "3 True -\n"
    assert isinstance(walk.emit, Events)
    assert [done.rc for done in walk.emit.of(StepDone)] == [0, 0]
    trial.deploy(bad + "  failed_when: x.rc != 3 or 'err' not in x.stderr\n" + rest)
    assert trial.read("rest") == "3 False -\n"
    with pytest.raises(StepError, match="bad: failed\n    out"):
        trial.deploy(bad.replace("exit 3", "exit 0") + "  failed_when: \"'out' in x.stdout\"\n" + rest)


def test_something_is_tried_until_it_holds_and_no_longer(trial: Trial) -> None:
    tasks = (
        "- name: count\n  shell: echo x >>HERE/x; wc -l <HERE/x\n  register: x\n  until: x.stdout | int >= 3\n"
        "  retries: RETRIES\n  delay: 0\n- name: rest\n  shell: echo {{ x.attempts }} >HERE/rest\n"
    )
    trial.deploy(tasks.replace("RETRIES", "5"))
    assert (trial.read("x"), trial.read("rest")) == ("x\n" * 3, "3\n")
    (trial.place / "x").unlink()
    with pytest.raises(StepError, match="count: failed"):
        trial.deploy(tasks.replace("RETRIES", "1"))
    assert trial.read("x") == "x\n" * 2


def test_a_reading_is_waited_for_in_a_deploy_and_unknown_in_a_plan(trial: Trial) -> None:
    tasks = """\
- name: start
  shell: {cmd: 'echo >HERE/started', creates: HERE/started}
- name: wait
  shell: echo x >>HERE/asked; [ $(wc -l <HERE/asked) -ge 5 ] && echo up
  register: x
  changed_when: false
  until: x is succeeded
  retries: 10
  delay: 0
- name: rest
  shell: {cmd: 'echo {{ x.stdout }} >HERE/rest', creates: HERE/rest}
"""
    assert trial.plan(tasks) == [("start", "change"), ("wait", "unknown"), ("rest", "unknown")]
    trial.deploy(tasks)
    assert trial.read("rest") == "up\n"
    assert trial.plan(tasks) == [("start", "ok"), ("wait", "ok"), ("rest", "ok")]


def test_a_loop_registers_one_result_for_each_round(trial: Trial) -> None:
    tasks = """\
- name: look
  shell: echo {{ item }}{{ item }}
  loop: [a, b]
  register: all
  changed_when: false
- name: each
  shell:
    cmd: echo {{ item.item }} {{ item.stdout }} >>HERE/each
    creates: HERE/{{ item.item }}
  loop: '{{ all.results }}'
  loop_control: {label: '{{ item.item }}'}
- set_fact: {joined: "{{ all.results | map(attribute='stdout') | join(',') }}"}
- name: joined
  shell: {cmd: 'echo {{ joined }} >HERE/joined', creates: HERE/joined}
"""
    assert [task for task, _ in trial.plan(tasks)] == [
        "look => a", "look => b", "each => a", "each => b", "set_fact", "joined",
    ]  # fmt: skip
    trial.deploy(tasks.replace("    creates: HERE/{{ item.item }}\n", ""))
    assert (trial.read("each"), trial.read("joined")) == ("a aa\nb bb\n", "aa,bb\n")


def test_what_is_skipped_says_so_and_what_its_tags_leave_out_is_not_there(trial: Trial) -> None:
    skipped = "- command: /bin/true\n  when: 1 == 2\n  register: x\n"
    cmd = "echo {{ x is skipped }} {{ x.changed }} >HERE/use"
    use = f"- name: use\n  tags: t\n  shell: {{cmd: '{cmd}', creates: HERE/use}}\n"
    trial.deploy(skipped + use)
    assert trial.read("use") == "True False\n"
    trial.walk(skipped + use)
    with pytest.raises(ConfigError, match="'x' is not defined"):
        trial.project.resolve(tags=["t"])


def test_a_fact_that_cannot_be_set_yet_hides_its_old_value(trial: Trial) -> None:
    tasks = (
        "- set_fact: {v: old}\n- name: make\n  shell: {cmd: 'echo new >HERE/v; cat HERE/v', creates: HERE/v}\n"
        "  register: made\n- set_fact: {v: '{{ made.stdout }}'}\n  when: made is changed\n"
        "- name: use\n  shell: {cmd: 'echo {{ v }} >HERE/use', creates: HERE/use}\n"
    )
    assert trial.plan(tasks)[-1] == ("use", "unknown")
    trial.deploy(tasks)
    assert trial.read("use") == "new\n"


def test_a_hook_cannot_use_a_result_and_no_log_shows_nothing_of_one(trial: Trial) -> None:
    with pytest.raises(StepError) as caught:
        trial.deploy("- name: bad\n  shell: echo canary-91c4; exit 3\n  register: x\n  no_log: true\n")
    assert "canary" not in str(caught.value)
    trial.project.write(
        "site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n  - {shell: echo a, register: x, notify: h}\n"
        "  handlers:\n  - {name: h, shell: 'echo {{ x.stdout }}'}\n"
        "  hooks: {before_switch: [{shell: 'echo {{ x.stdout }}'}]}\n",
    )
    with pytest.raises(ConfigError, match="'x' is not known here"):
        trial.project.resolve()


HUSHED = """\
- {name: read, shell: "printf 'canary-1\\ncanary-2\\n'", register: r, no_log: true, changed_when: false}
- debug: {var: r}
- debug: {msg: "it is {{ r.stdout_lines[0] }}"}
- set_fact: {mine: "{{ r.stdout_lines | first }}"}
- debug: {var: mine}
- {name: "file of {{ mine }}", copy: {dest: HERE/file, content: "{{ later }}\\n"}, vars: {later: "{{ mine }}!"}}
- {name: each, copy: {dest: "HERE/{{ item }}", content: x}, loop: "{{ r.stdout_lines }}"}
- {name: labelled, copy: {dest: "HERE/x{{ item }}", content: x}, loop: [0], loop_control: {label: "{{ mine }}"}}
- {name: again, shell: "echo {{ mine }} >HERE/again; cat HERE/again", args: {creates: HERE/again}, register: s}
- debug: {var: s}
- {name: open, copy: {dest: HERE/open, content: "seen {{ port }}\\n"}, when: "'canary' in r.stdout"}
"""


def test_what_no_log_has_registered_is_used_as_it_is_and_shown_nowhere(trial: Trial) -> None:
    for tasks in (HUSHED.partition("- {name: again")[0], HUSHED):
        walk = trial.deploy(tasks)
        assert isinstance(walk.emit, Events)
        told = "\n".join(map(repr, walk.emit))
        assert "canary" not in told
        assert "not shown: no_log" in told
    assert (trial.read("file"), trial.read("again")) == ("canary-1!\n", "canary-1\n")
    assert (trial.place / "canary-2").exists()
    assert "seen 4000" in told, "what is not made of it is shown"


def test_what_uses_a_change_under_no_log_waits_for_it(trial: Trial) -> None:
    makes = "- {name: make, shell: 'echo canary-1 >HERE/made; cat HERE/made', register: r, no_log: true}\n"
    walk = trial.deploy(makes + '- {name: use, copy: {dest: HERE/used, content: "{{ r.stdout }}"}}\n')
    assert trial.read("used") == "canary-1"
    assert isinstance(walk.emit, Events)
    assert "canary" not in "\n".join(map(repr, walk.emit))


@pytest.mark.parametrize(
    "use",
    [
        "copy: {dest: /x, content: \"{{ r.stdout_lines | community.general.json_query('[') }}\"}",
        "copy: {dest: /x, content: '{{ r.stdout | from_json }}'}",
        "copy: {dest: '/x', content: 'x', mode: '{{ r.stdout }}'}",
        "assert: {that: 'no', fail_msg: '{{ r.stdout }}'}",
        "fail: {msg: 'it is {{ r.stdout }}'}",
        "assert: {that: r.stdout}",
        "{debug: {msg: x}, when: r.stdout}",
        "{debug: {msg: x}, loop: '{{ r.stdout }}'}",
        "{debug: {msg: x}, with_dict: '{{ r.stdout }}'}",
        "shell: echo {{ r.stdout_lines[0] }}; exit 3",
    ],
)
def test_an_error_about_what_no_log_has_registered_does_not_quote_it(trial: Trial, use: str) -> None:
    with pytest.raises(DeployerError) as caught:
        trial.deploy(HUSHED.partition("- debug")[0] + f"- {use}\n")
    assert "canary" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("register: 1x", "cannot be the name of a variable"),
        ("changed_when: '{{ x }} == 1'", "changed_when is an expression already"),
        ("failed_when: {a: b}", "failed_when must be an expression, not a mapping"),
        ("check_mode: true", "check_mode: true asks for a task that never runs"),
        ("until: x is succeeded\n  register: x\n  retries: many", "retries must be a whole number"),
        ("until: x is succeeded\n  register: x\n  delay: 100000", "it would wait"),
        ("ignore_errors: maybe", "ignore_errors must be true or false"),
    ],
)
def test_a_wrong_word_is_one_clear_error(trial: Trial, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        trial.walk(f"- command: /bin/true\n  {words}\n")
    assert "site.yml:" in caught.value.where


def test_what_was_waited_for_need_not_hold_any_more_at_the_end(trial: Trial) -> None:
    tasks = "- wait_for: {path: HERE/x, state: absent}\n- shell: {cmd: 'touch HERE/x', creates: HERE/x}\n"
    walk = trial.deploy(tasks)
    assert (walk.changed, trial.read("x")) == (1, "")


def test_what_is_posted_is_no_change_to_a_condition_in_the_plan_and_behind_it(trial: Trial) -> None:
    tasks = (
        "- {name: post, uri: {url: 'http://127.0.0.1:1/', method: POST, status_code: [-1]}, register: said}\n"
        "- {name: changed, command: touch HERE/changed, when: said is changed}\n"
        "- {name: same, command: touch HERE/same, when: said is not changed}\n"
    )
    assert trial.plan(tasks) == [("post", "runs"), ("changed", "skipped"), ("same", "runs")]
    trial.deploy(tasks)
    assert [file.name for file in trial.place.iterdir()] == ["same"]


@pytest.mark.parametrize(("command", "left"), [("'false'", "bad"), ("'true'", "good")])
def test_what_may_fail_is_known_to_have_failed_only_when_it_has_run(trial: Trial, command: str, left: str) -> None:
    tasks = (
        f"- {{name: tried, command: {command}, register: said, ignore_errors: true}}\n"
        "- {name: bad, command: touch HERE/bad, when: said is failed}\n"
        "- {name: good, command: touch HERE/good, when: said is succeeded}\n"
    )
    assert trial.plan(tasks) == [("tried", "runs"), ("bad", "unknown"), ("good", "unknown")]
    trial.deploy(tasks)
    assert [file.name for file in trial.place.iterdir()] == [left]

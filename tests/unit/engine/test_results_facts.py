"""Facts that tasks read: a plan knows them, and what uses one behind a change waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from tests.unit.engine.engine_kit import DirectoryHost
from tests.unit.engine.results_kit import Trial
from tests.unit.project_files import Project

ASK = "- {name: ask, getent: {database: passwd, key: root}}\n"
WRITE = """\
- name: write
  shell: {cmd: 'echo {{ FACT.root[4] }} >HERE/out', creates: HERE/out}
  when: FACT.root[1] == '0'
"""


@pytest.fixture
def trial(project: Project, tmp_path: Path) -> Trial:
    return Trial(project, DirectoryHost(tmp_path))


@pytest.mark.parametrize("fact", ["getent_passwd", "ansible_facts.getent_passwd"])
def test_a_fact_that_a_task_reads_is_known_in_the_plan_without_register(trial: Trial, fact: str) -> None:
    tasks = ASK + WRITE.replace("FACT", fact)
    assert trial.plan(tasks) == [("ask", "ok"), ("write", "change")]
    trial.deploy(tasks)
    assert trial.read("out") == "/root\n"


def test_a_fact_that_is_read_behind_a_change_is_unknown_until_that_has_run(trial: Trial) -> None:
    tasks = "- {name: first, shell: {cmd: touch HERE/first, creates: HERE/first}}\n"
    tasks += ASK + WRITE.replace("FACT", "getent_passwd")
    assert trial.plan(tasks) == [("first", "change"), ("ask", "unknown"), ("write", "unknown")]
    trial.deploy(tasks)
    assert trial.read("out") == "/root\n"


def test_a_task_that_reads_facts_but_waits_itself_lets_what_uses_them_wait(trial: Trial) -> None:
    tasks = "- {name: who, command: echo root, register: who}\n"
    tasks += "- {name: ask, getent: {database: passwd, key: '{{ who.stdout }}'}}\n" + WRITE.replace(
        "FACT", "getent_passwd"
    )
    assert trial.plan(tasks) == [("who", "runs"), ("ask", "unknown"), ("write", "unknown")]
    trial.deploy(tasks)
    assert trial.read("out") == "/root\n"


def test_variables_of_the_play_are_stronger_than_a_fact_as_in_ansible(trial: Trial) -> None:
    tasks = (
        ASK
        + """\
- assert:
    that:
      - getent_passwd == 'mine'
      - ansible_facts.getent_passwd.root[1] == '0'
"""
    )
    assert trial.plan(tasks, vars="{getent_passwd: mine}") == [("ask", "ok"), ("assert", "skipped")]


def test_a_task_that_is_skipped_gives_no_fact(trial: Trial) -> None:
    tasks = ASK.replace("{name", "{when: false, name") + "- assert: {that: getent_passwd is not defined}\n"
    assert trial.plan(tasks) == [("ask", "skipped"), ("assert", "skipped")]
    with pytest.raises(ConfigError, match="getent_passwd"):
        trial.plan(ASK.replace("{name", "{when: false, name") + "- debug: {msg: '{{ getent_passwd }}'}\n")

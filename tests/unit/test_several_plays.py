"""A site of several plays: one that has no host now is skipped and said to be, and the others run."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deployer import plays
from deployer.app import run
from deployer.engine.lease import RunLease
from deployer.engine.roll.play import Goal
from deployer.errors import ConfigError
from deployer.operations import rollback, rotate, survey
from deployer.options import Options

INVENTORY = """
all:
  vars: {ansible_connection: local}
  children:
    web: {hosts: {w1: {}, w2: {}}}
    db: {hosts: {d1: {}}}
    nobody: {}
"""
PLAY = """
- name: {name}
  hosts: {hosts}
  tasks:
    - copy: {{dest: /nowhere/{name}, content: "{{{{ inventory_hostname }}}}"}}
"""
SITE = "".join(PLAY.format(name=name, hosts=hosts) for name, hosts in (("one", "web"), ("two", "db"), ("three", "web")))


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "site.yml").write_text(SITE)
    return Options(playbook=str(tmp_path / "site.yml"), inventory=(str(tmp_path / "hosts.yml"),), json=True)


def walked(goal: Goal, options: Options) -> tuple[int, list[tuple[str, list[str]]], list[str]]:
    """The exit code, the plays that began with their hosts, and what else was said."""
    out = io.StringIO()
    code = run(goal, options, out)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    plays = [(event["play"], event["hosts"]) for event in events if event["event"] == "PlayStarted"]
    return code, plays, [event["text"] for event in events if event["event"] == "Note"]


def limited(options: Options, limit: str, site: str = SITE, *, allow_empty: bool = False) -> Options:
    Path(options.playbook).write_text(site)
    return Options(
        playbook=options.playbook, inventory=options.inventory, json=True, limit=limit, allow_empty=allow_empty
    )


@pytest.mark.parametrize("goal", [Goal.PLAN, Goal.AUDIT, Goal.VERIFY])
@pytest.mark.parametrize(
    ("limit", "plays", "skipped"),
    [
        ("w1", [("one", ["w1"]), ("three", ["w1"])], ["two"]),
        ("d1", [("two", ["d1"])], ["one", "three"]),
        ("w1:d1", [("one", ["w1"]), ("two", ["d1"]), ("three", ["w1"])], []),
    ],
)
def test_a_limit_skips_the_plays_that_it_leaves_no_host(
    options: Options, goal: Goal, limit: str, plays: list[tuple[str, list[str]]], skipped: list[str]
) -> None:
    code, begun, notes = walked(goal, limited(options, limit))
    assert (code, begun) == (2 if goal is Goal.AUDIT else 0, plays)
    assert [name for name in ("one", "two", "three") if any(f"the play {name!r}" in note for note in notes)] == skipped
    assert all(f"--limit {limit} leaves none of its hosts" in note for note in notes)


def test_a_play_for_an_empty_group_is_skipped_and_the_next_one_runs(options: Options) -> None:
    site = PLAY.format(name="none", hosts="nobody") + PLAY.format(name="some", hosts="db")
    code, begun, notes = walked(Goal.PLAN, limited(options, "", site))
    assert (code, begun) == (0, [("some", ["d1"])])
    (note,) = notes
    assert "no host matches 'nobody'" in note


def test_plays_behind_one_that_failed_are_named(options: Options) -> None:
    failing = "- name: first\n  hosts: d1\n  tasks: [{command: 'false', changed_when: false, register: x}]\n"
    code, begun, notes = walked(Goal.PLAN, limited(options, "", failing + SITE))
    assert (code != 0, begun) == (True, [("first", ["d1"])])
    assert notes == ["not run, because that play failed: one, two, three"]


def test_a_pattern_that_is_misspelt_among_several_plays_is_told(options: Options) -> None:
    site = PLAY.format(name="typo", hosts="wbe") + PLAY.format(name="some", hosts="db")
    _, _, (note,) = walked(Goal.PLAN, limited(options, "", site))
    assert "no host and no group matches 'wbe'" in note
    assert "did you mean 'web'?" in note


def test_an_only_play_without_a_host_is_an_error_unless_that_is_permitted(options: Options) -> None:
    site = PLAY.format(name="none", hosts="nobody")
    with pytest.raises(ConfigError, match="no host matches 'nobody'"):
        walked(Goal.PLAN, limited(options, "", site))
    assert walked(Goal.PLAN, limited(options, "", site, allow_empty=True))[:2] == (0, [])


def test_a_look_at_what_runs_skips_them_too(options: Options) -> None:
    out = io.StringIO()
    assert survey("status", limited(options, "d1"), out=out) == 0
    assert '"hosts": ["d1"]' in out.getvalue()


@pytest.mark.parametrize(
    ("hosts", "extra", "begun"),
    [
        ('"{{ target }}"', "target=db", [("db", ["d1"])]),
        ("\"{{ target | default('db') }}\"", "", [("db", ["d1"])]),
        ('"{{ target }}"', '{target: [d1, "!w1"]}', [("d1,!w1", ["d1"])]),
    ],
)
def test_hosts_may_be_named_by_a_variable(
    options: Options, hosts: str, extra: str, begun: list[tuple[str, list[str]]]
) -> None:
    Path(options.playbook).write_text(f"- hosts: {hosts}\n  tasks: []\n")
    given = replace(options, extra_vars=(extra,) if extra else ())
    assert walked(Goal.PLAN, given)[:2] == (0, begun)


def test_hosts_of_a_variable_that_is_not_there_say_how_to_give_it(options: Options) -> None:
    Path(options.playbook).write_text('- hosts: "{{ target }}"\n  tasks: []\n')
    with pytest.raises(ConfigError, match="hosts: the variable 'target' is not defined") as caught:
        walked(Goal.PLAN, options)
    assert "-e target=GROUP" in caught.value.hint


@pytest.mark.parametrize("command", [partial(rollback, to=""), rotate], ids=["rollback", "cookie rotate"])
def test_with_check_a_command_that_writes_only_reads_and_tells_of_no_other_run(
    options: Options, monkeypatch: pytest.MonkeyPatch, command: Callable[..., int]
) -> None:
    made: list[RunLease] = []

    def lease(*args: Any, **words: Any) -> RunLease:
        made.append(RunLease(*args, **words))
        return made[-1]

    monkeypatch.setattr(plays, "RunLease", lease)
    command(options, check=True, out=io.StringIO())
    assert [one.told for one in made] == [True]


def test_verify_asks_nothing_of_tasks(options: Options) -> None:
    """What the ladder judges is declared beside them: a nightly look must not end at a task that waits for a word."""
    hooks = '\n  hooks: {before_switch: [{name: drain, command: "echo {{ said_by_nobody }}"}]}\n  tasks:'
    some = limited(options, "", SITE.replace("inventory_hostname", "said_by_nobody").replace("\n  tasks:", hooks))
    with pytest.raises(ConfigError, match="said_by_nobody"):
        walked(Goal.PLAN, some)
    code, plays, _ = walked(Goal.VERIFY, some)
    assert (code, [hosts for _, hosts in plays]) == (0, [["w1"], ["w2"], ["d1"], ["w1"], ["w2"]])


def test_verify_asks_no_ansible_core_of_plays_that_it_leaves_out(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ansible_core(*_: object) -> object:
        raise ConfigError("there is no ansible-core")

    monkeypatch.setattr(plays, "ansible_core_play", ansible_core)
    some = limited(options, "", SITE.replace("  tasks:", "  engine: ansible\n  tasks:", 1))
    with pytest.raises(ConfigError, match="no ansible-core"):
        walked(Goal.PLAN, some)
    code, begun, _ = walked(Goal.VERIFY, some)
    assert (code, [name for name, _ in begun]) == (0, ["two", "three", "three"])

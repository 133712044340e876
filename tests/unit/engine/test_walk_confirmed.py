"""A task that waits for its confirmation is one step: kept, armed, written, read anew; its scripts are clean sh."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deployer.engine.walk import plan as planning
from deployer.engine.walk.confirmed import _back, _keep
from deployer.engine.walk.plan import Plan
from deployer.engine.walk.probe import Reading
from deployer.model import Absent
from deployer.resolve import HostPlay
from deployer.sh import Program, Sh, encode, script, sh
from tests.unit.project_files import Project
from tests.unit.sh_clean import complaints
from tests.unit.sh_runner import ROOT

SITE = """\
- hosts: all
  become: true
  handlers:
    - name: sshd
      systemd: {name: ssh, state: reloaded}
    - name: mine
      command: {argv: [touch, "/run/mine's"]}
    - name: of somebody
      command: {cmd: "true"}
      become_user: nobody
  tasks:
    - name: sshd's port
      copy: {dest: "/etc/ssh/sshd_config.d/it's.conf", content: "Port 22\\n"}
      notify: [sshd, mine, of somebody]
    - name: gone
      file: {path: /etc/sudoers.d/old, state: absent}
    - name: plain
      copy: {dest: /etc/motd, content: "x\\n"}
      notify: mine
"""


@pytest.fixture
def play(project: Project) -> HostPlay:
    project.write("hosts.yml", "all: {hosts: {a: {ansible_host: 10.0.0.1, ansible_user: deploy}}}")
    project.write("site.yml", SITE)
    return project.resolve("a")


def planned(play: HostPlay, *which: int) -> Plan:
    actions = [play.actions[i] for i in which]
    seen = [Absent() if action.task.module == "copy" else action.module.parse("type=file\x1eat=root:0:root:0:644\x1e")
            for action in actions]  # fmt: skip
    return planning.make(actions, Reading(tuple(seen)), play.handlers, frozenset())


def test_handlers_run_within_and_not_once_more(play: HostPlay) -> None:
    plan = planned(play, 0)
    (task,) = plan.tasks
    (step,) = task.steps
    assert step.confirm == 60
    assert step.what == "write /etc/ssh/sshd_config.d/it's.conf"
    assert [handler.action.label for handler in plan.handlers] == ["of somebody"], "whoever needs another user waits"
    assert task.event("a").reason == "runs handler sshd and runs handler mine"
    text = step.text.text
    places = [text.rindex(word) for word in ("keep_old 0", "armed 60", "\nsettle ", "systemctl reload", "listening")]
    assert places == sorted(places), "kept, armed, written, read anew, and heard again"


def test_a_plan_tells_that_sshd_reads_its_files_anew_where_no_handler_has_it_do_so(project: Project) -> None:
    project.write("hosts.yml", "all: {hosts: {a: {ansible_host: 10.0.0.1}}}")
    project.write("site.yml", SITE.replace("[sshd, mine, of somebody]", "mine"))
    (task,) = planned(project.resolve("a"), 0).tasks
    assert task.event("a").reason == "runs handler mine and tells sshd to read its files again"


def test_sshd_is_started_again_whatever_a_handler_does_with_it(project: Project) -> None:
    project.write("hosts.yml", "all: {hosts: {a: {ansible_host: 10.0.0.1}}}")
    project.write(
        "site.yml", SITE.replace("/etc/ssh/sshd_config.d/it's.conf", "/etc/systemd/system/ssh.socket.d/a.conf")
    )
    (task,) = planned(project.resolve("a"), 0).tasks
    text = task.steps[0].text.text
    places = [text.rindex(word) for word in ("systemctl reload", "systemctl daemon-reload", "start ssh.socket")]
    assert places == sorted(places), "a reload of the service takes no new port of the socket"
    assert str(task.event("a").reason).endswith("starts sshd again")


def test_a_handler_that_another_task_wakes_too_runs_at_the_end(play: HostPlay) -> None:
    assert [handler.action.label for handler in planned(play, 0, 2).handlers] == ["mine", "of somebody"]


def test_what_is_deleted_is_kept_whole(play: HostPlay) -> None:
    (task,) = planned(play, 1).tasks
    assert "keep_old 0 /etc/sudoers.d/old yes" in task.steps[0].text.text


@pytest.mark.parametrize("there", ["      notify: [sshd, mine, of somebody]\n", "    - name: mine\n"])
def test_no_handler_runs_within_a_step_on_another_machine(project: Project, there: str) -> None:
    project.write("hosts.yml", "all: {hosts: {a: {ansible_host: 10.0.0.1}, b: {ansible_host: 10.0.0.2}}}")
    project.write("site.yml", SITE.replace(there, f"{there}      delegate_to: b\n"))
    found = planned(project.resolve("a"), 0)
    assert found.tasks[0].steps[0].confirm == 60
    assert "mine" in [handler.action.label.partition(",")[0] for handler in found.handlers]


@pytest.mark.slow
def test_all_that_runs_is_clean_sh(play: HostPlay) -> None:
    texts = [
        encode(Program((step.text,), writes=True, blobs=step.blobs))
        for step in (planned(play, 0).tasks[0].steps[0], planned(play, 1).tasks[0].steps[0])
    ]
    paths = ["/etc/ssh/it's.conf", "/etc/sudoers.d/old"]
    texts += [
        f'#!/bin/sh\nrun=x\n: "$run"\n{text}' for text in (_back(paths, [Sh("true")]), _back(paths, []), _keep(paths))
    ]
    for text in texts:
        assert complaints(text, "SC2317") == ""


@pytest.mark.skipif(not ROOT, reason="only root gives a file to somebody else")
@pytest.mark.parametrize(("owner", "mode"), [(0, 0o600), (1, 0o640)], ids=["root's", "another user's"])
def test_what_puts_a_file_back_runs_without_the_prelude(tmp_path: Path, owner: int, mode: int) -> None:
    held, path = tmp_path / "undo", tmp_path / "it's"
    held.mkdir()
    path.write_text("new")
    for end, text in {"kind": "copy\n", "attributes": f"{owner} {owner} {mode:o}\n", "file": "old"}.items():
        (held / f"0.{end}").write_text(text)
    texts = script("files.sh", "deployer.sh"), script("restore.sh", "deployer.undo"), sh("put_back 0 {}", path)
    whole = "\n".join(one.text for one in texts).replace("/var/lib/deployer/undo", str(held))
    done = subprocess.run(["sh", "-c", whole], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert (done.returncode, done.stderr, path.read_text()) == (0, "", "old")
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (owner, owner, mode)

"""``engine: ansible``: a role that ansible-core runs; its word in plan and audit; no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.lab import LabHost
from tests.lab.canaries import NOBODY
from tests.lab.sampler import Seen, watching

BIN = Path(sys.executable).parent
VAULTED, GIVEN, PASSWORD = "canary-vaulted-5b1c", "canary-given-77aa", "canary-vault-password-19"
FILES = {
    "site.yml": """\
- name: web
  hosts: some
  gather_facts: false
  serial: 1
  vars: {note: base}
  roles: [{role: base, engine: ansible, tags: [base]}]
  tasks:
    - name: ours
      copy: {dest: /srv/ours, content: "after {{ note }}\\n"}
""",
    "roles/base/tasks/main.yml": """\
- name: directory
  file: {path: /srv/base, state: directory, mode: "0750"}
- name: conf
  template: {src: conf.j2, dest: /srv/base/conf, mode: "0600"}
  notify: told
- name: hidden
  copy: {dest: /srv/base/hidden, content: "{{ db_password }} {{ who }}", mode: "0600"}
  no_log: true
- block: [{name: fails, command: /bin/false}]
  rescue: [{debug: {msg: "{{ db_password }}"}}]
- {name: moment, copy: {dest: /srv/base/moment, content: "{{ lookup('pipe', 'date +%s%N') }}"}}
- {name: command, command: "true"}
""",
    "roles/base/handlers/main.yml": "- {name: told, command: touch /srv/base/told}\n",
    "roles/base/templates/conf.j2": "{{ db_password }}\n{{ who }}\n{{ flag | ternary(1, 0) }}\n{{ playbook_dir }}\n",
    "broken.yml": "- hosts: some\n  engine: ansible\n  tasks:\n    - copi: {dest: /x}\n",
    "fallback.yml": "- hosts: some\n  gather_facts: false\n  tasks: [{tempfile: {path: /srv, prefix: fell-back}}]\n",
}


class Project:
    def __init__(self, directory: Path, hosts: tuple[LabHost, ...]) -> None:
        self.directory, self.home, self.hosts = directory, directory.with_name("home"), hosts
        self.home.mkdir()
        for name, text in FILES.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        home = hosts[0].home.parent.parent
        told = yaml.safe_load((home / "inventory.yml").read_text())["all"]["children"]["lab"]["hosts"]
        some = {"hosts": {host.name: told[host.name] for host in hosts}, "vars": {"flag": "yes"}}
        (directory / "inventory.yml").write_text(yaml.safe_dump({"all": {"children": {"some": some}}}))
        (directory / "password").write_text(f"#!/bin/sh\necho {PASSWORD}\n")
        (directory / "password").chmod(0o700)
        vaulted = self.call("vault", "encrypt_string", "--name", "db_password", stdin=VAULTED)[1]
        (directory / "group_vars").mkdir()
        (directory / "group_vars/all.yml").write_text(vaulted)

    def call(self, *words: str, stdin: str = "") -> tuple[int, str]:
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "TMPDIR": str(self.home)}
        vault = ("--vault-password-file", str(self.directory / "password"))
        done = subprocess.run(
            [BIN / "deployer", *words, *vault], cwd=self.directory, env=own, input=stdin, timeout=600,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout

    def run(self, goal: str, playbook: str, *flags: str) -> tuple[int, list[dict[str, Any]], str]:
        code, out = self.call(goal, playbook, "-i", "inventory.yml", "-e", "@given.yml", "--json", *flags)
        lines = [line for line in out.splitlines() if line.startswith("{")]
        return code, [json.loads(line) for line in lines], out


@dataclass
class Deployed:
    """A deploy under constant watch: of all arguments, and of all files that it makes on this machine."""

    code: int
    events: list[dict[str, Any]]
    out: str
    arguments: Seen
    files: set[str]


@pytest.fixture(scope="module")
def project(lab_of, tmp_path_factory) -> Project:
    made = Project(tmp_path_factory.mktemp("project") / "own", lab_of("python", "python", "default").hosts)
    (made.directory / "given.yml").write_text(f"who: {GIVEN}\n")
    return made


@pytest.fixture(scope="module")
def deployed(project) -> Deployed:
    needles = {"vaulted": VAULTED, "given": GIVEN, "password": PASSWORD}
    with watching(needles, "cmdline", NOBODY) as arguments, looking(project.home, needles.values()) as files:
        code, events, out = project.run("deploy", "site.yml", "--limit", f"!{project.hosts[2].name}")
    return Deployed(code, events, out, arguments, files)


@contextmanager
def looking(directory: Path, needles) -> Iterator[set[str]]:
    """Look all the time into all files below a directory; yields those that had a secret."""
    found: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.002):
            for place, _, names in os.walk(directory):
                for name in names:
                    try:
                        path = Path(place, name)  # links lead to the project itself
                        text = path.read_text(errors="replace") if path.is_file() and not path.is_symlink() else ""
                    except OSError:
                        continue
                    if any(needle in text for needle in needles):
                        found.add(str(Path(place, name)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def of(events: list[dict[str, Any]], kind: str, **fields: Any) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind and fields.items() <= event.items()]


def test_a_role_is_run_by_ansible_core_before_our_own_tasks(project, deployed, ssh):
    assert deployed.code == 0, deployed.out
    for host in project.hosts[:2]:
        _, conf = ssh(host, "cat /srv/base/conf; stat -c %a /srv/base /srv/base/conf; ls /srv/base; cat /srv/ours")
        want = [VAULTED, GIVEN, "1", str(project.directory), "750", "600", "conf", "hidden", "moment", "told"]
        assert conf.split("\n")[:-2] == want
        assert conf.split("\n")[-2] == "after base"
    plays = [event["play"] for event in of(deployed.events, "PlayStarted")]
    assert plays == ["web · base", "web"]
    assert any("run by ansible-core 2." in note["text"] for note in of(deployed.events, "Note"))


def test_its_results_are_in_the_report_and_its_hosts_have_their_turns(project, deployed, ssh):
    first, second = project.hosts[:2]
    ends = {(end["host"], end["total"]): (end["ending"], end["changed"]) for end in of(deployed.events, "HostEnded")}
    assert ends[first.name, 8] == ends[second.name, 8] == ("changed", 6)
    planned = of(deployed.events, "TaskPlanned", host=first.name, task="base : directory")
    assert planned[0]["where"] == f"{project.directory}/roles/base/tasks/main.yml:1"
    assert {"key": "state", "before": "absent", "after": "directory"} in planned[0]["changes"]
    assert of(deployed.events, "TaskPlanned", host=first.name, task="base : told", handler=True)
    failed = [step["task"] for step in of(deployed.events, "StepDone", host=first.name, rc=1)]
    assert failed == ["base : fails"], "a rescue caught it"
    moments = [int(ssh(host, "cat /srv/base/moment")[1]) for host in (first, second)]
    told = int(ssh(first, "stat -c %.Y /srv/base/told | tr -d .")[1])
    assert moments[0] < told < moments[1], "serial: 1, handlers of a batch included"


def test_nobody_sees_a_secret(project, deployed):
    assert not {needle for needle in (VAULTED, PASSWORD) if needle in deployed.out}
    assert (deployed.arguments.hits, deployed.files) == ([], set())
    assert deployed.arguments.rounds > 50
    assert not list(Path("/dev/shm").glob("deployer-ansible-*/ansible-local-*/*canary*"))


def test_an_audit_says_that_it_is_the_word_of_check_mode(project, deployed, ssh):
    host = project.hosts[0]
    assert ssh(host, "echo drifted >/srv/base/conf")[0] == 0
    code, events, out = project.run(
        "audit", "site.yml", "--limit", host.name, "--only", "KR", "--diff", "--tags", "base"
    )
    assert code == 2, out
    assert "what follows is the word of its check mode" in of(events, "Note")[0]["text"]
    verdicts = {event["task"]: event["verdict"] for event in of(events, "TaskPlanned", host=host.name)}
    assert verdicts["base : conf"] == verdicts["base : moment"] == "change"
    assert verdicts["base : command"] == "unknown"
    assert verdicts["base : directory"] == "ok"
    (changed,) = of(events, "TaskPlanned", host=host.name, task="base : conf")
    assert changed["changes"][0]["before"] == "drifted\n"
    assert changed["changes"][0]["after"].startswith("***\n"), "the masks are ours"
    assert of(events, "HostEnded", host=host.name)[0]["ending"] == "drift"
    assert ssh(host, "cat /srv/base/conf")[1] == "drifted\n"


def test_a_host_without_python_is_told_before_anything_is_touched(project, deployed, ssh):
    host = project.hosts[2]
    code, events, out = project.run("deploy", "site.yml", "--limit", host.name)
    assert code == 3
    assert "has no Python" in of(events, "HostEnded", host=host.name)[0]["problem"], out
    assert ssh(host, "ls /srv")[1] == ""


def test_what_ansible_cannot_read_is_refused_before_a_host_is_asked(project):
    code, _, out = project.run("plan", "broken.yml")
    assert code == 3
    assert f"{project.directory}/broken.yml:4" in out


def test_the_fallback_is_told_and_never_silent(project, ssh):
    host = project.hosts[0]
    code, _, out = project.run("deploy", "fallback.yml", "--limit", host.name)
    assert (code, "tempfile" in out) == (3, True)
    code, events, out = project.run("deploy", "fallback.yml", "--limit", host.name, "--ansible-fallback")
    assert code == 0, out
    assert "as --ansible-fallback lets it: fallback.yml:3" in of(events, "Note")[0]["text"]
    assert ssh(host, "ls /srv | grep -c fell-back")[1] == "1\n"

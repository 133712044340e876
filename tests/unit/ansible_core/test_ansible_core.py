"""What ansible-core is told, what it asks, and what becomes of what it says; without any host."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.ansible_core import installed
from deployer.ansible_core.hearing import AnsibleHearing
from deployer.ansible_core.installed import lacking_collection
from deployer.ansible_core.masks import Masks, secrets_below, secrets_in
from deployer.ansible_core.serving import serving
from deployer.ansible_core.told import as_ansible, inventory_json
from deployer.engine.roll.play import Goal
from deployer.errors import ConfigError, StepError, Unreachable
from deployer.events import StepDone, TaskPlanned
from deployer.load import vault, yaml
from deployer.load.inventory import load_inventory
from deployer.load.results import Foreseen, is_known
from deployer.load.secrets import Vaults
from deployer.load.vault import VaultPassword
from deployer.model import Secret

PASSWORD = VaultPassword("default", Secret("pass", "vault password"))
VAULTS = Vaults.of(PASSWORD)
RESULT = {
    "host": "w1", "task": "t", "where": "/shown/site.yml:3", "handler": False, "changed": True, "message": "",
    "hidden": False, "diffs": [], "action": "copy", "check": False,
}  # fmt: skip


def heard(*records: dict, goal: Goal = Goal.DEPLOY, masks: Masks | None = None):
    events, hosts = [], {}
    hearing = AnsibleHearing(events.append, goal, hosts, masks or Masks(()), ("/shown", "/real"))
    for record in records:
        hearing(RESULT | record)
    return events, hosts


def test_values_are_what_yaml_makes_of_them_in_ansible():
    given = yaml.parse("{a: yes, b: 0644, c: 'yes', d: 1.10, e: [off], f: !unsafe '{{ x }}', g: 2026-01-01}", "x")
    assert as_ansible(given) == {
        "a": True, "b": 0o644, "c": "yes", "d": 1.1, "e": [False], "f": {"__ansible_unsafe": "{{ x }}"},
        "g": "2026-01-01",
    }  # fmt: skip
    encrypted = yaml.parse("!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", "x")
    assert as_ansible([encrypted, Secret("{{ s }}", "s")]) == [
        {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n6162\n"},
        {"__ansible_unsafe": "{{ s }}"},
    ]


def test_the_inventory_has_every_host_once_with_all_its_variables(tmp_path):
    (tmp_path / "hosts").write_text("lone\n[web]\nw1 x=1\n[web:vars]\ny=2\n[site:children]\nweb\n")
    told = json.loads(inventory_json(load_inventory([tmp_path / "hosts"]), {"w1": {"more": Secret("s", "s")}}))
    assert told["_meta"]["hostvars"]["w1"] == {"x": 1, "y": 2, "more": {"__ansible_unsafe": "s"}}
    assert told["site"] == {"hosts": [], "children": ["web"]}
    listed = [name for group, one in told.items() if group != "_meta" for name in one["hosts"]]
    assert sorted(listed) == ["lone", "w1"]


def test_secrets_are_masked_in_every_form():
    masks = Masks(["line one\nline 'two\"\n", "s3cret", "ab"])
    said = "x s3cret y, +line one, line 'two\" and line 'two\\\" in JSON, czNjcmV0 ab"
    assert masks.mask(said) == "x *** y, +***, *** and *** in JSON, *** ab"


def test_what_is_encrypted_where_ansible_may_read_it_is_found(tmp_path):
    whole = vault.encrypt(b"db: {password: whole-file, port: 5432}\n", PASSWORD.secret)
    single = vault.encrypt(b"single-value", PASSWORD.secret).replace("\n", "\n    ")
    (tmp_path / "vars").mkdir()
    (tmp_path / "vars/all.yml").write_text(whole)
    (tmp_path / "main.yml").write_text(f"a: 1\nb: !vault |\n    {single}\nc: 2\n")
    found = set(secrets_below([tmp_path, tmp_path / "none"], VAULTS))
    assert found == {"whole-file", "5432", "single-value"}
    assert list(secrets_below([tmp_path], Vaults())) == []
    assert list(secrets_in({"a": [Secret("x1", "x")]}, VAULTS)) == ["x1"]


def test_a_deploy_tells_steps_and_a_plan_what_would_change():
    events, hosts = heard({"kind": "ok"}, {"kind": "ok", "changed": False})
    assert [type(event) for event in events] == [TaskPlanned, StepDone, TaskPlanned]
    assert (events[0].verdict, events[2].verdict, events[0].where) == ("change", "ok", "/real/site.yml:3")
    assert (hosts["w1"].changed, hosts["w1"].total) == (1, 2)
    events, _ = heard({"kind": "ok"}, goal=Goal.PLAN)
    assert [type(event) for event in events] == [TaskPlanned]


def test_what_check_mode_does_not_tell_is_unknown_and_a_condition_that_does_not_hold_is_skipped():
    silent = {"kind": "skipped", "message": "Command would have run if not in check mode"}
    events, hosts = heard(silent, {"kind": "skipped", "message": "Conditional result was False"}, goal=Goal.PLAN)
    assert [event.verdict for event in events] == ["unknown", "skipped"]
    assert (hosts["w1"].unknown, hosts["w1"].total, hosts["w1"].changed) == (1, 1, 0)


def test_failures_are_the_hosts_unless_a_rescue_caught_them():
    failed = {"kind": "failed", "message": "no s3cret here"}
    _, hosts = heard(failed, masks=Masks(["s3cret"]))
    assert isinstance(hosts["w1"].problem, StepError)
    assert "t failed: no *** here" in str(hosts["w1"].problem)
    _, hosts = heard(failed, {"kind": "stats", "hosts": {"w1": {"failures": 0, "unreachable": 0}}})
    assert hosts["w1"].problem is None
    _, hosts = heard({"kind": "unreachable", "message": "no route"})
    assert isinstance(hosts["w1"].problem, Unreachable)


def test_what_no_log_hides_is_hidden():
    diff = [{"key": "/x", "before": "", "after": "s3cret"}]
    (planned,), _ = heard({"kind": "ok", "hidden": True, "diffs": diff}, goal=Goal.PLAN)
    assert "s3cret" not in str(planned)


def test_programs_ask_for_secrets_and_hold_none_and_all_is_gone_afterwards():
    records: list = []
    with serving({"inventory": lambda: b"the-secret"}, records.append, Secret("own", "own")) as served:
        program = served.program("inventory")
        asked = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        assert asked.stdout == "the-secret"
        assert subprocess.run([served.program("other")], capture_output=True, check=True).stdout == b""
        assert stat.S_IMODE(served.directory.stat().st_mode) == stat.S_IMODE(served.memory.stat().st_mode) == 0o700
        files = [file for file in served.directory.rglob("*") if file.is_file()]
        assert len(files) == 3
        assert not any(b"the-secret" in file.read_bytes() for file in files)
        with socket.socket(socket.AF_UNIX) as told:
            told.connect(str(served.socket))
            told.sendall(b'events\n{"a": 1}\n')
    assert records == [{"a": 1}]
    assert not served.directory.exists()
    assert not served.memory.exists()


@pytest.mark.parametrize(
    ("says", "error"),
    [("ansible-playbook [core 2.9.27]", "is the oldest"), ("hello", "says nothing"), (None, "there is no ansible")],
)
def test_an_ansible_that_is_missing_or_too_old_is_refused(tmp_path: Path, monkeypatch, says, error):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    if says:
        (tmp_path / "ansible-playbook").write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / "ansible-playbook").chmod(0o755)
    with pytest.raises(ConfigError, match=error):
        installed.installed_ansible.__wrapped__()


LACKS_UFW = """\
[WARNING]: Error loading plugin 'community.general.ufw': No module named 'ansible_collections.community'
[ERROR]: couldn't resolve module/action 'ufw'."""


@pytest.mark.parametrize(
    ("said", "install"),
    [
        (LACKS_UFW, "install community.general"),
        ("ERROR! couldn't resolve module/action 'x.y.z'. This often indicates a misspelling", "install NAMESPACE.NAME"),
        ("[ERROR]: conflicting action statements: copy, file", ""),
    ],
)
def test_a_missing_collection_says_how_to_get_it(said, install):
    told = lacking_collection(said)
    assert told.endswith(install)
    assert bool(told) == bool(install)


def test_a_result_that_waits_for_its_task_is_not_given_to_ansible():
    waits = Foreseen("made", "it has not run yet")
    assert not is_known({"a": [{"b": waits}]})
    assert not is_known(waits)
    assert is_known({"a": [1, ("x", None)], "b": {}})

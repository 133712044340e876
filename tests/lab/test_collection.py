"""The collection in ``ansible/``: a playbook of Ansible's deploys a release and climbs the ladder, check mode too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fleet import PLAYBOOKS, Fleet, fleet_of, health, untouched

BIN = Path(sys.executable).parent
COLLECTION = Path(__file__).parents[2] / "ansible"
CANARY = "canary-in-a-variable-61c0"


class Playbook:
    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.home = fleet, fleet.directory
        (self.home / "collections/ansible_collections/beam").mkdir(parents=True)
        (self.home / "collections/ansible_collections/beam/deployer").symlink_to(COLLECTION)

    def run(self, module: str, *flags: str, **options: Any) -> tuple[int, dict[str, Any], str]:
        task = {f"beam.deployer.{module}": {"playbook": str(PLAYBOOKS / "site.yml"), **options}, "register": "said"}
        kept = {"copy": {"dest": str(self.home / "said.json"), "content": "{{ said | to_json }}"}}
        here = {"delegate_to": "localhost", "run_once": True, "check_mode": False, "diff": False}
        block = [{"block": [task], "always": [{**kept, **here}]}]
        site = self.home / "ansible.yml"
        site.write_text(json.dumps([{"hosts": "fleet", "gather_facts": False, "tasks": block}]))
        own = self.fleet.environment() | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.home / "collections"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        }
        done = subprocess.run(
            [BIN / "ansible-playbook", "-i", self.fleet.write(), site, *flags],
            cwd=self.home, env=own, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        said = json.loads((self.home / "said.json").read_text()) if (self.home / "said.json").exists() else {}
        return done.returncode, said, done.stdout + done.stderr


@pytest.fixture(scope="module")
def playbook(lab, demo_release, tmp_path_factory) -> Playbook:
    fleet = fleet_of(tmp_path_factory.mktemp("fleet"), untouched(lab, 2), demo_release("0.1.0"))
    fleet.words["release"] = {"name": "demo", "tarball": "none-yet.tar.gz"}
    return Playbook(fleet)


@pytest.fixture(scope="module")
def tarball(demo_release) -> str:
    return str(demo_release("0.1.0"))


def test_check_mode_says_what_would_change(playbook, tarball, ssh):
    code, said, out = playbook.run("deployer_release", "--check", tarball=tarball)
    assert (code, said["changed"], said["rc"]) == (0, True, 0), out
    assert {host["ending"] for host in said["hosts"].values()} == {"changed"}
    assert ssh(playbook.fleet.hosts[0], "ls /opt/demo 2>/dev/null")[1] == ""


def test_one_task_deploys_the_release_and_climbs_the_ladder_of_all_hosts(playbook, tarball):
    code, said, out = playbook.run(
        "deployer_release", tarball=tarball, variables={"env": {"PORT": "4000", "GREETING": CANARY}}
    )
    assert (code, said["changed"], said["rungs"]) == (0, True, []), out
    assert set(said["hosts"]) == {host.name for host in playbook.fleet.hosts}
    assert health(playbook.fleet.hosts[0])[0] == 200
    assert CANARY not in out
    playbook.fleet.words["release"]["tarball"] = tarball
    code, said, out = playbook.run("deployer_verify")
    assert (code, said["changed"], said["rungs"]) == (0, False, []), out


def test_an_audit_tells_drift_and_fails_unless_it_shall_not(playbook, tarball, ssh):
    host = playbook.fleet.hosts[0]
    assert ssh(host, "systemctl stop demo")[0] == 0
    code, said, out = playbook.run("deployer_audit", only="KR", fail_on_findings=False)
    assert (code, said["rc"], said["changed"]) == (0, 2, False), out
    assert host.name in {one["host"] for one in said["drift"]}
    code, said, out = playbook.run("deployer_verify")
    assert code == 2
    assert [rung["host"] for rung in said["rungs"]].count(host.name) >= 1
    assert host.name in said["msg"]


def test_an_option_that_there_is_not_is_refused(playbook):
    code, _, out = playbook.run("deployer_verify", tarbal="x")
    assert code == 2
    assert "has no option tarbal" in out

"""The collection in ``ansible/``: Ansible reads its README's example, and each module says what it takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.doc_examples import ROOT, blocks

COLLECTION = ROOT / "ansible"
MODULES = sorted((COLLECTION / "plugins/modules").glob("*.py"))
COMMON = {"playbook", "inventory", "hosts", "variables", "tags", "executable"}


def test_the_example_of_the_page_is_read_by_ansible(tmp_path: Path) -> None:
    (tmp_path / "ansible_collections/beam").mkdir(parents=True)
    (tmp_path / "ansible_collections/beam/deployer").symlink_to(COLLECTION)
    (example,) = blocks(COLLECTION / "README.md", "yaml")
    (tmp_path / "play.yml").write_text(example.text)
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", "web,", "--syntax-check", "play.yml"], cwd=tmp_path, env=own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


FAKE = """#!/bin/sh
echo "$*" >arguments
echo '{"event": "HostEnded", "host": "web", "ending": "drift", "changed": 1, "total": 2, "problem": "", "release": ""}'
exit 2
"""


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 2)])
def test_an_audit_that_finds_something_fails_only_where_it_shall(tmp_path: Path, fails: bool, code: int) -> None:
    (tmp_path / "ansible_collections/beam").mkdir(parents=True)
    (tmp_path / "ansible_collections/beam/deployer").symlink_to(COLLECTION)
    (tmp_path / "fake").write_text(FAKE)
    (tmp_path / "fake").chmod(0o755)
    options = {"executable": str(tmp_path / "fake"), "fail_on_findings": fails, "variables": {"a": "canary"}}
    task = {"beam.deployer.deployer_audit": options}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run([program, "-i", "web,", "play.yml"], cwd=tmp_path, env=own, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    said = (tmp_path / "arguments").read_text()
    assert said.startswith("audit site.yml --json")
    assert "--limit web" in said
    assert "canary" not in said


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_what_a_module_documents_is_what_its_action_takes(module: Path) -> None:
    space: dict[str, str] = {}
    exec(compile(module.read_text(), str(module), "exec"), space)  # noqa: S102 - it has nothing but text
    action = (COLLECTION / "plugins/action" / module.name).read_text()
    own = set(re.findall(r'"(\w+)"', re.search(r"OWN = \((.*?)\)", action)[1])) if "OWN" in action else set()
    assert set(yaml.safe_load(space["DOCUMENTATION"])["options"]) == COMMON | own
    (task,) = yaml.safe_load(space["EXAMPLES"])
    assert set(task[f"beam.deployer.{module.stem}"]) <= COMMON | own
    assert {"rc", "hosts", "rungs"} <= yaml.safe_load(space["RETURN"]).keys()

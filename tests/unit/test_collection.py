"""The collection in ``ansible/``: Ansible reads its README's example, and each module says what it takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.doc_examples import ROOT, blocks

pytestmark = pytest.mark.slow  # ansible-core is the witness

COLLECTION = ROOT / "ansible"
MODULES = sorted((COLLECTION / "plugins/modules").glob("*.py"))
COMMON = {"playbook", "inventory", "hosts", "variables", "tags", "executable"}


def installed(place: Path) -> dict[str, str]:
    """Put the collection where Ansible looks, and return the environment in which it looks there."""
    (place / "ansible_collections/beam").mkdir(parents=True)
    (place / "ansible_collections/beam/deployer").symlink_to(COLLECTION)
    return {"PATH": os.environ["PATH"], "HOME": str(place), "ANSIBLE_COLLECTIONS_PATH": str(place)}


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What ansible-doc makes of each module."""
    own = installed(tmp_path_factory.mktemp("documented"))
    names = [f"beam.deployer.{path.stem}" for path in MODULES]
    program = Path(sys.executable).with_name("ansible-doc")
    told = subprocess.run([program, "--json", *names], env=own, capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, Any]] = json.loads(told)
    return found


def test_the_example_of_the_page_is_read_by_ansible(tmp_path: Path) -> None:
    own = installed(tmp_path)
    (example,) = blocks(COLLECTION / "README.md", "yaml")
    (tmp_path / "play.yml").write_text(example.text)
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
    own = installed(tmp_path)
    (tmp_path / "fake").write_text(FAKE)
    (tmp_path / "fake").chmod(0o755)
    options = {"executable": str(tmp_path / "fake"), "fail_on_findings": fails, "variables": {"a": "canary"}}
    task = {"beam.deployer.deployer_audit": options}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run([program, "-i", "web,", "play.yml"], cwd=tmp_path, env=own, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    said = (tmp_path / "arguments").read_text()
    assert said.startswith("audit site.yml --json")
    assert "--limit web" in said
    assert "canary" not in said


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_what_a_module_documents_is_what_its_action_takes(module: Path, documented: dict[str, dict[str, Any]]) -> None:
    told = documented[f"beam.deployer.{module.stem}"]
    action = (COLLECTION / "plugins/action" / module.name).read_text()
    own = set(re.findall(r'"(\w+)"', re.search(r"OWN = \((.*?)\)", action)[1])) if "OWN" in action else set()
    assert set(told["doc"]["options"]) == COMMON | own
    (task,) = yaml.safe_load(told["examples"])
    assert set(task[f"beam.deployer.{module.stem}"]) <= COMMON | own
    assert {"rc", "hosts", "rungs"} <= told["return"].keys()

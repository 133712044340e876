"""The tool that reads trees of other people's projects: what loads, what is refused and why, what would unlock most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "corpus.py"
TREE = {
    "one/roles/good/tasks/main.yml": "- copy: src=a dest=/a mode=0644\n  with_items: [1]\n",
    "one/roles/good/files/a": "x",
    "one/roles/bad/tasks/main.yml": "- pause:\n- reboot:\n- {command: x, async: 5}\n",
    "one/site.yml": "- hosts: web\n  roles: [good]\n",
    "one/wrong.yml": "- name: x\n  hosts: all\n  tasks: [{pause: }]\n",
    "one/late.yml": "- hosts: all\n  tasks: [{copy: {dest: /x, content: '{{ nobody }}'}}]\n",
    "one/group_vars/all.yml": "hosts: no play\n",
    "two/broken/tasks/main.yml": "- [\n",
}


def told(tree: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, TOOL, tree, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_tree_of_projects_is_told_of(tmp_path: Path) -> None:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    said = told(tmp_path)
    assert "role one/roles/good: loads\n" in said
    assert "role one/roles/bad: refused (3)\n" in said
    assert "playbook one/site.yml: loads\n" in said
    assert "playbook one/late.yml: loads, is not resolved (1)\n" in said
    assert "role two/broken: refused (1)\n" in said
    assert "group_vars" not in said
    assert "## roles: 3, load 1, resolve too 1, at most 5 places 3" in said
    assert "## playbooks: 3, load 2, resolve too 1, at most 5 places 3" in said
    assert "     1 a pause that waits for a person is not supported\n" in said
    assert "     3 a pause that waits for a person is not supported\n" in said.partition("## playbooks")[2], (
        "the third playbook loads then"
    )
    assert "main.yml:3:" in told(tmp_path, "--places")


@pytest.mark.slow
def test_a_role_that_a_project_names_makes_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "tree/one").mkdir(parents=True)
    up = "../" * 12 + str(tmp_path)[1:]
    (tmp_path / "tree/one/site.yml").write_text(f"- hosts: all\n  roles: ['{up}/made']\n")
    assert "playbook one/site.yml: refused (1)\n" in told(tmp_path / "tree")
    assert not (tmp_path / "made").exists()

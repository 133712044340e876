"""Plans that are kept of two hosts that are directories, and applied to them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from deployer import planning
from deployer.options import Options

CANARY = "canary-41c7"
PLAY = """
- name: one
  hosts: web
  serial: 1
  vars_files: [vars.yml]
  tasks:
    - name: note of {{ inventory_hostname }}
      copy: {dest: "PLACE/{{ inventory_hostname }}", content: "{{ words }}\\n"}
    - name: secret
      env_file: {path: "PLACE/{{ inventory_hostname }}.env", values: {KEY: {env: SHOP_KEY}}}
      when: false
"""


def made(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    return directory


def kept(options: Options, place: Path, expires: str = "1h") -> Path:
    file = place / "plan.json"
    out = io.StringIO()
    assert planning.keep(options, file, expires, out) == 0, out.getvalue()
    return file


def applied(file: Path, **given: Any) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = planning.apply_plan(file, Options(playbook="", json=True, **given), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def changed(events: list[dict[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    return [
        (each["host"], each["task"], each["key"], each["before"], each["now"])
        for each in events
        if each["event"] == "FactChanged"
    ]

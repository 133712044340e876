"""The readers: clean sh, and on this machine, whoever asks, an answer that can be read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sh_runner import frames, in_every_shell

from deployer.audit.catalog import RULES
from deployer.audit.facts import Facts, parse_group, readers
from deployer.sh import Program, encode


def test_the_readers_are_clean_sh() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    # SC2317: of sockets.sh not every function is called here.
    command = ["shellcheck", "-s", "sh", "-e", "SC2016,SC2317", "-"]
    program = encode(Program(tuple(readers().values())))
    assert subprocess.run(command, input=program, capture_output=True, text=True).stdout == ""


@in_every_shell
def test_every_reader_answers_on_this_machine_and_writes_nothing(shell: list[str], tmp_path: Path) -> None:
    found = readers()
    answers = frames(Program(tuple(found.values())), shell, tmp_path)
    groups = {name: parse_group(frame) for name, frame in zip(found, answers, strict=True)}
    assert not [name for name, group in groups.items() if isinstance(group, str)], groups
    assert list(tmp_path.iterdir()) == []
    kernel = Facts(groups).kernel("kernel/randomize_va_space")
    assert kernel == Path("/proc/sys/kernel/randomize_va_space").read_text().strip()
    assert {rule.apply(Facts(groups)).answer for rule in RULES.values()} >= {"PASS", "NOT APPLICABLE"}

"""Text from files: no host is sent its remarks, nor twice what several fragments bring."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import deployer
from deployer.modules import firewall as _firewall  # noqa: F401  # what is told once is known when it is imported
from deployer.releases.generations import PLACES
from deployer.releases.switch import RECORD as _RECORD  # noqa: F401
from deployer.sh import Program, Sh, encode, lines, script, sh
from deployer.sh.text import _libraries
from tests.unit.sh_runner import frames, in_every_shell

ROOMS = Path(deployer.__file__).parent
SCRIPTS = sorted(place.relative_to(ROOMS) for place in ROOMS.rglob("*.sh"))
ALWAYS = ("prelude.sh", "files.sh", "processes.sh", "watch.sh", "known.sh", "pool.sh")
BRINGS = lines(sh("root='' held=/nowhere"), PLACES, Sh('in_force /etc/passwd\nemit at "$at"'))


def test_only_remarks_are_left_out_of_what_a_file_says() -> None:
    texts = [(ROOMS / place).read_text() for place in SCRIPTS]
    sent = [script(place.name, ".".join(("deployer", *place.parts[:-1]))).text for place in SCRIPTS]
    assert understood(sent) == understood(texts)
    assert sum(map(len, sent)) < 0.9 * sum(map(len, texts))


def understood(texts: list[str]) -> list[str]:
    """What bash makes of each text, said anew in its own way, where a remark has no place."""
    told = "\n".join(f"f{i}() {{\n:\n{text}\n}}" for i, text in enumerate(texts)) + "\ndeclare -f"
    said = subprocess.run(["bash"], input=told, check=True, text=True, capture_output=True).stdout
    return said.splitlines()


def test_what_is_told_once_defines_names_that_nothing_else_has() -> None:
    names: dict[str, str] = {}
    assert len(_libraries) > 2
    for each in [*(script(name, "deployer.sh").text for name in ALWAYS), *_libraries]:
        assert "'" in each  # so that it is not found in a quoted word
        for name in re.findall(r"^(\w+)\(\)", each, re.MULTILINE):
            assert names.setdefault(name, each) is each, name


def test_what_two_fragments_bring_is_told_once() -> None:
    program = Program((BRINGS, BRINGS))
    assert encode(program).count("in_force() {") == 1
    assert encode(replace(program, writes=True)).count("in_force() {") == 1
    assert encode(replace(program, fragments=(BRINGS,))).count("in_force() {") == 1


def test_who_runs_as_somebody_else_brings_it_along() -> None:
    program = Program((BRINGS, BRINGS, BRINGS))
    assert encode(replace(program, users={1: "somebody"})).count("in_force() {") == 2
    assert encode(replace(program, writes=True, people={2: 60})).count("in_force() {") == 2


@in_every_shell
def test_both_have_it(shell: list[str], tmp_path: Path) -> None:
    found = frames(Program((BRINGS, Sh("emit b c"), BRINGS)), shell, tmp_path)
    assert [(frame.rc, frame.out) for frame in found] == [
        (0, "at=/etc/passwd\x1e"), (0, "b=c\x1e"), (0, "at=/etc/passwd\x1e"),
    ]  # fmt: skip

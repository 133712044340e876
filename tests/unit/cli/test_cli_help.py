"""What ``--help`` tells of every command, and how little it loads for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cli_kit import Run, code_of

HEAVY = {"paramiko", "cryptography", "jinja2", "rich", "deployer.lab", "deployer.transport", "deployer.app"}
COMMANDS = ("deploy", "plan", "audit", "verify", "render", "inventory", "modules list", "modules show", "lab up",
            "lab down", "lab status", "lab ssh", "lab reset", "lab build", "cookie generate", "cookie rotate",
            "vault encrypt", "vault view")  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert code_of(run, *command.split(), "--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: deployer {command}")
    assert len(shown.split("\n\n")[1]) > 20


@pytest.mark.parametrize("words", [("lab",), ("lab", "--help"), ("cookie", "-h")])
def test_a_group_of_commands_is_explained_by_the_overview(
    run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(*words) == 0
    assert f"  {words[0]} " in capsys.readouterr().out


def test_the_overview_names_every_command(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(run, "--help") == 0
    shown = capsys.readouterr().out
    assert all(command.split()[0] in shown for command in COMMANDS)
    assert code_of(run, "--version") == 0
    assert capsys.readouterr().out.startswith("deployer ")


@pytest.mark.parametrize("words", [["--help"], ["deploy", "--help"], ["lab", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    ask = f"""
import sys
from deployer.cli import main
try:
    main(["deployer", *{words!r}])
except SystemExit:
    pass
print(sorted(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    loaded = {name.strip("[]' ") for name in done.stderr.splitlines()[-1].split(",")}
    assert "deployer.cli.program" in loaded
    assert loaded.isdisjoint(HEAVY)

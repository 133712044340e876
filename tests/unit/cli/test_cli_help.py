"""What ``--help`` tells of every command, and how little it loads for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.collection import Collection

from deployer import __version__
from deployer.cli import overview
from deployer.cli.program import DeployerProgram
from deployer.load.shipped import shipped_pages
from tests.unit.cli.cli_kit import Run, code_of

HEAVY = {"paramiko", "cryptography", "jinja2", "rich", "deployer.lab", "deployer.transport", "deployer.app"}
_ADVICE = re.compile(r"deployer docs ([\w./-]+\w)")
COMMANDS = tuple(overview.all_commands(DeployerProgram.standard().namespace or Collection()))
PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


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
    assert [command for command in COMMANDS if not re.search(rf"^  {command}( |$)", shown, re.MULTILINE)] == []
    assert [command for command in COMMANDS if f"\n### {command}\n" not in PAGE.read_text()] == []
    assert {"deploy", "rollback", "lab up", "tls init", "vault encrypt-string"} <= set(COMMANDS)
    for ask in ("--version", "-V", "version"):
        assert code_of(run, ask) == 0
        assert capsys.readouterr().out == f"deployer {__version__}\n"


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


def test_every_page_and_the_example_inventory_can_be_read_without_the_repository(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(run, "docs") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"inventory.example.yml", "rollouts", "flavours/tls"} <= set(listed)
    for name in listed:
        assert code_of(run, "docs", name) == 0
        assert capsys.readouterr().out == shipped_pages()[name].read_text().rstrip("\n") + "\n"
    assert code_of(run, "docs", "docs/flavours/tls.md") == 0
    capsys.readouterr()
    assert run("docs", "flavours/tsl") == 3
    assert "flavours/tls" in capsys.readouterr().err


def test_what_a_message_tells_to_read_is_a_page_that_is_there() -> None:
    source = Path(__file__).parents[3] / "deployer"
    told = [name for file in source.rglob("*.py") for name in _ADVICE.findall(file.read_text(encoding="utf-8"))]
    assert {"inventory.example.yml", "flavours/tls"} <= set(told) <= set(shipped_pages())


def test_no_message_names_a_file_that_only_the_repository_has() -> None:
    source = Path(__file__).parents[3]
    named = [
        f"{file.name}: {line.strip()}"
        for folder in ("deployer", "roles", "playbooks")
        for file in (source / folder).rglob("*")
        if file.suffix in (".py", ".sh", ".yml") and file.name != "shipped.py"
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"hint.*(docs/|README|example\.yml)|advice.*docs/", line) and not _ADVICE.search(line)
    ]
    assert named == []

"""Nodes, expressions and commands by position become flags; what stands behind ``--`` stays word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.exceptions import ParseError

from deployer.cli import lock
from deployer.cli.window import COMMANDS
from deployer.cli.words import as_flags, carried, confirm_words, nothing_behind
from tests.unit.cli.cli_kit import Run

KNOWN = {str(command.name): command for command in COMMANDS}


@pytest.mark.parametrize(
    ("typed", "flags"),
    [
        (["rpc", "web1", "1 + 1", "-i", "inv"], ["rpc", "--expression=1 + 1", "--nodes=web1", "-i", "inv"]),
        (["rpc", "-i", "inv", "web1", "web2", "a=b"], ["rpc", "--expression=a=b", "--nodes=web1,web2", "-i", "inv"]),
        (["rpc", "web1", "--file", "x.exs"], ["rpc", "--nodes=web1", "--file", "x.exs"]),
        (["rpc", "web1", "--file=-", "--one"], ["rpc", "--nodes=web1", "--file=-", "--one"]),
        (["run", "web1", "-i", "inv", "--", "sh", "-c", ""], ["run", "--nodes=web1", "-i", "inv", "--command=\0sh",
                                                             "--command=\0-c", "--command=\0"]),
        (["ssh", "-b", "web1", "--", "--help"], ["ssh", "--nodes=web1", "-b", "--command=\0--help"]),
        (["ssh", "web1", "--help"], ["ssh", "web1", "--help"]),
        (["deploy", "site.yml", "--", "x"], ["deploy", "site.yml", "--", "x"]),
    ],
)  # fmt: skip
def test_words_become_flags(typed: list[str], flags: list[str]) -> None:
    assert as_flags(typed, KNOWN) == flags


@pytest.mark.parametrize(
    ("typed", "flags"),
    [
        ("--now web1 -i inv", "--hosts=web1 --now -i inv"),
        ("web1 db --undo -i inv", "--hosts=web1,db --undo -i inv"),
        ("-i inv site.yml web1", "--playbook=site.yml --hosts=web1 -i inv"),
        ("site.yml -i inv.yml -l web:!web3", "--playbook=site.yml -i inv.yml -l web:!web3"),
        ("-i inv", "-i inv"),
    ],
)
def test_confirm_takes_hosts_a_playbook_or_both(typed: str, flags: str) -> None:
    assert confirm_words(["confirm", *typed.split()], lock.COMMANDS[0]) == ["confirm", *flags.split()]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--now", "name the host: deployer confirm --now HOST"),
        ("--now --undo web1", "--now and --undo contradict each other"),
        ("one.yml two.yaml", "confirm takes one playbook: one.yml two.yaml"),
        ("--undo wbe1", "did you mean 'web1'?"),
        ("--undo missing.yml web1", "missing.yml"),
    ],
)
def test_a_confirm_that_nobody_can_mean_is_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("all:\n  hosts:\n    web1: {ansible_host: 127.0.0.1, ansible_port: 1}\n")
    assert run("confirm", *typed.split(), "-i", str(inventory)) == 3
    assert said in capsys.readouterr().err


def test_words_of_a_command_are_never_taken_for_flags_of_ours() -> None:
    made = as_flags(["run", "web1", "--", "grep", "-i", "-e", "--", "-n"], KNOWN)
    values = [word.removeprefix("--command=") for word in made if word.startswith("--command=")]
    assert not any(value.startswith("-") for value in values)
    assert carried(values) == ("grep", "-i", "-e", "--", "-n")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["rpc", "web1"], "rpc needs NODE and EXPRESSION"),
        (["rpc", "--file=x"], "rpc needs NODE, or all"),
        (["console"], "console needs one NODE"),
        (["ssh", "web1", "web2"], "ssh needs one HOST"),
        (["run", "web1"], "run needs a command behind --"),
        (["rpc", "web1", "x", "--", "y"], "rpc takes nothing behind --"),
    ],
)
def test_what_is_missing_or_too_much_is_said(typed: list[str], said: str) -> None:
    with pytest.raises(ParseError, match=said):
        as_flags(typed, KNOWN)


def test_what_stands_behind_dashes_is_a_command_or_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert nothing_behind(["lab.ssh", "web1", "--", "echo", "a", "--"]) == ["lab.ssh", "web1", "--command=echo a --"]
    assert nothing_behind(["deploy", "site.yml"]) == ["deploy", "site.yml"]
    assert run("plan", "site.yml", "-i", "inventory.yml", "--", "web1") == 3
    assert "plan takes nothing behind --" in capsys.readouterr().err
    assert run("lab", "status", "--", "x") == 3
    assert "lab status takes nothing behind --" in capsys.readouterr().err


def test_a_wrong_command_line_is_exit_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "web1", "-i", "inventory.yml") == 3
    assert "run needs a command behind --" in capsys.readouterr().err
    assert run("rpc", "web1", "1", "-i", "inventory.yml", "--ones") == 3
    assert "there is no flag --ones" in capsys.readouterr().err

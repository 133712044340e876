"""The command line as a person meets it: what flags mean, what exit codes say, what never happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.cli_kit import Run, code_of, walk


def test_a_deploy_changes_and_a_second_one_has_nothing_to_do(
    run: Run, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(run, *walk("deploy", place)) == 0
    assert place.is_dir()
    assert "changed" in capsys.readouterr().out
    assert code_of(run, *walk("deploy", place)) == 0
    assert "nothing to do" in capsys.readouterr().out


DRY = {
    "plan": ("plan",),
    "check": ("deploy", "--check"),
    "short check": ("deploy", "-C"),
    "audit": ("audit",),
    "verify": ("verify",),
}


@pytest.mark.parametrize("name", DRY)
def test_a_run_that_only_looks_changes_nothing(run: Run, place: Path, name: str) -> None:
    command, *flags = DRY[name]
    assert code_of(run, *walk(command, place, *flags)) == (2 if name == "audit" else 0)
    assert not place.exists()


@pytest.mark.parametrize("flag", ["--dry", "-R", "--list", "-w", "-p", "--echo"])
def test_invokes_own_flags_are_refused(run: Run, place: Path, capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert run(*walk("deploy", place), flag) == 3
    assert f"there is no flag {flag} of deploy" in capsys.readouterr().err
    assert not place.exists()


def test_foreign_configuration_is_not_obeyed(
    run: Run, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".invoke.yaml").write_text("run: {dry: true}\ntasks: {auto_dash_names: false}\n")
    (tmp_path / "invoke.yaml").write_text("run: {dry: true}\n")
    monkeypatch.setenv("INVOKE_RUN_DRY", "1")
    assert code_of(run, *walk("deploy", place)) == 0
    assert place.is_dir()


def test_a_plan_exits_2_only_when_it_is_asked_to(run: Run, place: Path) -> None:
    assert code_of(run, *walk("plan", place)) == 0
    assert code_of(run, *walk("plan", place, "--detailed-exitcode")) == 2
    code_of(run, *walk("deploy", place))
    assert code_of(run, *walk("plan", place, "--detailed-exitcode")) == 0


def test_events_are_printed_as_json_lines(run: Run, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code_of(run, *walk("plan", place, "--json"))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "PlayStarted"
    assert events[-1]["event"] == "RunEnded"
    (planned,) = [event for event in events if event["event"] == "TaskPlanned"]
    assert (planned["host"], planned["task"], planned["verdict"]) == ("this", "make a place", "change")


def test_nodes_of_one_machine_under_two_names_are_refused_before_anything_is_written(run: Run, place: Path) -> None:
    nodes = json.dumps([{"name": "shop", "port": 9100, "service": "shop.service"}])
    cluster = json.dumps({"name": "shop", "cookie": "x" * 30})
    given = ("-e", f"place={place}", "-e", f'{{"nodes": {nodes}, "cluster": {cluster}}}')
    assert run("deploy", "play.yml", "-i", "inventory.yml", *given) == 3
    assert not place.exists()


def test_the_programs_are_shown_without_connecting(run: Run, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ("render", "play.yml", "-i", "inventory.yml", "-e", f"place={place}", "--host", "this")
    assert code_of(run, *shown) == 0
    assert str(place) in capsys.readouterr().out
    assert not place.exists()


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no such command": (("depoly", "play.yml"), "depoly"),
    "no such flag": (("deploy", "play.yml", "--frobnicate"), "--frobnicate"),
    "no such command of a group": (("lab", "boot"), "there is no command 'lab boot'"),
    "a flag of another command": (
        ("cookie", "rotate", "play.yml", "-l", "this"),
        "there is no flag -l of cookie rotate",
    ),
    "a word too many": (("inventory", "this"), "inventory takes no argument 'this'"),
    "no playbook": (("deploy",), "deploy needs PLAYBOOK"),
    "a flag without its value": (("plan", "play.yml", "-l"), "--limit needs a value"),
    "two commands": (("plan", "play.yml", "-i", "inventory.yml", "modules.list"), "one command at a time"),
    "no inventory": (("plan", "play.yml"), "no inventory is given"),
    "inventory is missing": (("plan", "play.yml", "-i", "nowhere.yml"), "nowhere.yml"),
    "playbook is missing": (("plan", "nowhere.yml", "-i", "inventory.yml"), "nowhere.yml"),
    "no host matches": (("plan", "play.yml", "-i", "inventory.yml", "-l", "nobody"), "nobody"),
    "no such tag": (
        ("deploy", "play.yml", "-i", "inventory.yml", "-l", "this", "-t", "relaese"),
        "no task has the tag",
    ),
    "undefined variable": (("plan", "play.yml", "-i", "inventory.yml", "-l", "this"), "place"),
    "no forks": (
        ("plan", "play.yml", "-i", "inventory.yml", "-l", "this", "-e", "place=/x", "-f", "0"),
        "--forks is 0",
    ),
    "forks is no number": (("plan", "play.yml", "-i", "inventory.yml", "-f", "many"), "many"),
    "render of nobody": (("render", "play.yml", "-i", "inventory.yml", "-e", "place=/x", "--host", "nobody"), "nobody"),
    "render of no host": (("render", "play.yml", "-i", "inventory.yml", "-e", "place=/x"), "--host HOST"),
    "no such module": (("modules", "show", "coppy"), "did you mean 'copy'?"),
    "what to list": (("inventory", "-i", "inventory.yml"), "one of --list, --graph, --host"),
    "no mix project": (("lab", "build", "."), "mix.exs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_command_line_is_exit_3_and_a_sentence(run: Run, capsys: pytest.CaptureFixture[str], name: str) -> None:
    words, says = WRONG[name]
    assert run(*words) == 3
    told = capsys.readouterr()
    assert says in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_looking_around_needs_no_host(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(run, "inventory", "-i", "inventory.yml", "--graph") == 0
    assert "this" in capsys.readouterr().out
    assert code_of(run, "inventory", "-i", "inventory.yml", "--host", "this") == 0
    assert json.loads(capsys.readouterr().out)["ansible_connection"] == "local"
    assert code_of(run, "modules", "list") == 0
    assert "copy" in capsys.readouterr().out
    assert code_of(run, "modules", "show", "copy") == 0
    assert "dest" in capsys.readouterr().out


def test_a_terminal_that_has_not_our_letters_ends_nothing(run: Run, place: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from deployer.cli import main; main()", *walk("deploy", place)]
    done = subprocess.run(words, capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert place.is_dir()


@pytest.mark.parametrize("place", ["deployer.lean.loading", "deployer.cli.program.DeployerProgram.parse_core"])
def test_ctrl_c_while_the_program_is_loaded_is_one_line(place: str) -> None:
    room, _, name = place.rpartition(".")
    program = f"""
import pkgutil, signal
from deployer.cli import main
setattr(pkgutil.resolve_name({room!r}), {name!r}, lambda *_: signal.raise_signal(signal.SIGINT))
main(["deployer", "modules", "list"])"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: stopped\n")


def test_a_report_that_cannot_be_written_is_a_sentence(run: Run, place: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from deployer.cli import main; main()", *walk("plan", place)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: [Errno 28]")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [("web1", "--name", "two"), ("--name", "two", "web1"), ("--name=two", "web1"), ("--host", "web1", "--name", "two")],
)
def test_the_host_of_a_lab_may_stand_before_or_behind_its_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    asked: list[tuple[str | None, str]] = []
    monkeypatch.setattr("deployer.lab.reset", lambda host, name: asked.append((host, name)))
    assert code_of(run, "lab", "reset", *words) == 0
    assert asked == [("web1", "two")]

"""A shell completes commands, flags, hosts and nodes; ``--look`` lets only looks through."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployer.cli.completion import _commands, candidates
from tests.unit.cli.cli_kit import Run, code_of

INVENTORY = """\
all:
  vars:
    release: {name: shop, tarball: none.tar.gz, version: 1.4.2}
    cluster: {name: shop, cookie: {env: NONE}}
  children:
    web: {hosts: {web1: {ansible_host: 10.0.0.2}, web2: {ansible_host: 10.0.0.3}}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "other.yml").write_text(INVENTORY.replace("web", "app"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("deployer cons", "console"),
        ("deployer lab do", "down"),
        ("deployer console we", "web web1 web2"),
        ("deployer console shop@", "shop@10.0.0.2 shop@10.0.0.3 shop@web1 shop@web2"),
        ("deployer top -i other.yml ap", "app app1 app2"),
        ("deployer logs --fo", "--follow"),
        ("deployer run web1 -- we", ""),
        ("deployer logs -i nobody.yml we", ""),
    ],
)
def test_a_line_goes_on_with(place: Path, line: str, words: str) -> None:
    assert list(candidates(line, _commands())) == words.split()


def test_bash_takes_the_script(run: Run, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert code_of(run, "completion", "bash") == 0
    script = capsys.readouterr().out
    told = "deployer() { printf 'shop@web1\\nshop@web2\\n'; }; COMP_LINE='deployer top shop@we' COMP_POINT=20; "
    asked = f'{script}\n{told} _deployer; printf "%s " "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("web1 web2 ", "")
    assert run("completion", "fish") == 3


@pytest.mark.parametrize(
    "words", [("rpc", "web1", "1"), ("deploy", "site.yml"), ("ssh", "web1"), ("cookie", "generate")]
)
def test_look_refuses_what_is_no_look(run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert run("--look", *words, "-i", "inventory.yml") == 3
    assert "is not a look" in capsys.readouterr().err
    assert run(*words, "--look", "-i", "inventory.yml") == 3


def test_look_lets_looks_through(run: Run, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert code_of(run, "inventory", "--look", "-i", "inventory.yml", "--graph") == 0
    assert "--this" in capsys.readouterr().out

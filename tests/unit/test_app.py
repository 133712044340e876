"""The flow from files to programs, without a host: what would run is clean sh and holds no secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.app import render, run
from deployer.engine.roll.play import Goal
from deployer.errors import ConfigError
from deployer.options import Options
from tests.unit.beam.beam_tarballs import release as recipe
from tests.unit.sh_clean import complaints

COOKIE = "q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN"
CANARY = "canary-7f3a-in-the-environment"
INVENTORY = """
all:
  children:
    shop:
      hosts:
        web1: {ansible_host: 10.0.0.2}
        web2: {ansible_host: 10.0.0.3}
      vars:
        ansible_become: true
        release: {name: demo, tarball: DIST/demo-0.1.0.tar.gz}
        cluster: {name: shop, cookie: {file: cookie}, mesh: boot}
        env: {PORT: "4000", KEY: {env: SHOP_KEY}}
        firewall: {admin: [10.0.0.0/8], public: [4000/tcp]}
        health: {http: "http://127.0.0.1:4000/health"}
"""


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    recipe().write(tmp_path)
    (tmp_path / "cookie").write_text(COOKIE)
    (tmp_path / "cookie").chmod(0o600)
    (tmp_path / "inventory.yml").write_text(INVENTORY.replace("DIST", str(tmp_path)))
    monkeypatch.setenv("SHOP_KEY", CANARY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Options(playbook="site.yml", inventory=(str(tmp_path / "inventory.yml"),))


@pytest.fixture
def programs(options: Options) -> list[str]:
    rendered = render(options, "web1")
    begin = "#!/bin/sh\n# web1: "  # a script that is put on the host lies in the text, too
    return [f"{begin}{text}" for text in rendered.split(begin)[1:]]


def test_the_whole_fleet_is_one_program_that_reads_and_one_that_writes(programs: list[str]) -> None:
    probe, steps = programs
    assert "the probe, which only reads" in probe
    assert "steps_open || refuse" not in probe
    assert "steps_open || refuse" in steps
    assert "systemctl restart" in steps


@pytest.mark.slow
def test_every_generated_program_passes_shellcheck(programs: list[str]) -> None:
    for text in programs:
        # A name in a pipe of one text and outside of one in another is none of these; each file is looked at by itself.
        assert complaints(text, "SC2317", "SC2030", "SC2031") == ""


def test_no_program_holds_a_secret(programs: list[str]) -> None:
    for text in programs:
        assert COOKIE not in text
        assert CANARY not in text


HIDDEN = """
- name: hidden
  hosts: web1
  tasks:
    - {name: by a command, command: echo canary-in-a-command, no_log: true}
    - {name: with a guard, shell: {cmd: echo canary-in-sh, unless: test canary-in-a-guard = x}, no_log: true}
    - {name: by a line, lineinfile: {path: /etc/motd, line: canary-in-a-line}, no_log: true}
    - {name: by a file, copy: {dest: /etc/issue, content: canary-in-a-file}, no_log: true}
    - {name: shown, command: echo all can see it}
- name: all hidden
  hosts: web1
  no_log: true
  hooks:
    before_switch:
      - {name: drain, command: echo canary-in-a-hook}
  roles: [node]
"""


def test_of_what_no_log_hides_no_program_is_shown(options: Options, tmp_path: Path) -> None:
    (tmp_path / "hidden.yml").write_text(HIDDEN)
    text = render(replace(options, playbook=str(tmp_path / "hidden.yml")), "web1")
    assert "canary-in" not in text
    assert "all can see it" in text
    assert "the probe, which only reads (4 under no_log not shown)" in text
    assert "# web1: before_switch: drain (1 under no_log not shown)" in text


def test_a_host_that_no_play_works_on_is_refused(options: Options) -> None:
    with pytest.raises(ConfigError, match="no play works on a host 'web9'"):
        render(options, "web9")


def test_a_wrong_word_stops_the_run_before_anything_is_printed_or_opened(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(inventory.read_text().replace("mesh: boot", "mehs: boot"))
    with pytest.raises(ConfigError, match=r"unknown word 'cluster\.mehs'") as caught:
        run(Goal.DEPLOY, options)
    assert "did you mean 'mesh'?" in str(caught.value)
    assert str(caught.value).startswith(f"{inventory}:")
    assert capsys.readouterr().out == ""

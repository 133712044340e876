"""What service_facts makes of what init scripts and systemd say; the lab holds it to Ansible's on hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ProbeError
from deployer.model import Present
from deployer.modules.service_facts import ServiceFacts
from tests.unit.sh_runner import frames, probe

INIT = " [ + ]  cron\n [ - ]  hwclock.sh\nwhat nobody means\n"
UNITS = """\
cron.service     loaded    active   running Regular background program processing daemon
gone.service     not-found inactive dead    gone.service
shop.service     loaded    failed   failed  The shop
once.service     loaded    active   exited  Once, masked in its description
"""
FILES = """\
cron.service   enabled  enabled
getty@.service static   -
lying.service  disabled enabled
once.service   static   -
shop.service   enabled  enabled
"""
STATES = "ActiveState=active\n\nActiveState=inactive\n\nActiveState=active\n\nActiveState=failed\n"


def services(**more: str) -> dict[str, dict[str, str]]:
    keys = {"init": INIT, "units": UNITS, "files": FILES, "states": STATES, **more}
    answer: Any = ServiceFacts().answer(Present(keys))
    return {name: dict(one) for name, one in answer["ansible_facts"]["services"].items()}


def test_units_and_scripts_have_the_words_that_ansible_gives_them() -> None:
    found = services()
    assert found["cron"] == {"name": "cron", "state": "running", "source": "sysv"}
    assert found["hwclock.sh"]["state"] == "stopped"
    assert found["cron.service"] == {
        "name": "cron.service",
        "state": "running",
        "status": "enabled",
        "source": "systemd",
    }
    told = {name: (one["state"], one["status"]) for name, one in found.items() if name.endswith(".service")}
    assert told == {
        "cron.service": ("running", "enabled"),
        "gone.service": ("stopped", "not-found"),
        "shop.service": ("stopped", "failed"),
        "once.service": ("stopped", "static"),
        "getty@.service": ("unknown", "static"),
        "lying.service": ("inactive", "disabled"),
    }


def test_a_host_without_services_gives_none_and_a_damaged_answer_is_told() -> None:
    nothing = Present(dict.fromkeys(("init", "units", "files", "states"), ""))
    assert ServiceFacts().answer(nothing)["skipped"] is True
    with pytest.raises(ProbeError, match="cannot be read"):
        services(states="ActiveState=active\n")


def test_it_asks_init_scripts_and_systemd(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "service").write_text("#!/bin/sh\necho ' [ + ]  cron'\nexit 1\n")
    (programs / "systemctl").write_text("#!/bin/sh\n[ \"$1\" = show ] || echo 'cron.service enabled enabled'\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    text = ServiceFacts().probe().text
    (frame,) = frames(probe(f"PATH={programs}:$PATH\n{text}"), ["dash"], tmp_path)
    assert frame.rc == 0, frame.out
    found = ServiceFacts().parse(frame.out)
    assert isinstance(found, Present)
    assert found.keys["init"] == " [ + ]  cron"
    assert bool(found.keys["files"]) == Path("/run/systemd/system").is_dir()

"""One fleet for all files of this directory: the demo on hosts whose sshd allows little or asks for a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer import lab as labs
from tests.lab.conftest import NAME
from tests.lab.fleet import fleet_of
from tests.lab.window_kit import CANARY, DUMP, PROFILES, Display, Window, a_display


@pytest.fixture(scope="session")
def window(demo_release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """The demo on a host of each kind."""
    name, directory = f"{NAME[:7]}y", tmp_path_factory.mktemp("window")
    labs.down(name)
    lab = labs.up(len(PROFILES), name=name, profiles=PROFILES)
    made = fleet_of(directory, lab.hosts, demo_release("0.1.0"), env={"PORT": "4000", "DEMO_KEY": CANARY})
    (directory / "sudo").touch(0o600)
    (directory / "sudo").write_text(labs.PASSWORD)
    made.of[lab.hosts[2].name] = {
        "ansible_become_password": {"file": str(directory / "sudo")},
        "nodes": [{"name": "demo", "env": {"ERL_CRASH_DUMP": DUMP}}],
    }
    (directory / "query.exs").write_text("Node.self()\n")
    try:
        ran = made.run("deploy")
        assert ran.code == 0, ran.out + ran.err
        yield Window(made)
    finally:
        labs.down(name)


@pytest.fixture(scope="session")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    """A display that nobody sees."""
    with a_display(tmp_path_factory.mktemp("display")) as made:
        yield made

"""Plans are applied to hosts that are directories, as the engine's tests have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.engine.lease import RunLease
from deployer.engine.roll import play as roll_play
from deployer.options import Options
from deployer.project import Project
from deployer.sh import Sh
from tests.unit.engine.engine_kit import DirectoryHost
from tests.unit.saved.saved_kit import CANARY, PLAY, made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SHOP_KEY", CANARY)
    monkeypatch.setattr(roll_play, "IDENTITY", Sh("echo 0123456789abcdef0123456789abcdef"))
    monkeypatch.setattr(
        Project,
        "opener",
        lambda *_: lambda host: DirectoryHost(made(tmp_path / host.name), host.name, f"SHA256:{host.name}"),
    )
    # Who holds a host is no matter here: directories have no lease.
    monkeypatch.setattr(RunLease, "connect", lambda _, _name, open_host: open_host())
    monkeypatch.setattr(RunLease, "take", lambda *_: None)
    hosts = "all: {children: {web: {hosts: {w1: {}, w2: {}}}}}"
    (tmp_path / "hosts.yml").write_text(hosts)
    (tmp_path / "vars.yml").write_text("words: hello\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("{}\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "site.yml").write_text(PLAY.replace("PLACE", str(tmp_path / "out")))
    return tmp_path


@pytest.fixture
def options(place: Path) -> Options:
    return Options(playbook=str(place / "site.yml"), inventory=(str(place / "hosts.yml"),), json=True)

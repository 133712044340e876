"""wait_for sees ports and files, waits for them to come and to go, and says so when time is up."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Present, Unknown
from tests.unit.modules.host_text import converge, do, see
from tests.unit.modules.tables import make


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_a_port_is_seen_from_here_and_tried_elsewhere(tmp_path: Path, host: str) -> None:
    with socket.create_server((host, 0)) as server:
        port = server.getsockname()[1]
        up, down = (make("wait_for", port=port, host=host, state=state, timeout=1) for state in ("started", "stopped"))
        assert up.differences(see(up, tmp_path)) == {}
        assert f"waited 1 s for {host} port {port} to close" in do(
            down.fix(down.differences(see(down, tmp_path))), tmp_path
        )
    assert down.differences(see(down, tmp_path)) == {}


def test_a_file_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "ready"
    made = make("wait_for", path=str(file), search_regex="^rea+dy", timeout=60)
    changes = made.differences(see(made, tmp_path))
    assert list(changes) == ["state"]
    file.write_text("not yet\n")
    later = threading.Timer(0.3, file.write_text, ["so\nready\n"])
    later.start()
    assert do(made.fix(changes), tmp_path) == ""
    later.join()
    assert converge(make("wait_for", path=f"{tmp_path}/none", state="absent"), tmp_path) == []


def test_time_is_up(tmp_path: Path) -> None:
    made = make("wait_for", path=f"{tmp_path}/none", timeout=0, msg="it never came")
    assert "it never came" in do(made.fix(made.differences(see(made, tmp_path))), tmp_path)


def test_behind_a_change_nobody_knows_and_time_alone_runs_every_time() -> None:
    made = make("wait_for", port=80)
    assert isinstance(made.predict(frozenset({"a.service"}), Present({"state": "there"})), Unknown)
    assert made.predict(frozenset(), Present({"state": "there"})) == Present({"state": "there"})
    waits = make("wait_for", timeout=7)
    assert [step.text.text for step in waits.act()] == ["sleep 7"]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"port": 80, "path": "/x"}, "not both"),
        ({"port": 0}, "port is 0"),
        ({"port": 80, "search_regex": "x"}, "search_regex needs path"),
        ({"port": 80, "timeout": 3600}, "at most 600"),
        ({"port": 80, "sleep": 0}, "from 1 to 60"),
        ({"port": 80, "state": "drained"}, "cannot be 'drained'"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("wait_for", **args)

"""What a node's unit is, as whoever wants to talk to the node is told it."""

from __future__ import annotations

import pytest

from deployer.window.behind import state_in

LOADED = "LoadState=loaded\nActiveState={}\nSubState={}\nNRestarts={}\nInactiveExitTimestampMonotonic=96000000"


@pytest.mark.parametrize(
    ("show", "pid", "state"),
    [
        (LOADED.format("active", "running", 0), "7", "active/running"),
        (LOADED.format("inactive", "dead", 0), "0", "inactive/dead"),
        ("LoadState=not-found\nActiveState=inactive", "0", "not-found: it was never deployed here"),
        (LOADED.format("activating", "start", 0), "7", "activating/start"),
        (
            LOADED.format("activating", "auto-restart", 3),
            "0",
            "activating/auto-restart: systemd has been restarting it for 4 s, restart 3",
        ),
        (
            LOADED.format("activating", "start-pre", 0),
            "0",
            "activating/start-pre: systemd has been starting it for 4 s",
        ),
    ],
)
def test_a_unit_that_systemd_starts_says_since_when(show: str, pid: str, state: str) -> None:
    assert state_in({"show": show, "pid": pid, "uptime": "100.25"}) == state

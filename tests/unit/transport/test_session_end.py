"""How a command on a host has ended: what no server says is no success."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import Channel

from deployer.transport.session import Session


@pytest.mark.parametrize(("status", "told"), [(0, 0), (3, 3), (143, 143), (-1, 128)])
def test_an_end_without_a_status_is_a_failure(status: int, told: int) -> None:
    ended = threading.Event()
    ended.set()
    channel = Channel(0)
    channel.eof_received, channel.exit_status, channel.status_event = True, status, ended
    client: Any = SimpleNamespace(is_active=lambda: True)
    assert Session("web1", channel, client, None).status() == told

"""observe: the observer of this machine's Erlang, on a display that nobody sees."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import COOKIE
from tests.lab.window_kit import Display, Window, journal
from tests.samples import some

SYSTEM = 20, 10
"""Lines of the tab System, at least: version, processors and limits on the left; memory and statistics on the right."""


def guests(ssh: Ssh, host: LabHost) -> list[str]:
    """Return the observers among the hidden nodes that a host's node has."""
    said = ssh(host, "demo-ctl rpc 'IO.inspect(:erlang.nodes(:hidden), limit: :infinity)'")[1]
    return re.findall(r'deployer-observe-[^"]+', said)


def told_to_others(place: Path) -> str:
    """Return the words and environments of all processes of this machine that have been told of a place."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = b"\n".join((one / name).read_bytes() for name in ("cmdline", "environ"))
            found += [told.decode(errors="replace")] if str(place).encode() in told else []
    return "\n".join(found)


def shows_the_system(display: Display, title: str) -> bool:
    """Whether the picture of a window has the boxes of the tab System: what it runs on, memory, limits."""
    left, right = display.lines_of_text(title)
    return left >= SYSTEM[0] and right >= SYSTEM[1]


@pytest.mark.parametrize("host", some(["web2", "web3", "web4"], 2, "DEPLOYER_LAB_ALL"))
def test_the_observer_of_this_machine_sees_a_node_and_no_other_and_leaves_nothing(
    window: Window, ssh: Ssh, eventually: Callable[..., None], display: Display, tmp_path: Path, host: str
) -> None:
    environ, node = {**window.fleet.environment(), "DISPLAY": display.name, "TMPDIR": str(tmp_path)}, window.node(host)
    with subprocess.Popen(window.argv("observe", host), env=environ, stderr=subprocess.PIPE, text=True) as observer:
        try:
            eventually(lambda: f'"Observer - {node}"' in display.windows or observer.poll() is not None, deadline=90)
            assert observer.poll() is None, observer.communicate()[1]
            eventually(lambda: shows_the_system(display, f"Observer - {node}"))
            hidden = {one: guests(ssh, window.hosts[one]) for one in window.hosts}
            assert [one for one, names in hidden.items() if names] == [host]
            told = told_to_others(tmp_path)
            assert ("-dist_listen" in told, COOKIE in told) == (True, False)
            assert list(tmp_path.rglob(".erlang.cookie")) == [], "it is gone once the nodes know each other"
            match host:
                case "web2":
                    observer.kill()
                case "web3":  # the window is closed
                    ask = f"n = :{json.dumps(hidden[host][0])}; :rpc.call(n, :observer, :stop, [])"
                    assert window("rpc", host, ask).code == 0
                    assert observer.wait(60) == 0
                case _:
                    observer.send_signal(signal.SIGINT)
                    assert observer.wait(60) == 130
        finally:
            observer.kill()
    eventually(lambda: not list(tmp_path.iterdir()) and not told_to_others(tmp_path))
    eventually(lambda: guests(ssh, window.hosts[host]) == [])
    assert f": observe {node}\n" in journal(ssh, window.hosts[host])


def test_the_command_of_an_observer_is_printed_and_works_as_long_as_that(
    window: Window, ssh: Ssh, eventually: Callable[..., None], display: Display, tmp_path: Path
) -> None:
    environ = {**window.fleet.environment(), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        window.argv("observe", "web1", "--print"), env=environ, stdout=subprocess.PIPE, text=True
    ) as held:
        try:
            assert held.stdout
            line = held.stdout.readline()
            assert COOKIE not in line
            with subprocess.Popen(
                shlex.split(line), env={**environ, "DISPLAY": display.name}, stdin=subprocess.PIPE
            ) as observer:
                eventually(lambda: f'"Observer - {window.node("web1")}"' in display.windows, deadline=90)
                held.terminate()
                assert held.wait(60) == 130
                # The way is gone, and so is it; now and then its GTK crashes while it closes its windows.
                assert observer.wait(60) in (0, -signal.SIGSEGV)
        finally:
            held.kill()
    assert list(tmp_path.iterdir()) == []

"""top: all nodes on one screen, also when one is frozen and when a host was gone."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

from tests.lab.conftest import Ssh
from tests.lab.window_kit import ALL, Window


def test_top_shows_every_node_and_a_hung_one_delays_none(
    window: Window, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    host = window.hosts["web2"]
    eventually(lambda: window("rpc", "all", "length(Node.list())").out.count(f"| {ALL - 1}\n") == ALL)
    told = [json.loads(line) for line in window("top", "--once", "--json").out.splitlines()]
    assert [one["node"] for one in told] == [window.node(host) for host in window.hosts]
    assert all(one["memory"]["total"] > 1 << 20 and one["connected"] == ALL - 1 and one["rates"] for one in told)
    assert ssh(host, "systemctl kill -s STOP demo")[0] == 0
    try:
        person = window.person("top")
        person.waits_for("up/down choose", 60)
        for name in ("web1", "web3", "web4"):
            line = rf"{re.escape(window.node(name))} +[0-9hms]+ +[0-9]+% "
            person.shows(line)
        person.types("p")
        person.waits_for("the biggest processes by memory")
        person.waits_for("code_server")
        person.types("q")
        person.waits_for("the biggest processes by message_queue_len")
        person.types("x")
        assert person.is_done() == 0
        once = window("top", "--once")
    finally:
        assert ssh(host, "systemctl kill -s CONT demo")[0] == 0
    assert once.code == 1
    assert [line.split()[0] for line in once.out.splitlines()[1:]] == [window.node(name) for name in window.hosts]
    assert re.search(rf"{re.escape(window.node('web2'))} +no answer", once.out), once.out


def test_top_comes_back_when_a_host_was_gone(window: Window, ssh: Ssh) -> None:
    node = window.node("web1")
    with subprocess.Popen(
        window.argv("top", "web1", "--json", "--interval", "1"), env=window.fleet.environment(),
        stdout=subprocess.PIPE, text=True,
    ) as top:  # fmt: skip
        assert top.stdout
        told = map(json.loads, top.stdout)
        try:
            before = next(one for one in told if one.get("rates"))
            assert before["node"] == node
            assert ssh(window.hosts["web1"], "pkill -x -f 'sshd: root@notty.*' ; true")[0] in (0, 255)
            assert "connection" in next(one for one in told if "problem" in one)["problem"]
            assert next(one for one in told if "problem" not in one)["connected"] == before["connected"]
        finally:
            top.kill()

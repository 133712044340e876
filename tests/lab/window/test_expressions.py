"""rpc, eval and run: an expression in the node, one beside it, a command as the node runs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.lab.conftest import Ssh
from tests.lab.person import CTRL_C
from tests.lab.window_kit import ALL, Window


def test_an_expression_is_evaluated_in_every_node_and_its_output_and_exit_code_are_true(window: Window) -> None:
    ran = window("rpc", "all", 'IO.puts("größe"); IO.puts("größe ☃"); node()')
    assert ran.code == 0, ran.err
    names = [window.node(host) for host in window.hosts]
    assert sorted(ran.out.splitlines()) == sorted(
        line for name in names for line in (f"{name} | größe", f"{name} | größe ☃", f'{name} | :"{name}"')
    )
    alone = window("rpc", "web2", "--file", "-", stdin="Enum.map(1..3, fn x ->\n  x * 2\nend)\n")
    assert (alone.code, alone.out, alone.err) == (0, "[2, 4, 6]\n", "")
    bad = window("rpc", "web3", 'raise "no"')
    assert (bad.code, bad.out) == (1, "")
    assert bad.err.startswith("** (RuntimeError) no")
    assert window("rpc", "demo", "--one", "node()").out == f':"{window.node("web1")}"\n'


def test_what_is_asked_ends_in_the_node_with_who_asked(window: Window, eventually: Callable[..., None]) -> None:
    name = "window_test_sleeper"
    ran = window("rpc", "web2", f"Process.register(self(), :{name}); Process.sleep(:infinity)", "--timeout", "2")
    assert (ran.code, "has not answered in time" in ran.err) == (1, True), ran.err
    eventually(lambda: window("rpc", "web2", f"Process.whereis(:{name}) == nil").out == "true\n")


def test_eval_and_run_are_as_the_node_is_and_end_with_its_status(window: Window) -> None:
    ran = window("eval", "all", 'IO.puts("é"); {node(), System.get_env("PORT")}')
    said = ("é", '{:nonode@nohost, "4000"}')
    assert ran.code == 0, ran.err
    assert sorted(ran.out.splitlines()) == sorted(f"{window.node(at)} | {line}" for at in window.hosts for line in said)
    assert window("eval", "web2", "System.halt(5)").code == 5
    ran = window("run", "web2", "--", "sh", "-c", "id -un; cat; exit 7", stdin="from here\n")
    assert (ran.code, ran.out) == (7, "demo\nfrom here\n"), ran.err
    ran = window("run", "all", "--", "bin/demo", "version")
    assert sorted(ran.out.splitlines()) == sorted(f"{window.node(host)} | demo 0.1.0" for host in window.hosts)
    first = window.hosts["web1"].name
    assert window("run", "all", "--", "sh", "-c", f'[ "$(hostname)" != {first} ] || exit 42').code == 1, "one failed"


def test_a_command_that_is_given_up_ends_on_every_host(
    window: Window, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    units = "systemctl list-units --no-legend --state=active 'deployer-window-*' | wc -l"
    with subprocess.Popen(
        window.argv("run", "all", "--", "sleep", "1000"), env=window.fleet.environment(), stdin=subprocess.DEVNULL
    ) as given_up:
        try:
            for host in window.hosts.values():
                eventually(lambda host=host: ssh(host, units)[1] == "1\n")
            given_up.send_signal(signal.SIGINT)
            assert given_up.wait(60) == 130
        finally:
            given_up.kill()
    assert [ssh(host, units)[1] for host in window.hosts.values()] == ["0\n"] * ALL


@pytest.mark.parametrize("host", ["web2", "web3"])
def test_ctrl_c_at_a_command_reaches_it_there_and_its_end_is_told_true(window: Window, ssh: Ssh, host: str) -> None:
    person = window.person("run", host, "--", "sh", "-c", "echo begun; exec sleep 1000")
    person.waits_for("begun")
    person.types(CTRL_C)
    assert person.is_done() == 130
    heeds = window.person("run", host, "--", "sh", "-c", "trap 'exit 3' INT; echo begun; while :; do sleep 0.1; done")
    heeds.waits_for("begun")
    heeds.types(CTRL_C)
    assert heeds.is_done() == 3
    assert window("run", host, "--", "sh", "-c", "kill -TERM $$").code == 143
    assert window("run", host, "--timeout", "1", "--", "sleep", "1000").code == 124
    left = "ps -eo args | grep '[s]leep 1000'; ls /run/*.end 2>/dev/null; systemctl list-units -q 'deployer-window-*'"
    assert ssh(window.hosts[host], left)[1] == ""

"""console and ssh: a person's terminal in a node, and on a host."""

from __future__ import annotations

import pytest

from deployer import lab as labs
from tests.lab.conftest import Ssh
from tests.lab.person import CTRL_C
from tests.lab.window_kit import ALL, Window, journal, resize
from tests.samples import some


@pytest.mark.parametrize("host", some(["web1", "web2", "web3", "web4"], 2, "DEPLOYER_LAB_ALL"))
def test_a_console_is_a_real_terminal(window: Window, ssh: Ssh, host: str) -> None:
    (window.fleet.directory / "dot.exs").write_text("answer = 41 + 1\n")
    person = window.person("console", host, "--dot-iex", "dot.exs")
    person.waits_for(f"iex({window.node(host)})2>", 60)
    person.types("{answer, :io.columns()}\r")
    person.waits_for("{42, {:ok, 80}}")
    resize(person, 132, 40)
    resized = "Stream.repeatedly(fn -> Process.sleep(50); :io.columns() end) |> Enum.find(& &1 == {:ok, 132})\r"
    person.types(resized)
    person.waits_for("\n{:ok, 132}")
    person.types('"grüße " <> "☃"\r')
    person.waits_for('"grüße ☃"')
    person.types(CTRL_C)
    person.waits_for("(a)bort")
    person.types("c\r")
    person.types("\x07")
    person.waits_for("User switch command")
    person.types("q\r")
    assert person.is_done() == 0
    assert labs.PASSWORD not in person.seen
    assert f": console {window.node(host)}\n" in journal(ssh, window.hosts[host])
    assert ssh(window.hosts[host], "ls -A /run/beam/demo | grep iex")[0] == 1, "the file is gone with the console"


def test_a_node_that_does_not_run_says_why_and_what_helps(window: Window, ssh: Ssh) -> None:
    host = window.hosts["web2"]
    assert ssh(host, "systemctl stop demo")[0] == 0
    try:
        person = window.person("console", "web2")
        assert person.is_done() == 1
        seen = " ".join(person.seen.split())
        ran, down = window("rpc", "all", "node()"), window("top", "web2", "--once")
    finally:
        assert ssh(host, "systemctl start demo")[0] == 0
    assert f"{window.node('web2')} does not run: demo.service is inactive/dead; it said:" in seen
    assert "does not run: demo.service is inactive/dead\n" in down.out, "a row has one line"
    assert "deployer start" in seen
    assert (ran.code, len(ran.out.splitlines())) == (1, ALL - 1), "the others have answered"


def test_a_console_that_a_node_does_not_let_in_says_why_and_not_nodedown_alone(window: Window, ssh: Ssh) -> None:
    host, cookie = window.hosts["web2"], "/run/beam/demo/.erlang.cookie"
    assert ssh(host, f"cp -p {cookie} /root/cookie && printf another-cookie >{cookie}")[0] == 0
    try:
        person = window.person("console", "web2")
        assert person.is_done() == 1
    finally:
        assert ssh(host, f"cat /root/cookie >{cookie} && rm /root/cookie")[0] == 0
    assert f"error: {window.node('web2')} rejects the cookie that lies in {cookie} of " in person.seen


def test_a_login_is_a_terminal_on_the_host_and_a_command_keeps_its_words(window: Window) -> None:
    person = window.person("ssh", "web3")
    person.waits_for("$ ")
    person.types("tty; id -un\r")
    person.waits_for("/dev/pts/")
    person.waits_for("deploy")
    person.types("exit 4\r")
    assert person.is_done() == 4
    for host in window.hosts:
        ran = window("ssh", host, "-b", "--", "printf", "%s|", "a b", "$HOME", "", "-i", "-e")
        assert (ran.code, ran.out) == (0, "a b|$HOME||-i|-e|"), ran.err
    assert window("ssh", "web1", "--", "echo one | tr a-z A-Z; exit 3").code == 3

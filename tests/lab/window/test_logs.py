"""logs: the journals of all nodes as one, followed, and what a crash dump says."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.lab.conftest import Ssh
from tests.lab.person import CTRL_C
from tests.lab.window_kit import DUMP, Window


def test_journals_are_one_in_order_of_time_and_control_characters_are_shown(
    window: Window, eventually: Callable[..., None]
) -> None:
    order = ("web2", "web1", "web3", "web4")
    for at, host in enumerate(order):
        window("rpc", host, f'IO.puts(Process.whereis(:user), "marked {at} \\e[2J")')
    marked = ("logs", "--grep", "marked [0-9]", "--since", "1h")
    eventually(lambda: len(window(*marked).out.splitlines()) == len(order))
    ran = window(*marked)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert [re.sub(r"^.*(demo@\S+) .*marked (.) .*$", r"\1 \2", line) for line in lines] == [
        f"{window.node(host)} {at}" for at, host in enumerate(order)
    ]
    assert all("\\x1b[2J" in line for line in lines)
    assert "\x1b" not in ran.out
    assert len(window("logs", "web1", "-n", "2").out.splitlines()) == 2
    assert window("logs", "--grep", "nothing says this").out == ""


def test_a_followed_journal_comes_back_when_the_host_was_gone(window: Window, ssh: Ssh) -> None:
    person = window.person("logs", "web1", "web3", "-f", "-n", "1")
    person.waits_for(window.node("web1"))
    window("rpc", "all", 'IO.puts(Process.whereis(:user), "first " <> to_string(node()))')
    person.waits_for(f"first {window.node('web3')}")
    assert ssh(window.hosts["web1"], "pkill -x -f 'sshd: root@notty.*' ; true")[0] in (0, 255)
    person.waits_for("trying again")
    window("rpc", "web1", 'IO.puts(Process.whereis(:user), "while it was gone")')
    person.waits_for("while it was gone")
    assert person.seen.count("first demo@") == 2, "nothing comes twice"
    person.types(CTRL_C)
    assert person.is_done() == 130


def test_a_crash_dump_is_told_in_short_and_fetched_whole(
    window: Window, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    host, dump = window.hosts["web3"], window.fleet.directory / "dump"
    assert window("logs", "web3", "--crash").out == f"{window.node('web3')}  no crash dump\n"
    hoards = "Process.register(self(), :hoarder); x = Enum.to_list(1..200_000); send(asked, :full)"
    asks = f"asked = self(); spawn(fn -> {hoards}; Process.sleep(:infinity); x end); receive do :full -> :ok end"
    assert window("rpc", "web3", asks).code == 0
    assert ssh(host, "install -d -o demo -m 0700 /var/lib/beam/demo/dumps.of")[0] == 0
    assert ssh(host, "systemctl kill --kill-whom=main -s USR1 demo")[0] == 0
    eventually(lambda: ssh(host, f"tail -c 5 '{DUMP}'")[1] == "=end\n", deadline=90)
    said = window("logs", "web3", "--crash", "--save", str(dump))
    assert said.code == 0, said.err
    assert f"{DUMP}, " in said.out
    assert "slogan: Received SIGUSR1" in said.out
    first = next(line for line in said.out.splitlines() if "messages" in line)
    assert re.search(r"MiB +0 messages  <.*> hoarder ", first), said.out
    assert "memory: total " in said.out
    assert dump.stat().st_mode & 0o777 == 0o600
    assert dump.read_bytes().startswith(b"=erl_crash_dump")
    assert window("logs", "web3", "--crash", "--save", str(dump)).code == 3, "a file that is there is kept"

"""NODE-ctl at a terminal of the host itself: a console of its own, and never root's terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.conftest import Ssh
from tests.lab.person import CTRL_C, Person, logged_in
from tests.lab.window_kit import Window

TIOCSTI = r"""
open(my $tty, '+<', '/dev/tty');
for my $handle (grep { defined } $tty, *STDIN, *STDOUT, *STDERR) {
  for my $key (split //, "touch /root/$ARGV[0]\n") { ioctl($handle, 0x5412, $key) or last }
}
"""
"""Types a command into every terminal it can get at; whoever has the terminal runs it."""


@pytest.fixture
def root(window: Window) -> Person:
    """Root at a terminal of the first host: a command is typed when the one before has ended."""
    return logged_in(window.fleet, window.fleet.hosts[0], "PS1='ready> ' exec bash --norc")


def test_the_node_s_command_gives_nobody_the_terminal_of_root(
    window: Window, ssh: Ssh, eventually: Callable[..., None], root: Person
) -> None:
    host = window.hosts["web1"]
    assert ssh(host, "cat >/srv/type.pl", stdin=TIOCSTI.encode())[0] == 0
    for line in ("{} pty", "{} pipe </dev/null", "{} mixed | cat"):
        root.waits_for("ready> ")
        root.types(line.format("demo-ctl run perl /srv/type.pl") + "; echo over:$((1 + 1))\n")
        root.waits_for("over:2")
    root.waits_for("ready> ")
    root.types("setpriv --reuid=demo --regid=demo --init-groups perl /srv/type.pl proof; touch /root/over\n")
    eventually(lambda: ssh(host, "test -e /root/over")[0] == 0)
    if ssh(host, "cat /proc/sys/dev/tty/legacy_tiocsti")[1] != "0\n":
        eventually(lambda: ssh(host, "test -e /root/proof")[0] == 0)  # the attack itself works on this kernel
    root.types("exit\n")
    root.is_done()
    assert {"pty", "pipe", "mixed"}.isdisjoint(ssh(host, "ls /root")[1].split())


def test_its_console_has_a_terminal_of_its_own_with_the_size_of_ours_and_ctrl_c_works(
    window: Window, ssh: Ssh, eventually: Callable[..., None], root: Person
) -> None:
    host, units = window.hosts["web1"], "systemctl list-units --all --plain --no-legend 'demo-ctl-*'"
    root.waits_for("ready> ")
    root.types("stty rows 33 cols 77; demo-ctl run stty size; echo over:$((1 + 1))\n")
    root.waits_for("33 77\n")
    root.waits_for("over:2")
    root.types("demo-ctl run sleep 600; echo over:$((1 + 2))\n")
    eventually(lambda: "running" in ssh(host, units)[1])
    root.types(CTRL_C)
    root.waits_for("over:3")
    root.types("demo-ctl remote\n")
    root.waits_for(f"iex(demo@{host.address})1> ")
    root.types("40 + 2\n")
    root.waits_for("42\n")
    root.types("\x07")
    root.waits_for("--> ")
    root.types("q\n")
    root.waits_for("ready> ")
    root.types("exit\n")
    root.is_done()
    assert ssh(host, "timeout 3 demo-ctl run sleep 600")[0] == 124
    eventually(lambda: ssh(host, units) == (0, ""))

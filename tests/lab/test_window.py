"""A window to nodes on hosts whose sshd allows much, little, and asks for sudo's password; the terminal is real."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deployer import lab as labs
from deployer.lab import Lab, LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import COOKIE, Ran, fleet_of
from tests.lab.person import CTRL_C
from tests.lab.window_kit import Window, a_display, resize, windows

PROFILES = ("stock", "closed", "sudo-password", "one-session")
ALL = len(PROFILES)
CANARY = "canary-5b1f0c"
DUMP = "/var/lib/beam/demo/dumps.of/its own"
PAGE = Path(__file__).parents[2] / "docs" / "window.md"


@pytest.fixture(scope="module")
def window(
    lab_of: Callable[..., Lab], demo_release: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Window:
    """The demo on a host of each kind."""
    lab, directory = lab_of(*PROFILES), tmp_path_factory.mktemp("window")
    made = fleet_of(directory, lab.hosts, demo_release("0.1.0"), env={"PORT": "4000", "DEMO_KEY": CANARY})
    (directory / "sudo").touch(0o600)
    (directory / "sudo").write_text(labs.PASSWORD)
    made.of[lab.hosts[2].name] = {
        "ansible_become_password": {"file": str(directory / "sudo")},
        "nodes": [{"name": "demo", "env": {"ERL_CRASH_DUMP": DUMP}}],
    }
    (directory / "query.exs").write_text("Node.self()\n")
    ran = made.run("deploy")
    assert ran.code == 0, ran.out + ran.err
    return Window(made)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with a_display() as name:
        yield name


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


def sightings(ssh: Ssh, host: LabHost) -> int:
    """Return how often canary and cookie are in the words of a host's processes, or in others' environments."""
    words = f"-e '[{CANARY[0]}]{CANARY[1:]}' -e '[{COOKIE[0]}]{COOKIE[1:]}'"
    each = 'cat $p/cmdline; [ "$(stat -c %U $p)" = demo ] || cat $p/environ'
    look = f"for p in /proc/[0-9]*; do {each}; done 2>/dev/null | tr '\\0' '\\n' | grep -c {words}"
    return int(ssh(host, look)[1].split()[0])


def journal(ssh: Ssh, host: LabHost) -> str:
    return ssh(host, "journalctl -q -t deployer -o cat")[1]


def test_an_expression_is_evaluated_in_every_node_and_its_output_and_exit_code_are_true(window: Window) -> None:
    ran = window("rpc", "all", 'IO.puts("größe ☃"); node()')
    assert ran.code == 0, ran.err
    names = [window.node(host) for host in window.hosts]
    assert sorted(ran.out.splitlines()) == sorted(
        line for name in names for line in (f"{name} | größe ☃", f'{name} | :"{name}"')
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
                eventually(lambda host=host: ssh(host, units)[1] == "1\n", deadline=60)
            given_up.send_signal(signal.SIGINT)
            assert given_up.wait(60) == 130
        finally:
            given_up.kill()
    assert [ssh(host, units)[1] for host in window.hosts.values()] == ["0\n"] * ALL


@pytest.mark.parametrize("host", ["web1", "web2", "web3", "web4"])
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
    assert f"error: {window.node('web2')} rejects the declared cookie" in person.seen


def test_a_login_is_a_terminal_on_the_host_and_a_command_keeps_its_words(window: Window) -> None:
    person = window.person("ssh", "web3")
    person.waits_for("$ ")
    person.types("tty; id -un\r")
    person.waits_for("/dev/pts/")
    person.waits_for("deploy")
    person.types("exit 4\r")
    assert person.is_done() == 4
    for host in window.hosts:
        ran = window("ssh", host, "-b", "--", "printf", "%s|", "a b", "$HOME", "")
        assert (ran.code, ran.out) == (0, "a b|$HOME||"), ran.err
    assert window("ssh", "web1", "--", "echo one | tr a-z A-Z; exit 3").code == 3


@pytest.mark.parametrize("host", ["web2", "web3", "web4"])
def test_the_observer_of_this_machine_sees_a_node_and_no_other_and_leaves_nothing(
    window: Window, ssh: Ssh, eventually: Callable[..., None], display: str, tmp_path: Path, host: str
) -> None:
    environ, node = {**window.fleet.environment(), "DISPLAY": display, "TMPDIR": str(tmp_path)}, window.node(host)
    with subprocess.Popen(window.argv("observe", host), env=environ, stderr=subprocess.PIPE, text=True) as observer:
        try:
            eventually(lambda: f'"Observer - {node}"' in windows(display) or observer.poll() is not None, deadline=90)
            assert observer.poll() is None, observer.communicate()[1]
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
    window: Window, ssh: Ssh, eventually: Callable[..., None], display: str, tmp_path: Path
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
                shlex.split(line), env={**environ, "DISPLAY": display}, stdin=subprocess.PIPE
            ) as observer:
                eventually(lambda: f'"Observer - {window.node("web1")}"' in windows(display), deadline=90)
                held.terminate()
                assert held.wait(60) == 130
                assert observer.wait(60) == 0, "the way is gone, and so is it"
        finally:
            held.kill()
    assert list(tmp_path.iterdir()) == []


def test_each_leaves_a_note_and_no_result_and_no_secret_is_seen(window: Window, ssh: Ssh) -> None:
    host, longer = window.hosts["web1"], "sleep(1500)"
    for words, secret, out in (
        (("rpc", "web1", "--file", "-"), f'Process.{longer}; "{CANARY}" <> "-typed"', f'"{CANARY}-typed"\n'),
        (("eval", "web1", "--file", "-"), f'Process.{longer}; "{CANARY}" <> "-typed"', f'"{CANARY}-typed"\n'),
        (("run", "web1", "--", "sh", "-c", "sleep 1.5; cat"), f"{CANARY}-typed\n", f"{CANARY}-typed\n"),
    ):
        argv = window.argv(words[0], words[1], "--quiet-journal", *words[2:])
        with subprocess.Popen(
            argv, env=window.fleet.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as asked:
            assert asked.stdin
            assert asked.stdout
            asked.stdin.write(secret)
            asked.stdin.close()
            seen = 0
            while asked.poll() is None:
                seen += sightings(ssh, host)
            assert (seen, asked.stdout.read()) == (0, out)
    person = window.person("console", "web1")
    person.waits_for("iex(")
    assert sightings(ssh, host) == 0
    person.types(CTRL_C + "a\r")
    person.is_done()
    assert window("rpc", "web1", '"for the " <> "journal"').out == '"for the journal"\n'
    told = journal(ssh, host)
    assert re.search(rf': rpc {window.node("web1")}: "for the " <> "journal"$', told, re.MULTILINE), told
    assert re.search(rf": rpc {window.node('web1')}$", told, re.MULTILINE)
    assert '"for the journal"' not in told
    assert CANARY not in told
    assert ssh(host, f"journalctl -q | grep -c {COOKIE}")[1].strip() == "0"


def test_journals_are_one_in_order_of_time_and_control_characters_are_shown(window: Window, ssh: Ssh) -> None:
    order = ("web2", "web1", "web3", "web4")
    for at, host in enumerate(order):
        window("rpc", host, f'IO.puts(Process.whereis(:user), "marked {at} \\e[2J")')
    ran = window("logs", "--grep", "marked [0-9]", "--since", "1h")
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


def test_a_crash_dump_is_told_in_short_and_fetched_whole(window: Window, ssh: Ssh, eventually) -> None:
    host, dump = window.hosts["web3"], window.fleet.directory / "dump"
    assert window("logs", "web3", "--crash").out == f"{window.node('web3')}  no crash dump\n"
    window("rpc", "web3", "spawn(fn -> Process.register(self(), :hoarder); x = Enum.to_list(1..200_000); "
           "Process.sleep(:infinity); x end); Process.sleep(500)")  # fmt: skip
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


def test_top_shows_every_node_and_a_hung_one_delays_none(
    window: Window, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    host = window.hosts["web2"]
    eventually(lambda: window("rpc", "all", "length(Node.list())").out.count(f"| {ALL - 1}\n") == ALL, deadline=60)
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
            assert next(one for one in told if one.get("rates"))["node"] == node
            assert ssh(window.hosts["web1"], "pkill -x -f 'sshd: root@notty.*' ; true")[0] in (0, 255)
            assert "connection" in next(one for one in told if "problem" in one)["problem"]
            assert next(one for one in told if "problem" not in one)["connected"] == ALL - 1
        finally:
            top.kill()


def test_a_trace_is_bounded_by_the_node_and_gone_when_this_side_is_killed(
    window: Window, eventually: Callable[..., None]
) -> None:
    calls = 'Enum.each(Stream.cycle([1]), fn _ -> String.upcase("busy") end)'
    busy = f"pid = spawn(fn -> {calls} end); Process.register(pid, :window_test_busy)"
    looks = "{:erlang.trace_info({String, :upcase, 2}, :traced), :erlang.trace_info(:new, :flags)}"
    assert window("rpc", "web1", busy).code == 0
    try:
        ran = window("trace", "web1", "String.upcase/2", "--max", "5")
        assert (ran.code, "5 calls" in ran.err) == (0, True), ran.err
        lines = ran.out.splitlines()
        assert len(lines) == 5
        shown = r'<[0-9.]+> String\.upcase\("busy", :default\) -> "BUSY" \([0-9.]+ ms\)'
        assert all(re.fullmatch(shown, line) for line in lines), lines
        assert window("rpc", "web1", looks).out == "{{:traced, false}, {:flags, []}}\n"
        hidden = window.person("trace", "web1", "String.length/1", "--for", "5m")
        eventually(lambda: "local" in window("rpc", "web1", looks.replace("upcase, 2", "length, 1")).out)
        hidden.is_killed()
        eventually(
            lambda: window("rpc", "web1", looks.replace("upcase, 2", "length, 1")).out.startswith("{{:traced, f")
        )
        assert "true" in window("rpc", "web1", "Process.alive?(Process.whereis(:window_test_busy))").out
    finally:
        window("rpc", "web1", "Process.exit(Process.whereis(:window_test_busy), :kill)")
    assert window("trace", "web1", "Nobody.knows/1").code == 1
    assert window("trace", "web1", "what is this").code == 3


def test_nodes_are_restarted_in_batches_and_stopped_only_when_enough_are_left(window: Window, ssh: Ssh) -> None:
    def lives() -> dict[str, str]:
        return {name: ssh(host, "systemctl show -p MainPID --value demo")[1] for name, host in window.hosts.items()}

    def events(ran: Ran, kind: str) -> list[dict[str, object]]:
        return [one for one in map(json.loads, ran.out.splitlines()) if one["event"] == kind]

    hook = "echo {} {{{{ inventory_hostname }}}} $(systemctl show -p MainPID --value demo) >>/root/hooks".format
    hooks = {"before_switch": [{"name": "drain", "shell": hook("away")}], "after_start": [
        {"name": "undrain", "shell": hook("back")}]}  # fmt: skip
    own = window.fleet.play({"name": "ours", "hosts": "all", "become": True, "serial": "{{ rollout.serial }}",
                             "roles": ["release", "node"], "hooks": hooks})  # fmt: skip
    before, one_at_a_time = lives(), "{rollout: {serial: 1, min_healthy: 3}}"
    ran = window("restart", "web1", "demo@web3", "--json", "-e", one_at_a_time, "--playbook", str(own))
    assert ran.code == 0, ran.out + ran.err
    for name, host in window.hosts.items():
        told = f"away {name} {before[name]}back {name} {lives()[name]}" if name in ("web1", "web3") else ""
        assert ssh(host, "cat /root/hooks 2>/dev/null; rm -f /root/hooks")[1] == told, "drained before, back after"
    assert {name for name, pid in lives().items() if pid != before[name]} == {"web1", "web3"}
    assert [(one["hosts"], one["healthy"]) for one in events(ran, "BatchEnded")] == [(["web1"], ALL), (["web3"], ALL)]
    assert {one["node"] for one in events(ran, "RungRead") if one["rung"] == 10} == set(map(window.node, window.hosts))
    assert ": restart demo.service\n" in journal(ssh, window.hosts["web3"])
    few = window("stop", "web1", "web2", "-e", one_at_a_time)
    assert (few.code, "2 would be left" in few.err) == (3, True), few.err
    drained = lives()["web2"]
    ran = window("stop", "web2", "web4", "-e", "{rollout: {min_healthy: 2}}", "--playbook", str(own))
    assert ran.code == 0, ran.out + ran.err
    assert ssh(window.hosts["web2"], "cat /root/hooks")[1] == f"away web2 {drained}"
    assert [lives()[name] for name in ("web2", "web4")] == ["0\n"] * 2
    assert window("start", "all").code == 0
    assert "0\n" not in lives().values()


def examples() -> list[list[str]]:
    shown = [shlex.split(line) for line in PAGE.read_text().splitlines() if line.startswith("    deployer ")]
    return [words[1:] for words in shown if words[1] in ("rpc", "eval", "run", "ssh", "logs", "top")]


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_what_the_page_shows_is_so(window: Window, words: list[str]) -> None:
    at = words.index("-i")
    if words[0] == "top" and "--once" not in words:
        words = [*words, "--once"]
    here = [word.replace("shop", "demo") for word in (*words[:at], *words[at + 2 :])]
    ran = window(*here)
    assert (ran.code, bool(ran.out) or "--grep" in here) == (0, True), ran.err

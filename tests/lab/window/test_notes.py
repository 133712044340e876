"""What each command leaves in the hosts' journals, and that nothing secret is seen anywhere meanwhile."""

from __future__ import annotations

import subprocess

from tests.lab.conftest import Ssh
from tests.lab.fleet import COOKIE
from tests.lab.person import CTRL_C
from tests.lab.sampler import watching
from tests.lab.window_kit import CANARY, Window, journal

TYPED = f"{CANARY}-typed"
NEEDLES = {"cookie": COOKIE, "canary": CANARY}
"""What the node is known by, and what is in its environment and in what is typed here."""


def test_no_command_shows_cookie_or_secret_in_any_argv_environment_output_or_journal(window: Window, ssh: Ssh) -> None:
    hosts, said = window.hosts, dict[str, str]()
    secret = f'Process.sleep(300); "{TYPED}" |> String.length()'
    with watching(NEEDLES, "cmdline environ", 0) as seen:
        for words, stdin in (
            (("rpc", "all", "--file", "-", "--quiet-journal"), secret),
            (("eval", "web1", "--file", "-", "--quiet-journal"), secret),
            (("run", "web2", "--quiet-journal", "--", "sh", "-c", "sleep 0.3; wc -c"), TYPED),
            (("ssh", "web3", "-b", "--quiet-journal", "--", "sh", "-c", "sleep 0.3; wc -c"), TYPED),
            (("trace", "web3", "String.no_such_call/0", "--for", "1s", "--quiet-journal"), ""),
            (("trace", "web4", "String.upcase/1", "--for", "1s", "--quiet-journal"), ""),
            (("top", "--once", "--json"), ""),
            (("logs", "-n", "0"), ""),
            (("logs", "--crash"), ""),
            (("restart", "web1", "--check"), ""),
        ):
            ran = window(*words, stdin=stdin)
            said[" ".join(words)] = ran.out + ran.err
        console = window.person("console", "web1", "--quiet-journal")
        console.waits_for(f"iex({window.node('web1')})1> ")
        console.types("{:sum, 1 + 1}\r")
        console.waits_for("{:sum, 2}")
        console.types(CTRL_C)  # what is typed before its answer may be thrown away with it by the terminal
        console.waits_for("(a)bort")
        console.types("a\r")
        console.is_done()
        said["console"] = console.seen
        with subprocess.Popen(
            window.argv("observe", "web1", "--print"), env=window.fleet.environment(), stdout=subprocess.PIPE, text=True
        ) as observer:
            assert observer.stdout
            said["observe"] = observer.stdout.readline()
            observer.terminate()
    assert seen.rounds > 100
    assert seen.of("cmdline") == set()
    own = {int(ssh(host, "id -u demo")[1]) for host in hosts.values()}
    assert {hit for hit in seen.of("environ") if hit[0] == "cookie" or hit[2] not in own} == set()
    assert {what for what, text in said.items() if not text or COOKIE in text or CANARY in text} == set()
    needles = "".join(f"{needle}\n" for needle in NEEDLES.values()).encode()
    look = "cd /dev/shm && cat >needles; journalctl -q | grep -cF -f needles; rm needles"
    for host in hosts.values():
        assert ssh(host, look, stdin=needles)[1] == "0\n"


def test_each_leaves_a_note_with_what_it_did_but_for_results_and_what_is_kept_quiet(window: Window, ssh: Ssh) -> None:
    node = window.node("web1")
    for quiet in ((), ("--quiet-journal",)):
        kept = "kept quiet" if quiet else "for the journal"
        window("rpc", "web1", *quiet, f'"{kept}" <> "!"')
        window("eval", "web1", *quiet, f'"{kept}" <> "!"')
        window("run", "web1", *quiet, "--", "echo", kept)
        window("ssh", "web1", "-b", *quiet, "--", f"echo {kept}")
        window("trace", "web1", *quiet, f"Nobody.{kept.replace(' ', '_')}/1", "--for", "1s")
    told = journal(ssh, window.hosts["web1"])
    shown = (
        f'rpc {node}: "for the journal" <> "!"', f'eval {node}: "for the journal" <> "!"',
        "ssh web1: echo for the journal", f"run {node}: echo for the journal",
        f"trace {node}: Nobody.for_the_journal/1",
    )  # fmt: skip
    for line in (*shown, f"rpc {node}", f"eval {node}", f"run {node}", "ssh web1", f"trace {node}"):
        assert f": {line}\n" in told, (line, told)
    assert "kept" not in told
    assert "journal!" not in told, "no result is noted"

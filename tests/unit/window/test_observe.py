"""What the observer of this machine is told, what it needs here, and that nothing of it is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from deployer.beam.names import parse_node
from deployer.errors import ConfigError, NotConverged
from deployer.transport.stream import SocketStream
from deployer.window.local_erlang import LocalErlang, local_erlang, private_place, write_private
from deployer.window.loopback import Loopback
from deployer.window.observe import check_fit, observer_argv

ALL = frozenset({"observer", "wx", "inet_tls_dist", "compiled"})
ERLANG = LocalErlang("/opt/otp/bin/erl", 26, ALL)


def argv(node: str, *, tls: bool = False) -> tuple[str, ...]:
    return observer_argv(parse_node(node), ERLANG, Path("/p"), 4711, 90, tls=tls)


@pytest.mark.parametrize(
    ("node", "tls", "flag", "carrier"),
    [
        ("shop@10.0.0.2", False, "-name", "inet_tcp"),
        ("shop@web1.example.com", True, "-name", "inet_tls"),
        ("shop@web1", False, "-sname", "inet_tcp"),
        ("shop@fd00::2", False, "-name", "inet6_tcp"),
        ("shop@fd00::2", True, "-name", "inet6_tls"),
    ],
)
def test_the_node_of_this_machine_is_of_the_same_kind_hidden_and_listens_nowhere(
    node: str, tls: bool, flag: str, carrier: str
) -> None:
    made = argv(node, tls=tls)
    assert made[made.index("-proto_dist") + 1] == carrier
    assert made[made.index(flag) + 1].partition("@")[2] == node.partition("@")[2]
    assert ("-ssl_dist_optfile" in made) == tls
    assert "-hidden" in made
    told = " ".join(made)
    for words in ("-dist_listen false", "-start_epmd false", "dist_auto_connect never", "net_ticktime 90"):
        assert words in told
    assert "cookie" not in told


@pytest.mark.parametrize(("otp", "fits"), [(23, False), (24, True), (26, True), (28, True), (29, False)])
def test_a_node_that_this_erlang_does_not_understand_is_told_before(otp: int, fits: bool) -> None:
    refused = pytest.raises(NotConverged, match=rf"shop@web1 runs OTP {otp}, and Erlang of this machine is OTP 26")
    with nullcontext() if fits else refused:
        check_fit("shop@web1", ERLANG, otp, tls=True)


def test_tls_needs_tls_here() -> None:
    bare = LocalErlang("erl", 26, ALL - {"inet_tls_dist"})
    with pytest.raises(ConfigError, match="Erlang of this machine has none"):
        check_fit("shop@web1", bare, 26, tls=True)


def fake_erl(place: Path, said: str) -> None:
    program = place / "erl"
    program.write_text(f"#!/bin/sh\ncat <<'end'\n{said}\nend\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (None, "no erl in PATH"),
        ("it burns", "does not work: it burns"),
        ("deployer: root /x\ndeployer: otp 24\ndeployer: has compiled", "is OTP 24; 25 or newer"),
        ("deployer: root /x\ndeployer: otp 27\ndeployer: has compiled", "has no observer and no wx"),
        (
            "deployer: root /x\ndeployer: otp 27\n" + "".join(f"deployer: has {one}\n" for one in sorted(ALL)),
            "DISPLAY is not set",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_on_this_machine_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, problem: str
) -> None:
    if said is not None:
        fake_erl(tmp_path, said)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if said else str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=problem):
        local_erlang(tmp_path, window=True)


def test_a_private_place_goes_when_it_is_left_and_when_its_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom deployer.window.local_erlang import private_place\n"
        "with private_place() as place:\n    print(place)\n    {}\n"
    )
    for end in ("pass", "os.kill(os.getpid(), signal.SIGKILL)"):
        environ = {**os.environ, "TMPDIR": str(tmp_path), "XDG_RUNTIME_DIR": ""}
        # The guard holds the other end of this pipe: its end is the end of the output.
        subprocess.run([sys.executable, "-c", code.format(end)], env=environ, stdout=subprocess.PIPE, check=False)
        assert list(tmp_path.iterdir()) == []
    with private_place() as place:
        assert place.stat().st_mode & 0o777 == 0o700
        assert write_private(place / "cookie", "canary").stat().st_mode & 0o777 == 0o600
    assert not place.exists()


def test_a_port_of_the_loopback_leads_on_and_takes_nobody_else_once_it_is_shut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as far:
        way = Loopback(lambda: SocketStream(socket.create_connection(far.getsockname()), 30), lambda _: None)
        with socket.create_connection(("127.0.0.1", way.port), timeout=30) as near:
            there, _ = far.accept()
            there.settimeout(30)
            way.shut()
            near.sendall(b"question")
            assert there.recv(64) == b"question"
            there.sendall(b"answer")
            assert near.recv(64) == b"answer"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", way.port), timeout=30)
            there.close()
            assert near.recv(64) == b"", "the end of one side is the end of the other"
        way.close()


def test_a_way_that_cannot_be_opened_is_told_and_closed() -> None:
    told: list[str] = []

    def broken() -> SocketStream:
        raise ConnectionResetError("the host is gone")

    way = Loopback(broken, told.append)
    with socket.create_connection(("127.0.0.1", way.port), timeout=30) as near:
        assert near.recv(64) == b""
    way.close()
    assert told == ["the host is gone"]

"""Record what a real EPMD and real nodes say, byte for byte, into one JSON file per exchange.

    python tests/data/beam/capture.py tests/data/beam/otp25                     an Erlang installed here
    python tests/data/beam/capture.py tests/data/beam/otp27 --root DIRECTORY    one inside of a directory tree (chroot)

Our side is fixed (name, creation, challenge), so that a test can demand the very bytes; the rest is the node's.
Everything listens on 127.0.0.1 only, on ports of its own, and is ended by the process that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from deployer.beam import distribution, epmd
from deployer.beam.names import NodeName, parse_node
from deployer.beam.term import Atom
from deployer.errors import DeployerError
from deployer.model import Secret

EPMD_PORT = 14369
COOKIE = "ONLYFORTHECAPTURESNOTASECRETATALL0001"
ME, CREATION, CHALLENGE = "deployer-0badcafe@127.0.0.1", 0x01020304, 0x0A0B0C0D
ZOO = (
    "persistent_term:put(zoo, [1, 255, 256, -1, 2147483648, -123456789012345678901234567890, 1 bsl 2100, 1.5, -0.1, "
    "<<1,2,3>>, <<5:3>>, <<>>, abc, '\\x{e9}', list_to_atom([8364 || _ <- lists:seq(1, 100)]), [], \"text\", [1|2], "
    '{}, {a, {b}}, list_to_tuple(lists:seq(1, 300)), [[a, b], "x"], lists:seq(1, 300), #{}, '
    '#{a => 1, <<"b">> => [2], "c" => #{}}, '
    "self(), make_ref(), hd(erlang:ports()), fun(X) -> X end, fun lists:map/2, true, undefined]), "
)


class Recorder:
    """A stream over a real socket that keeps what went either way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.log: list[tuple[str, str]] = []

    def send(self, data: bytes, /) -> None:
        self.log.append((">", data.hex()))
        self.socket.sendall(data)

    def recv(self, n: int, /) -> bytes:
        data = self.socket.recv(n)
        self.log.append(("<", data.hex()))
        return data

    def close(self) -> None:
        self.socket.close()


class Erlang:
    """One installation: its EPMD and its nodes."""

    def __init__(self, root: str | None) -> None:
        self.prefix = ["chroot", root] if root else []
        self.environment = {**os.environ, "ERL_EPMD_PORT": str(EPMD_PORT), "HOME": "/tmp", "LC_ALL": "C.UTF-8"}

    @contextmanager
    def run(self, *command: str) -> Iterator[None]:
        child = subprocess.Popen([*self.prefix, *command], env=self.environment, stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()

    @contextmanager
    def node(self, node: str, *flags: str, naming: str = "-name", run: str = "") -> Iterator[int]:
        interface = ("-kernel", "inet_dist_use_interface", "{127,0,0,1}")
        command = ("erl", "-noinput", naming, node, "-setcookie", COOKIE, "-start_epmd", "false", *interface, *flags)
        with self.run(*command, "-eval", f"{run} persistent_term:put(ready, yes)."):
            yield until(lambda: port_of(node.partition("@")[0]))


T = TypeVar("T")


def until(ask: Callable[[], T | None]) -> T:
    """Ask again until there is an answer, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError, DeployerError):
            if (answer := ask()) is not None:
                return answer
        time.sleep(0.05)
    raise SystemExit("nothing came up within 20 seconds")


def port_of(name: str) -> int | None:
    found = epmd.port_please(Recorder(EPMD_PORT), name)
    return found and found.port


def is_epmd_up() -> bool | None:
    return bool(epmd.epmd_names(Recorder(EPMD_PORT))) or None


class Captures:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def epmd(self, title: str, ask: Callable[[Recorder], object], **facts: object) -> None:
        stream = Recorder(EPMD_PORT)
        ask(stream)
        self.write(title, stream, facts)

    def dist(
        self, title: str, port: int, node: str, calls: list[distribution.Call], *, cookie: str = COOKIE, me: str = ME
    ) -> None:
        stream = Recorder(port)
        outcome = "ok"
        try:
            self.talk(stream, parse_node(node), calls, cookie, parse_node(me))
        except DeployerError as error:
            outcome = type(error).__name__
        facts = {
            "node": node,
            "me": me,
            "creation": CREATION,
            "challenge": CHALLENGE,
            "cookie": cookie,
            "outcome": outcome,
        }
        self.write(title, stream, {**facts, "calls": [str(call) for call in calls]})
        stream.close()

    def talk(self, stream: Recorder, node: NodeName, calls: list[distribution.Call], cookie: str, me: NodeName) -> None:
        peer = distribution.connect(stream, node, Secret(cookie), me=me, creation=CREATION, challenge=CHALLENGE)
        for call in calls:
            peer.calls([call])

    def write(self, title: str, stream: Recorder, facts: dict[str, object]) -> None:
        text = json.dumps({**facts, "log": stream.log}, indent=1)
        (self.directory / f"{title}.json").write_text(text + "\n")


CALLS = {
    "nodes": distribution.Call("erlang", "nodes"),
    "release": distribution.Call("erlang", "system_info", [Atom("otp_release")]),
    "applications": distribution.Call("application", "which_applications"),
    "status": distribution.Call("init", "get_status"),
    "zoo": distribution.Call("persistent_term", "get", [Atom("zoo")]),
    "undefined": distribution.Call("no_such_module", "nor_function", [1]),
    "sleep": distribution.Call("timer", "sleep", [2500]),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--root", help="a directory tree that has an Erlang")
    chosen = arguments.parse_args()
    erlang, captures = Erlang(chosen.root), Captures(chosen.directory)
    with erlang.run("epmd", "-port", str(EPMD_PORT), "-address", "127.0.0.1"):
        until(is_epmd_up)
        capture_epmd(erlang, captures)
        capture_handshakes(erlang, captures)


def capture_epmd(erlang: Erlang, captures: Captures) -> None:
    captures.epmd("epmd_names_none", epmd.epmd_names)
    with erlang.node("shop@127.0.0.1") as port, erlang.node("back@127.0.0.1", "-hidden") as hidden:
        captures.epmd("epmd_names_two", epmd.epmd_names, shop=port, back=hidden)
        captures.epmd("epmd_port_shop", lambda stream: epmd.port_please(stream, "shop"), port=port)
        captures.epmd("epmd_port_back", lambda stream: epmd.port_please(stream, "back"), port=hidden)
        captures.epmd("epmd_port_none", lambda stream: epmd.port_please(stream, "none"))


def capture_handshakes(erlang: Erlang, captures: Captures) -> None:
    node = "shop@127.0.0.1"
    with erlang.node(node, run=ZOO) as port:
        until(lambda: ready(port, node))
        for title in ("nodes", "release", "applications", "status", "zoo", "undefined"):
            captures.dist(f"call_{title}", port, node, [CALLS[title]])
        captures.dist("call_several", port, node, [CALLS["nodes"], CALLS["undefined"], CALLS["release"]])
        captures.dist("wrong_cookie", port, node, [], cookie="ANOTHERCOOKIETHATISNOSECRETEITHER0002")
        captures.dist("wrong_node", port, "other@127.0.0.1", [])
        first = Recorder(port)
        captures.talk(first, parse_node(node), [], COOKIE, parse_node(ME))
        captures.dist("alive", port, node, [CALLS["nodes"]])
        first.close()
    with erlang.node(node, run="net_kernel:allow(['only@127.0.0.1']),") as port:
        until(lambda: ready(port, node, me="only@127.0.0.1"))
        captures.dist("not_allowed", port, node, [])
    with erlang.node(node, "-kernel", "net_ticktime", "4") as port:
        captures.dist("tick", port, node, [CALLS["sleep"], CALLS["nodes"]])
    with erlang.node("shop@localhost", naming="-sname") as port:
        captures.dist("short", port, "shop@localhost", [CALLS["nodes"]], me="deployer-0badcafe@localhost")


def ready(port: int, node: str, me: str = "waits@127.0.0.1") -> bool | None:
    stream = Recorder(port)
    try:
        peer = distribution.connect(stream, parse_node(node), Secret(COOKIE), me=parse_node(me))
        return True if peer.call("persistent_term", "get", [Atom("ready"), Atom("no")]) == Atom("yes") else None
    finally:
        stream.close()


if __name__ == "__main__":
    main()

"""A declared node, a healthy reading of it, and a host that answers the ladder from a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.beam.epmd import Registration
from deployer.beam.names import NodeName
from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.reading import DistReading, NodeReading
from deployer.engine.ladder.readings import UnitReading
from deployer.engine.ladder.rung import RungResult, climb
from deployer.engine.ladder.target import Target
from deployer.errors import HostError
from deployer.fleet import Member
from deployer.fleet.words import Health
from deployer.model import Secret
from deployer.sh import Frame, Program

DIR = "/opt/shop/versions/1.4.2-0123abcd"
EXE = f"{DIR}/erts-13.1.5/bin/beam.smp"
NODE = NodeName("shop", "10.0.0.1")
PEERS = (
    Member(NodeName("shop", "10.0.0.2"), "web2", "10.0.0.2", 4369),
    Member(NodeName("shop", "10.0.0.3"), "web3", "10.0.0.3", 4369),
)


def target(**changed: Any) -> Target:
    wanted: dict[str, Any] = {
        "host": "web1",
        "node": NODE,
        "unit": "shop.service",
        "address": "10.0.0.1",
        "epmd_port": 4369,
        "ports": (9100, 9109),
        "release_name": "shop",
        "release_dir": DIR,
        "version": "1.4.2",
        "otp": "25",
        "cookie": Secret("c" * 40, "cluster.cookie"),
        "others": PEERS,
        "health": Health(http="http://127.0.0.1:4000/health", timeout=60, stable=10),
    }
    return Target(**{**wanted, **changed})


def unit(**changed: Any) -> UnitReading:
    wanted: dict[str, Any] = {
        "loaded": True,
        "active": "active",
        "sub": "running",
        "result": "success",
        "restarts": 0,
        "pid": 4711,
        "exe": EXE,
        "ports": frozenset({9100, 4000}),
        "age": 3600.0,
    }
    return UnitReading(**{**wanted, **changed})


def registration(port: int = 9100, name: str = "shop") -> Registration:
    return Registration(name, port, 77, 0, 6, 5)


def dist(**changed: Any) -> DistReading:
    wanted: dict[str, Any] = {
        "outcome": Outcome.ACCEPTED,
        "nodes": tuple(str(peer) for peer in PEERS),
        "otp": "25",
        "version": "1.4.2",
        "applications": {"shop": "1.4.2"},
    }
    return DistReading(**{**wanted, **changed})


def reading(**changed: Any) -> NodeReading:
    wanted: dict[str, Any] = {
        "unit": unit(),
        "epmd": registration(),
        "reach": {"web2": "", "web3": ""},
        "dist": dist(),
        "health": "",
        "hosts": frozenset({"web1", "web2", "web3"}),
    }
    return NodeReading(**{**wanted, **changed})


def rungs(wanted: Target, seen: NodeReading) -> dict[int, RungResult]:
    return {rung.rung: rung for rung in climb(wanted, seen)}


def look(**changed: str) -> str:
    """Return what the look fragment prints for a healthy unit, or for one that differs."""
    show = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "Result": "success",
        "NRestarts": "0",
        "MainPID": "4711",
        "ActiveEnterTimestampMonotonic": "100000000",
        "ControlGroup": "/system.slice/shop.service",
    }
    keys = {
        "uptime": "3700.00",
        "exe": EXE,
        "sockets": "11 12",
        "pid": "4711",
        "listening": "11/0100007F:238C 12/00000000:0FA0",
    }
    for key, value in changed.items():
        (show if key in show else keys)[key] = value
    said = {"show": "\n".join(f"{key}={value}" for key, value in show.items()), **keys}
    return "".join(f"{key}={value}\x1e" for key, value in said.items() if value != "gone")


class Says:
    """A stream whose peer says what it is told and then ends."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def send(self, data: bytes, /) -> None:
        pass

    def recv(self, n: int, /) -> bytes:
        piece, self.data = self.data[:n], self.data[n:]
        return piece

    def close(self) -> None:
        pass


class Epmd(Says):
    """EPMD's answer to PORT_PLEASE2_REQ (ERTS, Distribution Protocol); every name is at the same port."""

    def __init__(self, port: int | None, name: str) -> None:
        super().__init__(b"")
        self.port, self.name = port, name

    def send(self, data: bytes, /) -> None:
        if self.port is None:
            self.data = b"\x77\x01"
            return
        name = self.name.encode() or data[3:]
        port, size = self.port.to_bytes(2), len(name).to_bytes(2)
        self.data = b"\x77\x00%b\x4d\x00\x00\x06\x00\x05%b%b\x00\x00" % (port, size, name)


def epmd_says(port: int | None, name: str = "") -> Epmd:
    """Return an EPMD where what is asked for is registered at ``port``, or is not; ``name``: another one is told."""
    return Epmd(port, name)


HTTP_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class LadderHost:
    """Answers look, reach and last words by what is asked, streams by their port; functions of the round say what.

    With a ``clock`` a round ends when somebody sleeps: units are read and nodes asked at the same time.
    """

    name: str
    looks: Callable[[int], str] = lambda round_: look()
    streams: dict[int, Callable[[int], Any]] = field(default_factory=dict)
    last: str = ""
    blocked: str = ""
    host_key: str = "SHA256:ladder"
    looked: int = -1
    programs: list[str] = field(default_factory=list)
    clock: Clock | None = None

    @property
    def round(self) -> int:
        return len(self.clock.slept) if self.clock else max(self.looked, 0)

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        assert not program.writes
        text = program.fragments[0].text
        kind = "look" if "unit_show" in text else "reach" if "/dev/tcp" in text else "last words"
        self.programs.append(kind)
        if kind == "look":
            self.looked += 1
        for index, fragment in enumerate(program.fragments):
            yield Frame(index, 0, self._answer(kind, fragment.text))

    def _answer(self, kind: str, text: str) -> str:
        if kind == "look":
            return self.looks(self.round)
        if kind == "reach":
            slices = [line for line in text.splitlines() if line.startswith("try ")]
            places = [place for line in slices for place in line.removeprefix("try ").split()]
            said = [f"bash: /dev/tcp/{place}: {self.blocked}" if self.blocked else f"{place} open" for place in places]
            return "tried={}\x1e".format("\n".join(said))
        return self.last

    def connect(self, address: str, port: int, *, timeout: float) -> Any:
        self.looked = max(self.looked, 0)
        made = self.streams.get(port)
        if made is None:
            raise ConnectionRefusedError(f"{address}:{port}")
        stream = made(self.round)
        if isinstance(stream, Exception):
            raise stream
        return stream

    def close(self) -> None:
        pass


class Lost(LadderHost):
    """A host that went away."""

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        raise HostError("the connection broke", where=self.name)
        yield

    def connect(self, address: str, port: int, *, timeout: float) -> Any:
        raise HostError("the connection broke", where=self.name)


@dataclass
class Clock:
    """Time that passes only by sleeping, and a little with every look at it."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Inline:
    """An executor that runs everything at once, in order, in this thread."""

    def map(self, act: Callable[..., Any], *items: Sequence[Any]) -> Iterator[Any]:
        return iter([act(*row) for row in zip(*items, strict=True)])

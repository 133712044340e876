"""The connection to a node: its host, what is needed from the host to talk to it, and a line in the host's journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployer.beam.distribution import Peer
from deployer.beam.handshake import WrongCookie
from deployer.beam.identity import Identity
from deployer.beam.stream import Stream
from deployer.engine.ladder import asking
from deployer.engine.ladder.readings import unit_last_words
from deployer.engine.ladder.target import Target
from deployer.errors import AnswerOf, DeployerError, NotConverged, ProbeError
from deployer.model import Secret
from deployer.modules.base import records
from deployer.report.plain import safe
from deployer.runtime import raise_file_limit
from deployer.sh import Program, Sh, lines, script, sh
from deployer.sh.frame import this_run
from deployer.transport import Transport
from deployer.window.behind import cookie_in, identity_in, look_behind, state_in
from deployer.window.choice import Fleet, Spot, by_host
from deployer.window.side_by_side import side_by_side

DOOR_TIMEOUT = 60.0
_NOTED = 2000
"""The most characters of a note; the journal limits its lines, too."""


@dataclass(slots=True, eq=False)
class Door:
    """A host's connection, and a node on the host.

    Attributes:
        state: the state of its unit, such as ``active/running``.
        runs: whether its process exists.
        cookie: the cookie that it accepts; None if it does not run, or is not ours.
        tls: the identity to use if its distribution runs over TLS.
    """

    spot: Spot
    transport: Transport
    state: str
    runs: bool
    cookie: Secret | None
    tls: Identity | None
    _port: int | None = field(default=None)

    @property
    def target(self) -> Target:
        """The node as a target of the ladder."""
        node, cluster = self.spot.node, self.spot.declared.cluster
        return Target(
            host=self.spot.host.name, node=node.node, unit=node.unit, address=cluster.bind,
            epmd_port=cluster.epmd_port if cluster.epmd else None, ports=node.ports, tls=self.tls,
        )  # fmt: skip

    def enter(self, timeout: float, *, with_words: bool = True) -> Peer:
        """Do the handshake with the node; the caller has to close the peer.

        Args:
            timeout: seconds for the whole conversation.
            with_words: if the node does not run, ask its host for its last log lines.

        Raises:
            NotConverged: it does not run, is not registered, or does not accept the cookie.
            HostError: the host cannot be used to ask it, or does not answer in time.
        """
        if not self.runs:
            raise self.down(with_words=with_words)
        if self.cookie is None:
            raise NotConverged(f"{self.spot.name}: its cookie is not known", hint="declare it: cluster.cookie")
        try:
            return asking.open_peer(self.stream(timeout), self.target, self.cookie)
        except WrongCookie as error:
            raise error if self.spot.node.foreign else self._other_cookie() from None
        except TimeoutError:
            self._port = None
            raise ProbeError(f"no answer in {timeout:g} s", where=self.spot.name) from None
        except OSError as error:
            self._port = None
            raise ProbeError(str(error), where=self.spot.name, hint=self.hint) from None

    def stream(self, timeout: float) -> Stream:
        """Return a stream to the node's distribution port; raises as `Transport.connect`, and NotConverged.

        Args:
            timeout: the stream's lifetime in seconds.
        """
        return self.transport.connect(self.target.address, self._find(min(timeout, DOOR_TIMEOUT)), timeout=timeout)

    @property
    def hint(self) -> str:
        """What to do if the node does not answer."""
        words = f"-i INVENTORY {self.spot.host.name}"
        if self.state.startswith("activating"):
            return f"wait until it runs; deployer logs {words} shows its last messages"
        return f"deployer logs {words} shows its last messages; deployer start {words} starts it"

    def down(self, *, with_words: bool = False) -> NotConverged:
        """Return the error that it does not run; ``with_words``: with its last log lines, read from its host."""
        said = self._last_words() if with_words else ""
        told = f"{self.spot.name} does not run: {self.spot.node.unit} is {self.state}"
        return NotConverged(told + (f"; it said:\n{said}" if said else ""), hint=self.hint)

    def _last_words(self) -> str:
        from deployer.beam.diagnose import diagnose

        text = unit_last_words(self.spot.node.unit, self.spot.node.crash_dump)
        said = ask_node(self.transport, text, become=True).splitlines()
        known = diagnose(said)
        told = [f"  {safe(line)}" for line in said[-8:]]
        return "\n".join([*told, *([f"{known.cause}: {known.advice}"] if known else [])])

    def _other_cookie(self) -> WrongCookie:
        place = f"{self.spot.node.runtime}/.erlang.cookie of {self.spot.host.name}"
        hint = f"the file was changed while the node ran: deployer restart {self.spot.host.name} writes it anew"
        return WrongCookie(f"{self.spot.name} rejects the cookie that lies in {place}", hint=hint)

    def _find(self, timeout: float) -> int:
        if self._port is None:
            found = asking.find_port(self.transport, self.target, timeout=timeout)
            if not isinstance(found, int):
                why = "it is not registered in EPMD" if found is None else f"EPMD: {found}"
                raise NotConverged(f"{self.spot.name} cannot be found: {why}", hint=self.hint)
            self._port = found
        return self._port


def note(what: str) -> Sh:
    """Return the fragment that logs to the host's journal that this user does ``what``."""
    return lines(sh("who={} what={}", *words_of_note(what)), script("note.sh", "deployer.window"))


def words_of_note(what: str) -> tuple[str, str]:
    """Return who does something, and what in so many characters as a journal takes."""
    line = safe(what).replace("\n", "\\n")
    line = line if len(line) <= _NOTED else f"{line[:_NOTED]}… ({len(line)} characters)"
    return this_run().partition(" ")[2], line


def note_line() -> str:
    """Return the one line of sh that leaves a note of $who, $what and $connection; it has no single quote."""
    return script("note.sh", "deployer.window").text.splitlines()[-1]


def unnoted(transport: Transport) -> ProbeError:
    """Return that a host takes no note of a window."""
    hint = "it has no logger, or no journal; a window leaves a note, or does not open"
    return ProbeError("the host does not take a note of this", where=transport.name, hint=hint)


def ask_node(transport: Transport, *texts: Sh, become: bool) -> str:
    """Run fragments that only read, and return what the last one says; raises HostError."""
    *_, last = transport.run(Program(texts, become=become), timeout=DOOR_TIMEOUT)
    if last.rc:
        said = safe(last.out.strip())[-300:]
        raise ProbeError(
            said or f"status {last.rc}", where=transport.name, hint="root is needed: set ansible_become: true"
        )
    return last.out


@contextmanager
def doors(
    fleet: Fleet, spots: Sequence[Spot], what: str, fail: Callable[[Spot, DeployerError], object], *, forks: int = 50
) -> Iterator[tuple[Door, ...]]:
    """Connect to the hosts of some nodes, side by side, and yield the doors that are open; all are closed at the end.

    Args:
        fleet: whose they are.
        spots: the nodes.
        what: for the host's journal; ``{}`` in it is the node's name. Empty: nothing is noted.
        fail: is told of each node whose host cannot be reached, and why.
        forks: hosts at once.
    """
    hosts = by_host(spots, lambda spot: spot)
    raise_file_limit(len(hosts))
    held, lock = dict[Spot, Door](), threading.Lock()

    def meet(own: list[Spot]) -> None:
        try:
            with AnswerOf(own[0].host.name):
                found = open_doors(fleet, own, what)
        except DeployerError as error:
            for spot in own:
                fail(spot, error)
            return
        with lock:
            held.update(zip(own, found, strict=True))

    try:
        side_by_side(meet, hosts, forks)
        yield tuple(held[spot] for spot in spots if spot in held)
    finally:
        for transport in {id(door.transport): door.transport for door in held.values()}.values():
            transport.close()


def open_doors(fleet: Fleet, own: Sequence[Spot], what: str, *, over: Transport | None = None) -> list[Door]:
    """Return the doors of nodes of one host, which share its connection; ``what`` is noted there.

    Args:
        fleet: whose they are.
        own: nodes of one host.
        what: for its journal; empty: nothing is noted.
        over: the connection, where there is one already.

    Raises:
        HostError: the host cannot be reached or read, or takes no note.
    """
    transport = over or fleet.open(own[0].host)
    notes = [note(what.replace("{}", spot.name)) for spot in own] if what else []
    become = fleet.resolver.connection(own[0].host).become
    program = Program((*notes, *map(_read, own)), become=become, units=tuple(spot.node.unit for spot in own))
    try:
        frames = list(transport.run(program, timeout=DOOR_TIMEOUT))
        if any(frame.rc for frame in frames[: len(notes)]):
            raise unnoted(transport)
        return [_door(fleet, spot, transport, frame.out) for spot, frame in zip(own, frames[len(notes) :], strict=True)]
    except DeployerError:
        if over is None:
            transport.close()
        raise


def _read(spot: Spot) -> Sh:
    node, etc = spot.node, spot.declared.cluster.etc
    return look_behind(node.unit, node.runtime, f"{etc}/private/{node.name}.pem", f"{etc}/ca.pem")


def _door(fleet: Fleet, spot: Spot, transport: Transport, out: str) -> Door:
    said = records(out, "show", "pid", "uptime")
    cookie, tls = cookie_in(said.get("cookie", "")), identity_in(said)
    if cookie is None and spot.node.foreign:
        own, _ = fleet.with_secrets().fleet(spot.host)
        cookie = own.cluster.cookie if own else None
    return Door(spot, transport, state_in(said), said["pid"] != "0", cookie, tls)

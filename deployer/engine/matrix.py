"""Compares which host can reach which port of which host, as declared and as tried from every host. Read-only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby

from deployer.engine.host_run import Context, HostRun
from deployer.errors import ConfigError, DeployerError, HostError
from deployer.events import HostEnded
from deployer.firewall.cells import Cell, Walled, cells
from deployer.model import Host
from deployer.modules.firewall import Firewall
from deployer.resolve import Resolver
from deployer.roll_events import CellTried, MatrixTried
from deployer.sh import Program, Sh, lines, script, sh
from deployer.transport.base import Transport
from deployer.transport.wrappers import ReadOnly

TRIED_FOR = 3.0
"""Seconds for one TCP connection; a firewall that drops it sends no answer."""
UDP_TRIED_FOR = 3.0
"""Seconds for the three tries of one UDP port."""
_AT_ONCE = 4
_UNCONNECTED = "07"
_LOOPBACK = ("0100007F:", f"{'0' * 24}01000000:")
"""How /proc/net/udp and udp6 write 127.0.0.1 and ::1 (proc(5); little-endian)."""
DIFFERS = 2
NOT_TRIED = "not tried"


@dataclass(slots=True)
class MatrixRun:
    """Tries every port of every host of a play from every other one; `run` returns the exit code.

    It is 0 if everything is as declared, 2 if a cell differs, and after failures that of any other run.
    """

    context: Context
    resolver: Resolver
    hosts: Sequence[Host]
    _tried: list[CellTried] = field(default_factory=list)

    def run(self) -> int:
        """Try all cells.

        Raises:
            ConfigError: no firewall is declared, or an address is a name; no connection was opened.
        """
        runs = [HostRun(host, self.context.clock()) for host in self.hosts]
        walled = [found for host in self.hosts if (found := self._walled(host))]
        if not walled:
            hint = "use a play with the role firewall, such as site.yml, or with a task of the module firewall"
            raise ConfigError("the play declares no firewall", where=self.resolver.play.mark, hint=hint)
        due: dict[str, list[Cell]] = {run.name: [] for run in runs}
        for source, some in groupby(sorted(cells(walled), key=lambda cell: cell.source), key=lambda cell: cell.source):
            due[source] = list(some)

        def body() -> None:
            self.context.each(runs, lambda run: self._try(run, due[run.name]))
            told = self._heard(runs)
            self.context.emit(MatrixTried(tuple(sorted(told, key=lambda cell: (cell.host, cell.port, cell.source)))))

        return self.context.walk(self.resolver.play.name, "matrix", runs, body, self._end)

    def _walled(self, host: Host) -> Walled | None:
        play = self.resolver.resolve(host, None)
        own, found = play.fleet[0], [one.module for one in play.actions if isinstance(one.module, Firewall)]
        if not found:
            return None
        address = own.cluster.bind if own else play.connection.address
        try:
            ipaddress.ip_address(address)
        except ValueError:
            hint = "write ansible_host: 10.0.0.2"
            raise ConfigError(f"{address} is a name, but rules contain addresses", where=host.mark, hint=hint) from None
        ports = tuple(port for node in (own.nodes if own else ()) for port in node.ports[:1])
        return Walled(host.name, address, play.connection.port or 22, found[0].part, ports)

    def _try(self, run: HostRun, due: Sequence[Cell]) -> None:
        transport = ReadOnly(self.context.connect(run))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = list(pool.map(lambda one: tried_from(transport, one), _of(due, "tcp")))
        udp = _of(due, "udp")
        answers += tried_udp(transport, udp)
        for cell, tried in zip((*_of(due, "tcp"), *udp), answers, strict=True):
            differs = differing_cell(cell, tried)
            told = CellTried(cell.source, cell.host, cell.port, cell.what, cell.open, tried, differs, cell.protocol)
            self._tried.append(told)
        if lost := next((tried for tried in answers if tried.startswith(NOT_TRIED)), ""):
            raise HostError(lost, where=run.name)

    def _heard(self, runs: Sequence[HostRun]) -> Sequence[CellTried]:
        """Return all cells; a UDP port with a listener but without an answer is neither open nor closed."""
        quiet = {cell.host for cell in self._tried if cell.protocol == "udp" and cell.tried == "no answer"}
        listen = {run.name: udp_listeners(run.transport) for run in runs if run.name in quiet and run.transport}
        for number, cell in enumerate(self._tried):
            if cell.protocol == "udp" and cell.tried == "no answer" and cell.port in listen.get(cell.host, {cell.port}):
                self._tried[number] = replace(cell, tried="silent", differs=False)
        return self._tried

    def _end(self, run: HostRun) -> HostEnded:
        wrong = any(cell.differs for cell in self._tried if cell.host == run.name)
        ended = self.context.ended(run, "drift" if wrong else "ok")
        if run.problem or not wrong:
            return ended
        return HostEnded(ended.host, ended.ending, 0, 0, ended.seconds, "", DIFFERS)


def tried_from(transport: Transport, cell: Cell) -> str:
    """Return the result of a TCP connection: open, refused (nothing listens), no answer, or why it was not tried."""
    try:
        transport.connect(cell.address, cell.port, timeout=TRIED_FOR).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "no answer"
    except (HostError, DeployerError) as error:
        return f"{NOT_TRIED}: {error.message}"
    return "open"


def tried_udp(transport: Transport, due: Sequence[Cell]) -> list[str]:
    """Return for each cell what answered a datagram: the port, an ICMP error or nothing; or why it was not tried."""
    if not due:
        return []
    cells = "\n".join(f"{number} {cell.address} {cell.port}" for number, cell in enumerate(due))
    text = lines(sh("cells={}", cells), script("udp_try.sh", "deployer.firewall"))
    (frame,) = transport.run(Program((text,)), timeout=UDP_TRIED_FOR * (1 + len(due) / _AT_ONCE) + 10)
    told = dict(line.split(" ", 1) for line in frame.out.splitlines() if " " in line)
    lost = f"{NOT_TRIED}: {frame.out.strip()[-200:]}"
    return [told.get(str(number), lost) for number in range(len(due))]


def udp_listeners(transport: Transport) -> frozenset[int]:
    """Return the UDP ports on which a host listens, other than on loopback."""
    (frame,) = transport.run(Program((Sh("cat /proc/net/udp /proc/net/udp6 2>/dev/null || :"),)), timeout=20)
    places = (line.split()[1:4:2] for line in frame.out.splitlines() if line.split()[3:4] == [_UNCONNECTED])
    return frozenset(int(place.rpartition(":")[2], 16) for place, _ in places if not place.startswith(_LOOPBACK))


def _of(due: Sequence[Cell], protocol: str) -> Sequence[Cell]:
    return [cell for cell in due if cell.protocol == protocol]


def differing_cell(cell: Cell, tried: str) -> bool:
    """Whether a cell is not as declared. "Refused" shows that the firewall has let the connection through."""
    return (tried == "no answer") if cell.open else tried in ("open", "refused")

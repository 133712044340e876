"""Who runs before and after a change of the fleet, and what they lost by it: processes, links, requests."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deployer.lab import LabHost
from tests.lab.conftest import Ssh
from tests.lab.fleet import Ran, health
from tests.lab.watcher import Watched, watching

# Counts the links that a node loses, from now on; the process is the node's own and outlives the call.
COUNT = """demo-ctl rpc '
case Process.whereis(:counter) do nil -> :ok; old -> Process.unregister(:counter); Process.exit(old, :kill) end
pid = spawn(fn ->
  :net_kernel.monitor_nodes(true)
  loop = fn loop, lost ->
    receive do
      {:nodedown, node} -> loop.(loop, [node | lost])
      {:lost, from} -> send(from, lost); loop.(loop, lost)
      _ -> loop.(loop, lost)
    end
  end
  loop.(loop, [])
end)
Process.register(pid, :counter)'"""
LOST = "demo-ctl rpc 'send(:counter, {:lost, self()}); receive do lost -> IO.puts(Enum.join(lost, \" \")) end'"


@dataclass
class Figures:
    """What a change took, and what it cost those who were well and not meant to restart.

    Attributes:
        seconds: from its beginning to its end.
        restarts: of their nodes.
        links: that they have lost to each other.
        requests: that they have failed.
        samples: requests in all.
        away: nodes that were unhealthy at the same time.
    """

    seconds: float = 0.0
    restarts: int = 0
    links: int = 0
    requests: int = 0
    samples: int = 0
    away: int = 0

    def see(self, watched: Watched) -> None:
        """Count what clients saw."""
        fewest, self.samples, _ = watched.lowest()
        self.away = len(watched.samples) - fewest
        self.requests = sum(not version for seen in watched.samples.values() for _, version in seen)


def processes(ssh: Ssh, hosts: Iterable[LabHost], unit: str = "demo") -> dict[str, str]:
    """Host → the process of its node."""
    return {host.name: ssh(host, f"systemctl show -p MainPID --value {unit}")[1].strip() for host in hosts}


def _lost(ssh: Ssh, hosts: Iterable[LabHost], leaving: Iterable[LabHost]) -> int:
    gone = {f"demo@{host.address}" for host in leaving}
    told = [ssh(host, LOST) for host in hosts]
    return sum(len(set(out.split()) - gone) if code == 0 else 1 for code, out in told)


@contextmanager
def kept(ssh: Ssh, hosts: Iterable[LabHost], *, leaving: tuple[LabHost, ...] = ()) -> Iterator[Figures]:
    """Count what a block costs nodes that run before and after it; what they lose to ``leaving`` is no loss."""
    figures, hosts = Figures(), tuple(hosts)
    for host in hosts:
        code, said = ssh(host, COUNT)
        assert code == 0, said
    before = processes(ssh, hosts)
    with watching(hosts) as watched:
        begin = time.monotonic()
        yield figures
        figures.seconds = time.monotonic() - begin
    figures.see(watched)
    after = processes(ssh, hosts)
    figures.restarts = sum(before[name] != after[name] for name in before)
    figures.links = _lost(ssh, hosts, leaving)


@contextmanager
def undisturbed(ssh: Ssh, hosts: Iterable[LabHost], *, leaving: tuple[LabHost, ...] = ()) -> Iterator[None]:
    """Nodes that run before and after the block do not restart, fail no request and lose no link to each other."""
    hosts = tuple(hosts)
    with kept(ssh, hosts, leaving=leaving) as figures:
        yield
    assert figures.restarts == 0, "a node that was well has been restarted"
    assert figures.links == 0, "a link between nodes that stay was lost"
    assert figures.requests == 0, "a request failed"
    assert figures.samples > len(hosts)


def seen(host: LabHost) -> set[str]:
    """The nodes that a host's node sees."""
    return set(health(host)[1].get("nodes", ()))


def whole(ran: Ran, hosts: Iterable[LabHost], name: str = "demo") -> None:
    """The run went well, and every node sees every other and nobody else."""
    hosts = tuple(hosts)
    assert ran.code == 0, ran.out + ran.err
    names = {f"{name}@{host.address}" for host in hosts}
    assert {host.name: seen(host) | {f"{name}@{host.address}"} for host in hosts} == {h.name: names for h in hosts}

"""What a host's tasks do on this machine (``delegate_to: localhost``): read and run over a transport of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from deployer.engine.walk.probe import Reading, probe_program, read_probes
from deployer.errors import ConfigError
from deployer.model import Observed
from deployer.resolve import Action
from deployer.transport.base import Transport
from deployer.transport.local import LocalTransport
from deployer.transport.wrappers import ReadOnly


def place_of(transport: Transport, here: bool | None, *, become: bool) -> tuple[Transport, bool]:
    """Return over what an action's programs run, and whether as root.

    Args:
        transport: to its host.
        here: of the action.
        become: whether programs on the host run as root.
    """
    return (transport, become) if here is None else (LocalTransport(transport.name), here)


def with_those_here(asked: Sequence[Action], reading: Reading, name: str, timeout: float) -> Reading:
    """Return what a host has answered, with what this machine answers put between.

    Args:
        asked: all actions that are asked about, in order.
        reading: the answers of those on the host.
        name: of the host, for errors.
        timeout: seconds this machine may stay silent.

    Raises:
        HostError: this machine cannot be read.
    """
    answers: dict[bool | None, Iterator[Observed | ConfigError]] = {None: iter(reading.observed)}
    for root in (False, True):
        mine = [action for action in asked if action.here is root]
        if mine:
            frames = ReadOnly(LocalTransport(name)).run(probe_program(mine, become=root), timeout=timeout)
            answers[root] = iter(read_probes(mine, frames).observed)
    return replace(reading, observed=tuple(next(answers[action.here]) for action in asked))

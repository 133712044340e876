"""The batch settings of a play and its fleet, rendered and checked; and which hosts are walked together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import coerce
from deployer.fleet import Rollout, grammar
from deployer.load.marked import mark_of
from deployer.load.template import Variables
from deployer.model import BatchSettings, Connection, Host
from deployer.resolve.action import Limits


def limits(turns: BatchSettings, variables: Variables, rollout: Rollout | None) -> Limits:
    """Return a host's limits.

    Args:
        turns: the play's settings as written.
        variables: the host's variables.
        rollout: the fleet's ``rollout``; None if the host declares no nodes.

    Raises:
        ConfigError: a size or a percentage is wrong; with its place.
    """

    def read(word: str, hint: Any, raw: Any) -> Any:
        where = mark_of(raw, turns.marks.get(word))
        with At(where):
            found = coerce(hint, variables.render(raw, where, word), word)
            complaint = grammar.serial(found) if word == "serial" else grammar.percentage(found)
            if complaint:
                raise ConfigError(f"{word} {_shown(found)}: {complaint}")
            return found

    serial = () if turns.serial is None else read("serial", tuple[int | str, ...], turns.serial)
    most = turns.max_fail_percentage
    most = None if most is None else read("max_fail_percentage", float, most)
    return Limits(serial, most, rollout or Rollout())


def batch_sizes(serial: Sequence[int | str], total: int) -> Iterator[int]:
    """Yield the sizes of batches for ``total`` hosts, without end: the last one repeats.

    A percentage is of all hosts, rounded down, but at least one host. Without sizes, all hosts are one batch.
    """
    wanted = [max(1, int(grammar.amount(size, total))) for size in serial] or [max(1, total)]
    yield from wanted
    while True:
        yield wanted[-1]


def batch_of(hosts: Sequence[str], serial: Sequence[int | str], name: str) -> Sequence[str]:
    """Return the batch that contains a host; only the host itself if it is not one of ``hosts``."""
    left = list(hosts) if name in hosts else [name]
    for size in batch_sizes(serial, len(hosts)):
        if name in left[:size]:
            return left[:size]
        left = left[size:]
    return left


def walked_together(
    connection: Callable[[Host], Connection], declares: Callable[[Host], bool], hosts: Sequence[Host]
) -> list[Sequence[Host]]:
    """Return a play's hosts in groups to walk together; several names of this machine go one after the other.

    All hosts of a group are planned before any is changed, so the plan for one name of this machine would not see what
    another is about to change. Hosts that declare a fleet go first and together; several such names of this machine are
    refused later, because all nodes of one machine belong under one name.

    Args:
        connection: returns the connection of a host; may raise ConfigError.
        declares: whether a host declares a fleet.
        hosts: the hosts of the play.
    """

    def here(host: Host) -> bool:
        with suppress(ConfigError):  # reported when the host is walked
            return connection(host).local
        return False

    plain = [host for host in hosts if not declares(host) and here(host)]
    later = plain if plain and any(declares(host) and here(host) for host in hosts) else plain[1:]
    return [[host for host in hosts if host not in later], *([host] for host in later)]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"

"""What a play and its fleet say of batches, rendered and checked; which hosts are walked together."""

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
        turns: the play's words as written.
        variables: what names mean in them.
        rollout: the fleet's words; None where the host declares no nodes.

    Raises:
        ConfigError: a size or a percentage is none; with its place.
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

    A share is of all hosts, rounded down, and at least one host. Without sizes all hosts are one batch.
    """
    wanted = [max(1, int(grammar.amount(size, total))) for size in serial] or [max(1, total)]
    yield from wanted
    while True:
        yield wanted[-1]


def batch_of(hosts: Sequence[str], serial: Sequence[int | str], name: str) -> Sequence[str]:
    """Return the batch in which a host is; it alone, where it is none of these hosts."""
    left = list(hosts) if name in hosts else [name]
    for size in batch_sizes(serial, len(hosts)):
        if name in left[:size]:
            return left[:size]
        left = left[size:]
    return left


def walked_together(
    connection: Callable[[Host], Connection], declares: Callable[[Host], bool], hosts: Sequence[Host]
) -> list[Sequence[Host]]:
    """Return a play's hosts as they are walked together: of several names of this machine one after the other.

    All hosts are planned before any is changed, so a plan for one name would rest on what another is about to change.
    Those that declare a fleet go first and together, and several are refused: nodes of one machine belong under one
    name.

    Args:
        connection: how a host is reached; may raise ConfigError.
        declares: whether a host declares a fleet.
        hosts: of the play.
    """

    def here(host: Host) -> bool:
        with suppress(ConfigError):  # told where the host is walked
            return connection(host).local
        return False

    plain = [host for host in hosts if not declares(host) and here(host)]
    later = plain if plain and any(declares(host) and here(host) for host in hosts) else plain[1:]
    return [[host for host in hosts if host not in later], *([host] for host in later)]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"

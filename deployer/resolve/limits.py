"""What a play and its fleet say of batches, rendered and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import coerce
from deployer.fleet import Rollout, grammar
from deployer.load.marked import mark_of
from deployer.load.template import Variables
from deployer.model import BatchSettings
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


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"

"""A crash dump in short; what is in it was written by the node, and may be anything."""

from __future__ import annotations

import pytest

from deployer.errors import ProbeError
from deployer.window.crash import human, parse_dump

HEAD = "=erl_crash_dump:0.5\nFri Nov 27 12:00:00 2026\nSlogan: eheap_alloc: Cannot allocate \x1b[2J\nSystem: x\n"
TOLD = """\
=memory
total: 1000
ets: 12
=proc:<0.10.0>
State: Waiting
Name: init
Spawned as: erl_init:start/2
Message queue length: 7
Stack+heap: 100
OldHeap: 50
=proc:<0.99.0>
State: Running
Stack+heap: 9000
OldHeap: x
=end
"""


def said(head: str = HEAD, told: str = TOLD, size: str = "2048 1700000000") -> str:
    return "".join(f"{key}={value}\x1e" for key, value in {"size": size, "head": head, "told": told}.items())


def test_slogan_memory_and_the_biggest_first() -> None:
    found = parse_dump(said())
    assert found
    assert found.slogan.startswith("eheap_alloc: Cannot allocate")
    assert (found.size, found.when, found.memory) == (2048, 1700000000, {"total": 1000, "ets": 12})
    assert [(one.pid, one.memory, one.queue) for one in found.processes] == [
        ("<0.99.0>", 72000, 0),
        ("<0.10.0>", 1200, 7),
    ]
    assert [one.pid for one in found.running] == ["<0.99.0>"]


def test_none_is_none_and_one_that_was_cut_short_has_no_slogan() -> None:
    assert parse_dump("") is None
    found = parse_dump(said(head="=erl_crash", told=""))
    assert found
    assert (found.slogan, found.processes, found.memory) == ("", (), {})


@pytest.mark.parametrize("size", ["x", "1", "1 99999999999999999", " "])
def test_an_answer_that_makes_no_sense_is_said(size: str) -> None:
    with pytest.raises(ProbeError):
        parse_dump(said(size=size))


def test_numbers_that_no_node_has_are_none() -> None:
    """Python refuses to read a number of so many digits, and a float holds no such number."""
    found = parse_dump(said(size=f"{'9' * 5000} 1", told=TOLD.replace("9000", "9" * 5000).replace("1000", "9" * 400)))
    assert found
    assert (found.size, found.memory["total"], found.running[0].memory) == (0, 0, 0)


@pytest.mark.parametrize(("size", "words"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")])
def test_sizes_are_for_people(size: int, words: str) -> None:
    assert human(size) == words

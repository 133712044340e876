"""What a node says of itself, and how it is shown in a terminal of 80 × 24."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deployer.beam.distribution import CallFailed
from deployer.beam.term import Atom, Term
from deployer.options import Options
from deployer.window.choice import Fleet
from deployer.window.sample import Sample, function, rates, read_biggest, read_sample
from deployer.window.screen import View, ordered, screen, short_number, since
from deployer.window.top import Watched

NUMBERS = {
    "wall": 10_000, "cpu": 4_000, "reductions": 1_000_000, "collections": 50, "reclaimed": 9, "schedulers": 2,
    "run_queue": 3, "processes": 210_000, "process_limit": 262_144, "ports": 10, "port_limit": 65536, "atoms": 30_000,
    "atom_limit": 1_048_576, "tables": 34, "longest_queue": 120_000, "connected": 2, "hidden": 1,
}  # fmt: skip


def answer(**changes: int) -> list[Term]:
    memory: list[Term] = [(Atom("total"), 3 << 30), (Atom("binary"), 5 << 20), (Atom("ets"), 1 << 20)]
    numbers: list[Term] = [(Atom(name), value) for name, value in (NUMBERS | changes).items()]
    return [*numbers, (Atom("memory"), memory), (Atom("release"), b"1.4.2\x1b[2J"), (Atom("otp"), b"27")]


def test_an_answer_becomes_a_sample_and_nothing_in_it_can_move_the_cursor() -> None:
    found = read_sample(answer())
    assert (found.processes, found.memory["total"], found.otp) == (210_000, 3 << 30, "27")
    assert found.release == "1.4.2\\x1b[2J"


@pytest.mark.parametrize("garbage", [[], Atom("ok"), [*answer()][1:], [(1, 2)]])
def test_an_answer_that_is_none_is_an_error(garbage: Term) -> None:
    with pytest.raises(CallFailed):
        read_sample(garbage)


def test_rates_are_of_the_time_between_and_a_restarted_node_has_none() -> None:
    before = read_sample(answer())
    now = read_sample(answer(wall=12_000, cpu=6_000, reductions=1_500_000, collections=60))
    found = rates(before, now)
    assert found
    assert (found.busy, found.reductions, found.collections) == (0.5, 250_000.0, 5.0)
    assert rates(now, before) is None


def test_the_biggest_processes_have_the_names_that_people_know() -> None:
    info: list[Term] = [
        (Atom("registered_name"), Atom("Elixir.Shop.Repo")), (Atom("memory"), 5), (Atom("reductions"), 6),
        (Atom("message_queue_len"), 7), (Atom("current_function"), (Atom("gen_server"), Atom("loop"), 7)),
    ]  # fmt: skip
    call = (Atom("Elixir.Shop"), Atom("init"), 1)
    (one,) = read_biggest([(b"<0.1.0>", call, info), (b"<0.2.0>", call, Atom("undefined"))])
    assert (one.name, one.initial, one.current) == ("Shop.Repo", "Shop.init/1", "gen_server:loop/7")
    assert (one.memory, one.reductions, one.message_queue_len) == (5, 6, 7)
    assert function(Atom("x")) == ""


@pytest.fixture
def watched(tmp_path: Path) -> list[Watched]:
    hosts = "".join(f"    web{at}: {{ansible_host: 10.0.0.{at}}}\n" for at in range(1, 41))
    words = "release: {name: shop, tarball: none.tar.gz, version: 1.4.2}, cluster: {name: shop, cookie: {env: NONE}}"
    (tmp_path / "inventory.yml").write_text(f"all:\n  vars: {{{words}}}\n  hosts:\n{hosts}")
    fleet = Fleet.of(Options(playbook="", inventory=(str(tmp_path / "inventory.yml"),)))
    found = [Watched(spot) for spot in fleet.choose([])]
    for at, one in enumerate(found):
        one.sample = read_sample(answer(longest_queue=at, wall=1000 + at))
    found[39].sample, found[39].problem = None, "web40: no answer in 10 s"
    return found


class Stub:
    def __init__(self, watched: list[Watched]) -> None:
        self.watched = tuple(watched)


def shown(watched: list[Watched], view: View, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None, highlight=False)
    top: Any = Stub(watched)
    with console.capture() as captured:
        console.print(screen(top, view, width=width, height=height))
    return captured.get().splitlines()


def test_forty_nodes_fit_into_80_by_24_and_the_chosen_one_is_told_whole(watched: list[Watched]) -> None:
    lines = shown(watched, View())
    assert len(lines) <= 24
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert lines[0].split() == ["node", "up", "cpu", "runq", "memory", "procs", "queue", "reds/s", "nodes"]
    assert lines[1].startswith("shop@10.0.0.1 ")
    text = "\n".join(lines)
    assert "release 1.4.2" in text
    assert "atoms 30000/1048576" in text
    lines = shown(watched, View(at=39))
    assert len(lines) <= 24
    assert any(line.startswith("shop@10.0.0.40 ") for line in lines)
    assert "no answer in 10 s" in "\n".join(lines)
    wide = shown(watched, View(), width=140, height=50)
    assert "atoms" in wide[0]
    assert sum(line.startswith("shop@") for line in wide) == 41


def test_keys_choose_sort_and_leave(watched: list[Watched]) -> None:
    view = View()
    for key in ("\x1b[B", "j", "k", "\x1b[A", "\x1b[A", "?"):
        view.press(key, 40)
    assert view.at == 0
    view.press("s", 40)
    view.press("s", 40)
    view.press("s", 40)
    assert [one.spot.host.name for one in ordered(watched, view.order)][:2] == ["web39", "web38"]
    assert ordered(watched, view.order)[-1].sample is None
    view.press("p", 40)
    shown(watched, view)
    assert [one.wants for one in ordered(watched, view.order)][:2] == ["memory", ""]
    view.press("q", 40)
    assert (view.key, view.over) == ("message_queue_len", False)
    view.press("p", 40)
    assert (view.key, view.over) == ("", False)
    view.press("q", 40)
    assert view.over


def test_a_node_that_owes_an_answer_says_so_to_a_program(watched: list[Watched]) -> None:
    one = watched[0]
    assert isinstance(one.sample, Sample)
    assert one.as_json()["longest_queue"] == 0
    one.asked = -1e9
    assert "its host has not let us in" in str(one.as_json()["problem"])
    one.reached = True
    assert "no answer for" in str(one.as_json()["problem"])
    assert watched[39].as_json()["problem"] == "web40: no answer in 10 s"


@pytest.mark.parametrize(("seconds", "words"), [(9, "9s"), (3 * 3600 + 60, "3h1m"), (200_000, "2d7h")])
def test_times_are_short(seconds: float, words: str) -> None:
    assert since(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(999, "999"), (1500, "1.5k"), (12_345_678, "12M")])
def test_numbers_are_short(number: float, words: str) -> None:
    assert short_number(number) == words

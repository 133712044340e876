"""Hosts side by side: so many at once, and a person who gives up waits for none of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deployer.window.side_by_side import side_by_side
from tests.lab.person import CTRL_C, Person

FROZEN = """
import threading
from deployer.window.side_by_side import side_by_side
def act(item):
    print("begun", flush=True)
    threading.Event().wait()
try:
    side_by_side(act, range(5), 2)
except KeyboardInterrupt:
    print("given up")
"""


def test_ctrl_c_waits_for_nobody_who_is_frozen_and_begins_nothing_new(tmp_path: Path) -> None:
    person = Person([sys.executable, "-c", FROZEN], environ=dict(os.environ), directory=tmp_path)
    for _ in range(2):
        person.waits_for("begun")
    person.types(CTRL_C)
    assert person.is_done(30) == 0
    assert "given up" in person.seen
    assert (person.seen.count("begun"), "Traceback" in person.seen) == (2, False)


def test_no_more_than_so_many_are_under_way_and_all_are_done() -> None:
    both, done = threading.Barrier(2, timeout=60), list[int]()

    def act(item: int) -> None:
        both.wait()
        done.append(item)
        assert threading.active_count() <= before + 2

    before = threading.active_count()
    side_by_side(act, range(6), 2)
    assert sorted(done) == [*range(6)]
    side_by_side(act, [], 2)


def test_what_one_raises_is_raised_when_all_have_ended() -> None:
    done = []

    def act(item: int) -> None:
        done.append(item)
        if item == 1:
            raise ValueError("one")

    with pytest.raises(ValueError, match="one"):
        side_by_side(act, range(3), 1)
    assert done == [0, 1, 2]


@pytest.mark.parametrize("words", ["rpc shop 1", "logs -n 1", "logs -f", "top --once"])
def test_more_hosts_than_this_process_may_have_files_are_refused_before_one_is_asked(
    tmp_path: Path, words: str
) -> None:
    hosts = "".join(f"    web{at}: {{ansible_host: 127.0.0.{at}, ansible_port: 1}}\n" for at in range(1, 41))
    nodes = "nodes: [{name: shop, port: 9100, service: shop.service}], cluster: {name: shop, cookie: {env: NONE}}"
    (tmp_path / "inventory.yml").write_text(f"all:\n  vars: {{{nodes}}}\n  hosts:\n{hosts}")
    program = "from deployer.cli import main; main()"
    limited = ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh", sys.executable, "-c", program]
    argv = [*limited, *words.split(), "-i", "inventory.yml"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
    told = "error: 40 hosts need 168 open files at once, and this process may have 100\n"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(told), done.stderr

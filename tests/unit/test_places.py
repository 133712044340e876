"""A wrong word is told with the file and line where that word is written, not where the host's words begin."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.fleet import declare
from deployer.fleet.places import Places
from deployer.load.marked import Map, Seq
from deployer.model import Mark


def mark(line: int) -> Mark:
    return Mark("group_vars/all.yml", line, 1)


def words() -> Map:
    cluster = Map({"cookie": "abc", "ports": "1-2", "name": "shop"}, mark(2), {"cookie": mark(3)})
    nodes = Seq(
        [Map({"name": "demo"}, mark(5)), Map({"name": "demo", "port": 22}, mark(6), {"port": mark(7)})], mark(4)
    )
    nodes.marks = [mark(5), mark(6)]
    marks = {"cluster": mark(2), "nodes": mark(4), "env": mark(8)}
    return Map({"cluster": cluster, "nodes": nodes, "env": "3"}, mark(1), marks)


PLACES = {
    "nodes[1].port": 7,
    "nodes[0]": 5,
    "nodes[7].port": 4,
    "cluster.cookie": 3,
    "cluster.ports": 2,
    "env": 8,
    "": 1,
    "health": 1,
}


@pytest.mark.parametrize("path", PLACES)
def test_a_path_is_placed_where_its_word_is_written_as_closely_as_it_is_known(path: str) -> None:
    assert Places(words(), mark(1)).of(path) == mark(PLACES[path])


@pytest.mark.parametrize(("word", "value", "line"), [("env", "3", 8), ("nodes", None, 7), ("cluster", None, 2)])
def test_a_declaration_is_refused_at_the_wrong_word(word: str, value: object, line: int) -> None:
    given = words()
    only = Map({word: given[word] if value is None else value}, mark(1), given.marks)
    with pytest.raises(ConfigError) as caught:
        declare(only, host="web1", address="10.0.0.1", where=mark(1))
    assert caught.value.where == f"group_vars/all.yml:{line}:1"

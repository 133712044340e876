"""Batch maths, by table and by property: everybody has a turn, and never are too many away at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.engine.roll.rollout import ClusterLimits, arranged, batches, spare, too_many
from deployer.errors import ConfigError


def names(count: int) -> list[str]:
    return [f"web{i}" for i in range(1, count + 1)]


def cluster(count: int, least: int | str = 0) -> ClusterLimits:
    return ClusterLimits("shop", dict.fromkeys(names(count), 1), least)


TABLE: dict[str, tuple[int, tuple[int | str, ...], list[int]]] = {
    "without serial all at once": (5, (), [5]),
    "a number": (5, (2,), [2, 2, 1]),
    "text of a number": (5, ("2",), [2, 2, 1]),
    "larger than the fleet": (3, (10,), [3]),
    "per cent": (8, ("25%",), [2, 2, 2, 2]),
    "per cent rounded down": (5, ("50%",), [2, 2, 1]),
    "per cent of little is one": (3, ("10%",), [1, 1, 1]),
    "all": (3, ("100%",), [3]),
    "a list whose last one repeats": (10, (1, 3), [1, 3, 3, 3]),
    "numbers and per cent": (20, (1, "25%"), [1, 5, 5, 5, 4]),
    "a list that is too long": (2, (1, 1, 5), [1, 1]),
    "nobody": (0, (1,), []),
}


@pytest.mark.parametrize("name", TABLE)
def test_sizes(name: str) -> None:
    count, serial, expected = TABLE[name]
    assert [len(batch) for batch in batches([], names(count), serial)] == expected


def test_a_share_of_nodes_that_stay_healthy_is_rounded_up() -> None:
    assert [cluster(count, "50%").least for count in (3, 4)] == [2, 2]


def test_who_disturbs_nobody_goes_first_and_together() -> None:
    found = batches(["new1", "new2", "new3"], names(3), (1,), canary="web2")
    assert found == [("new1", "new2", "new3"), ("web2",), ("web1",), ("web3",)]


def test_a_canary_that_is_not_switched_is_none() -> None:
    assert batches(["web1"], ["web2", "web3"], (2,), canary="web1") == [("web1",), ("web2", "web3")]


def test_a_share_is_of_all_hosts_of_the_play() -> None:
    assert [len(batch) for batch in batches([], names(4), ("25%",), total=12)] == [3, 1]


def test_a_batch_is_cut_where_too_few_would_stay() -> None:
    found = batches([], names(5), (5,), clusters=[cluster(5, "60%")])
    assert [len(batch) for batch in found] == [2, 2, 1]


def test_what_is_down_already_counts() -> None:
    found = batches([], names(4), (4,), clusters=[cluster(5, 3)], down={"web5": 1})
    assert [len(batch) for batch in found] == [1, 1, 1, 1]


def test_a_host_whose_node_is_down_takes_nothing_away() -> None:
    assert batches([], ["web5", "web1"], (1,), clusters=[cluster(5, 4)], down={"web5": 1}) == [("web5",), ("web1",)]


def test_not_even_one_host_is_an_error_with_the_numbers() -> None:
    with pytest.raises(ConfigError) as caught:
        batches([], names(3), (1,), clusters=[cluster(3, 3)])
    assert caught.value.message == (
        "cluster shop has 3 nodes, and rollout.min_healthy is 3: switching web1 alone would take 1 and leave 2"
    )
    with pytest.raises(ConfigError, match=r"3 nodes, 1 of them not healthy, and rollout\.min_healthy is 2"):
        batches([], ["web1"], (1,), clusters=[cluster(3, 2)], down={"web3": 1})


ORDERS = {
    "inventory": ["b", "c", "a"],
    "reverse_inventory": ["a", "c", "b"],
    "sorted": ["a", "b", "c"],
    "reverse_sorted": ["c", "b", "a"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_orders(order: str) -> None:
    assert arranged(["b", "c", "a"], order) == ORDERS[order]


def test_shuffled_is_everybody_in_an_order_that_lasts_as_long_as_the_run() -> None:
    names = [f"web{number}" for number in range(50)]
    found = arranged(names, "shuffle")
    assert sorted(found) == sorted(names)
    assert found not in (names, sorted(names))
    assert arranged(names[::-1], "shuffle") == found
    assert arranged(names[:20], "shuffle") == [name for name in found if name in names[:20]]


@pytest.mark.parametrize(
    ("failed", "size", "most", "stops"),
    [(1, 4, None, False), (0, 4, 0, False), (1, 4, 0, True), (1, 4, 25, False), (2, 4, 25, True), (4, 4, 100, False)],
)
def test_more_than_the_percentage_stops(failed: int, size: int, most: float | None, stops: bool) -> None:
    assert too_many(failed, size, most) is stops


@st.composite
def rolls(draw: st.DrawFn) -> dict[str, Any]:
    hosts = names(draw(st.integers(1, 30)))
    nodes = {host: draw(st.integers(0, 3)) for host in hosts}
    down = {host: draw(st.integers(0, count)) for host, count in nodes.items() if draw(st.booleans())}
    size = st.one_of(st.integers(1, 40), st.integers(1, 100).map("{}%".format))
    least = st.one_of(st.integers(0, 20), st.integers(0, 100).map("{}%".format))
    cut = draw(st.integers(0, len(hosts)))
    return {
        "idle": hosts[:cut],
        "running": hosts[cut:],
        "serial": draw(st.lists(size, max_size=4)),
        "canary": draw(st.sampled_from([None, *hosts])),
        "clusters": [ClusterLimits("shop", nodes, draw(least))],
        "down": down,
    }


@given(rolls())
def test_everybody_has_one_turn_and_never_are_too_many_away(roll: dict[str, Any]) -> None:
    one = roll["clusters"][0]
    try:
        found = batches(**roll)
    except ConfigError as error:
        assert str(one.min_healthy) in error.message
        assert any(spare(one, roll["down"], [host]) < 0 for host in roll["running"])
        return
    ill = {host: count for host, count in roll["down"].items() if host not in roll["idle"]}
    assert sorted(host for batch in found for host in batch) == sorted(roll["idle"] + roll["running"])
    assert all(found)
    taken = found[1:] if roll["idle"] else found
    for batch in taken:
        assert spare(one, ill, batch) >= 0
        ill = {host: count for host, count in ill.items() if host not in batch}
    if roll["canary"] in roll["running"]:
        assert taken[0] == (roll["canary"],)

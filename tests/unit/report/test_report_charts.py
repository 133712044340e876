"""The drawings of a page: who reaches whom and when, in words too, and nothing that a host says is markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from deployer.events import RungRead
from deployer.report.charts import broken_ways, fleet_map, timeline
from deployer.roll_events import STOPPED, BatchEnded, BatchStarted

WELL = [RungRead(f"web{n}", f"shop@10.0.0.{n}", 6, "reachable", True, "from 2 other hosts") for n in (1, 2, 3)]
SHUT = RungRead("web2", "shop@10.0.0.2", 6, "reachable", False, "refused", "", 1.0, ("web1", "web3"))
BLIND = RungRead("web3", "shop@10.0.0.3", 8, "sees", False, "does not see", "", 1.0, ("shop@10.0.0.1",))


def drawn(page: str) -> ET.Element:
    """The one drawing of a piece of a page; what is no well-formed XML raises."""
    (found,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    return ET.fromstring(found)  # noqa: S314 - our own


def test_ways_that_are_shut_are_named_by_both_ends() -> None:
    assert broken_ways([*WELL, SHUT, BLIND]) == [
        ("web1", "shop@10.0.0.2", "reaches"),
        ("web3", "shop@10.0.0.2", "reaches"),
        ("shop@10.0.0.3", "shop@10.0.0.1", "sees"),
    ]


def test_a_map_has_every_node_and_every_shut_way_in_the_drawing_and_in_words() -> None:
    page = fleet_map([WELL[0], SHUT, WELL[2], BLIND])
    svg = drawn(page)
    assert [text.text for text in svg.iter("text")] == ["shop@10.0.0.1", "shop@10.0.0.2", "shop@10.0.0.3"]
    assert sorted(line.attrib["class"] for line in svg.iter("line")) == ["reach", "reach", "sight"]
    assert len(list(svg.iter("rect"))) == 2, "what is unhealthy has another shape, not only another colour"
    assert "1 of 3 nodes are healthy; 3 ways between them are shut" in page
    assert "web1 does not reach shop@10.0.0.2" in page
    assert "shop@10.0.0.3 does not see shop@10.0.0.1" in page


def test_a_map_of_a_healthy_fleet_draws_no_way_and_says_so() -> None:
    page = fleet_map(WELL)
    assert not list(drawn(page).iter("line"))
    assert "no way between them that was tried is shut" in page
    assert fleet_map([]) == ""


def test_a_node_that_could_not_be_looked_at_is_drawn_as_neither() -> None:
    page = fleet_map([RungRead("web1", "shop@10.0.0.1", 6, "reachable", None, "not tried")])
    assert [dot.attrib["class"] for dot in drawn(page).iter("circle")] == ["dunno"]


def test_large_fleets_are_drawn_without_names_and_within_bounds() -> None:
    names = tuple(f"web{n}" for n in range(200))
    rungs = [RungRead(name, f"shop@{name}", 6, "reachable", False, "refused", "", 1.0, names) for name in names]
    svg = drawn(fleet_map(rungs))
    assert not list(svg.iter("text"))
    assert len(list(svg.iter("line"))) <= 400
    assert len(list(svg.iter("rect"))) == 200


def test_what_a_host_says_is_no_markup_in_a_drawing() -> None:
    evil = '</svg><script>alert(1)</script>"\x1b[31m\x00&'
    bad = RungRead(evil, evil, 6, evil, False, evil, evil, 1.0, (evil,))
    pages = fleet_map([bad]) + timeline(
        {1: BatchStarted(1, 1, (evil,))}, {1: BatchEnded(1, 1, (evil,), True, 1, 1, 2.0)}
    )
    assert "<script" not in pages
    assert "\x1b" not in pages
    for svg in re.findall(r"<svg.*?</svg>", pages, re.DOTALL):
        ET.fromstring(svg)  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("ends", "stops", "kind", "share"),
    [
        (True, "", "good", "5/6"),
        (False, "failed: web2", "bad", "5/6"),
        (False, STOPPED, "dunno", "5/6"),
        (None, "", "dunno", "did not end"),
    ],
)
def test_batches_lie_one_after_the_other_with_their_availability(
    ends: bool | None, stops: str, kind: str, share: str
) -> None:
    began = {n: BatchStarted(n, 2, (f"web{n}",)) for n in (1, 2)}
    ended = {1: BatchEnded(1, 2, ("web1",), True, 6, 6, 10.0)}
    if ends is not None:
        ended[2] = BatchEnded(2, 2, ("web2",), ends, 5, 6, 30.0, stops)
    svg = drawn(timeline(began, ended))
    first, second = svg.iter("rect")
    assert float(second.attrib["x"]) == pytest.approx(float(first.attrib["x"]) + float(first.attrib["width"]), abs=0.2)
    assert second.attrib["class"] == kind
    assert share in [text.text for text in svg.iter("text")]
    if ends is not None:
        assert float(second.attrib["width"]) == pytest.approx(3 * float(first.attrib["width"]), rel=0.01)
        assert "at least 83% of the nodes were healthy" in svg.attrib["aria-label"]


def test_nothing_is_drawn_of_no_batch() -> None:
    assert timeline({}, {}) == ""

"""What runs where and what happened when, as a person reads it."""

from __future__ import annotations

from pathlib import Path

from deployer.events import HostEnded, HostSeen, NodeSeen, ReleaseEntry
from deployer.report.journal import Journals
from deployer.report.releases import history_lines, status_lines

NOWHERE = Journals(Path("/nonexistent"))
RUN = "20261125T210000Z-3fa9c1 alice@laptop"
LATER = "20261125T220000Z-77ab01 bob@desk"


def entry(number: int, time: int, event: str, release: str, run: str = RUN, detail: str = "") -> ReleaseEntry:
    return ReleaseEntry(number, time, event, release, run, detail)


def seen(host: str, current: str, *nodes: NodeSeen, **fields: object) -> HostSeen:
    given = {"good": (current,), "bad": (), "history": ()} | fields
    return HostSeen(host, "shop", current, nodes, **given)  # type: ignore[arg-type]


def node(release: str, state: str = "active", age: float | None = 90.0) -> NodeSeen:
    return NodeSeen("shop@10.0.0.2", state, release, age)


def ended(host: str, ending: str) -> HostEnded:
    return HostEnded(host, ending, 0, 0, 0.1)  # type: ignore[arg-type]


def text(lines: object) -> str:
    return "\n".join(line for line, _ in lines)  # type: ignore[attr-defined]


def test_one_sentence_says_how_many_run_what() -> None:
    hosts = [seen(f"web{n}", "1.8.2-aa", node("1.8.2-aa")) for n in range(4)] + [
        seen("web4", "1.8.1-bb", node("1.8.1-bb"))
    ]
    first, *_ = text(status_lines(hosts, [ended("web5", "unreachable")], NOWHERE)).splitlines()
    assert first == "shop: 4 on 1.8.2, 1 on 1.8.1, 1 host unreachable"


def test_a_host_says_who_switched_it_and_what_is_odd_about_it() -> None:
    switched = (entry(1, 1764104400, "switch", "1.8.2-aa"), entry(2, 1764104460, "good", "1.8.2-aa"))
    host = seen("web1", "1.8.2-aa", node("1.8.1-bb"), bad=(("1.8.3-cc", "it did not start"),), history=switched)
    _, said, running, bad = text(status_lines([host], [], NOWHERE)).splitlines()
    when = "switched 2025-11-25 21:00:00Z by alice@laptop (run 20261125T210000Z-3fa9c1)"
    assert said == f"  web1         1.8.2-aa · good · {when}"
    assert running == "    shop@10.0.0.2 active, up 90 s, runs 1.8.1-bb"
    assert bad == "    bad here: 1.8.3-cc: it did not start"


def test_what_is_stopped_absent_or_not_judged_is_said() -> None:
    host = seen("web1", "1.8.2-aa", node("", "inactive", None), good=(), away=1.8)
    lines = text(status_lines([host], [], NOWHERE)).splitlines()
    told = "  web1         1.8.2-aa · not judged yet · was down for 1.80 s in its last switch"
    assert lines == ["shop: 1 inactive", told, "    shop@10.0.0.2 inactive"]


def test_history_is_told_run_by_run_with_the_hosts_of_each_event() -> None:
    ends = (
        entry(3, 1764108000, "bad", "1.8.3-cc", LATER, "it did not start"),
        entry(4, 1764108001, "back", "1.8.2-aa", LATER),
    )
    begins = (entry(1, 1764104400, "switch", "1.8.2-aa"), entry(2, 1764104460, "good", "1.8.2-aa"))
    hosts = [seen("web1", "1.8.2-aa", history=begins), seen("web2", "1.8.2-aa", history=begins + ends)]
    told = text(history_lines(hosts, NOWHERE))
    assert told.splitlines() == [
        "2025-11-25 21:00:00Z  alice@laptop  run 20261125T210000Z-3fa9c1",
        "  switch  1.8.2-aa  web1 web2",
        "  good    1.8.2-aa  web1 web2",
        "2025-11-25 22:00:00Z  bob@desk  run 20261125T220000Z-77ab01",
        "  bad     1.8.3-cc  web2  (it did not start)",
        "  back    1.8.2-aa  web2",
    ]


def test_what_a_host_says_cannot_forge_a_line() -> None:
    host = seen("web1", "1-aa", node("1-aa", "act\x1b[31mive"), bad=(("2-bb", "no\nshop: 9 on 9"),))
    told = text(status_lines([host], [], NOWHERE))
    assert "\x1b" not in told
    assert "bad here: 2-bb: no shop: 9 on 9" in told.splitlines()[-1]

"""A kept plan as a file: tampering of every field, its end, its key, another machine or version, who may read it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer import planning
from deployer.errors import ConfigError
from deployer.machine_key import machine_key
from deployer.options import Options
from deployer.saved import origins
from tests.unit.saved.saved_kit import CANARY, applied, kept


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items or not value:
        yield path
    for key, item in items:
        yield from leaves(item, (*path, key))


def test_no_field_can_be_changed(options: Options, place: Path) -> None:
    file = kept(options, place)
    whole = json.loads(file.read_text())
    paths = list(leaves(whole))
    assert len(paths) > 40
    for path in paths:
        other = json.loads(file.read_text())
        at = other
        for key in path[:-1]:
            at = at[key]
        old = at[path[-1]]
        at[path[-1]] = old + 1 if isinstance(old, int) else f"{old}x" if isinstance(old, str) else ["x"]
        tampered = place / "tampered.json"
        tampered.write_text(json.dumps(other, indent=1) + "\n")
        with pytest.raises(ConfigError, match=r"seal does not hold|another key|no plan of deployer"):
            applied(tampered)
        del at[path[-1]]
        tampered.write_text(json.dumps(other, indent=1) + "\n")
        with pytest.raises(ConfigError, match=r"seal does not hold|another key|no plan of deployer"):
            applied(tampered)
    assert list((place / "out").iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b'"made"', b'"made": 1,\n "made"', 1),
        lambda raw: raw[: len(raw) // 2],
        lambda _: b"",
        lambda _: b"[" * 100_000,
        lambda _: b"\xff\xfe",
        lambda _: b'{"deployer_plan": 1}',
        lambda _: b'{"deployer_plan": 1e999999}\n',
        lambda raw: raw.replace(b"\n", b"\r\n"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(
    options: Options, place: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = kept(options, place)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ConfigError, match=r"no plan of deployer|another key") as caught:
        applied(file)
    assert str(caught.value).startswith(str(file))


def test_a_fifo_keeps_nobody_waiting(place: Path) -> None:
    os.mkfifo(place / "plan.json")
    with pytest.raises(ConfigError, match="a FIFO"):
        applied(place / "plan.json")


def test_it_ends(options: Options, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept(options, place, "90s")
    made = json.loads(file.read_text())["made"]
    monkeypatch.setattr(planning.time, "time", lambda: made + 90)
    with pytest.raises(ConfigError, match="was good until"):
        applied(file)
    monkeypatch.setattr(planning.time, "time", lambda: made - 60)
    with pytest.raises(ConfigError, match="later than this machine's clock"):
        applied(file)
    monkeypatch.setattr(planning.time, "time", lambda: made + 89)
    assert applied(file)[0] == 0


@pytest.mark.parametrize("text", ["", "0s", "1", "1w", "-1h", "31d", "1h30m", "1 h", "９0s"])
def test_a_time_that_is_none_is_refused(options: Options, place: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--expires"):
        planning.keep(options, place / "plan.json", text)


def test_another_machines_key_is_another_key(options: Options, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept(options, place)
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "elsewhere"))
    with pytest.raises(ConfigError, match="sealed with another key"):
        applied(file)


def test_another_version_is_refused(options: Options, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept(options, place)
    monkeypatch.setattr(planning, "__version__", "0.0.9")
    with pytest.raises(ConfigError, match=r"made by deployer 0\.1\.0"):
        applied(file)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
    monkeypatch.setattr(origins, "program", lambda: "another")
    with pytest.raises(ConfigError, match="whose files were others"):
        applied(file)


def test_a_digest_says_nothing_without_the_key(options: Options, place: Path) -> None:
    first = json.loads(kept(options, place).read_text())
    second = json.loads(kept(options, place).read_text())

    def digests(whole: dict[str, Any]) -> set[str]:
        return {
            task["declared"] for play in whole["plays"] for host in play["hosts"].values() for task in host["tasks"]
        }

    assert not digests(first) & digests(second), "not even that two plans declare the same can be seen"


def test_all_who_come_at_once_get_the_same_key(tmp_path: Path) -> None:
    barrier, keys = threading.Barrier(8), list[bytes]()

    def ask() -> None:
        barrier.wait()
        keys.append(machine_key(tmp_path / "plans"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [path.name for path in (tmp_path / "plans").iterdir()] == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_a_key_that_others_may_read_or_write_is_none(options: Options, place: Path, mode: int) -> None:
    file = kept(options, place)
    (place / "state" / "deployer" / "plans" / "key").chmod(mode)
    with pytest.raises(ConfigError, match="the key that seals plans"):
        applied(file)


def test_nothing_but_a_plan_is_replaced_by_one(options: Options, place: Path) -> None:
    with pytest.raises(ConfigError, match="it is there, and no plan"):
        planning.keep(options, place / "site.yml", "1h")
    with pytest.raises(ConfigError, match="a directory that is there"):
        planning.keep(options, place / "no" / "plan.json", "1h")
    kept(options, place)
    kept(options, place)


def test_it_can_be_read(options: Options, place: Path) -> None:
    file = kept(options, place)
    shown = planning.show_plan(file, as_json=False)
    assert "it can be applied" in shown
    assert "batches: w1 | w2" in shown or "batches: w1 w2" in shown
    assert "note of w1" in shown
    assert json.loads(planning.show_plan(file, as_json=True)) == json.loads(file.read_text())
    page = place / "plan.html"
    planning.show_plan(file, as_json=False, pages=(str(page),))
    told = page.read_text()
    assert all(word in told for word in ("note of w1", "note of w2", "absent → ", "<td>w1</td>", "it can be applied"))
    assert CANARY not in told
    assert "<script" not in told
    with pytest.raises(ConfigError, match="a plan is shown as"):
        planning.show_plan(file, as_json=False, pages=(str(place / "plan.txt"),))
    assert applied(file)[0] == 0
    assert "applied by the run" in planning.show_plan(file, as_json=False)

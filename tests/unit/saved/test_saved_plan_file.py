"""A kept plan: tampering of every field, its end, a second use, another machine, another version, edited files."""

from __future__ import annotations

import io
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer import planning
from deployer.engine.lease import RunLease
from deployer.engine.roll import play as roll_play
from deployer.errors import ConfigError, DeployerError
from deployer.machine_key import machine_key
from deployer.options import Options
from deployer.project import Project
from deployer.saved import origins, plan_file
from deployer.saved.plan_file import Seal
from deployer.sh import Sh
from tests.unit.engine.engine_kit import DirectoryHost

CANARY = "canary-41c7"
PLAY = """
- name: one
  hosts: web
  serial: 1
  vars_files: [vars.yml]
  tasks:
    - name: note of {{ inventory_hostname }}
      copy: {dest: "PLACE/{{ inventory_hostname }}", content: "{{ words }}\\n"}
    - name: secret
      env_file: {path: "PLACE/{{ inventory_hostname }}.env", values: {KEY: {env: SHOP_KEY}}}
      when: false
"""


def made(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SHOP_KEY", CANARY)
    monkeypatch.setattr(roll_play, "IDENTITY", Sh("echo 0123456789abcdef0123456789abcdef"))
    monkeypatch.setattr(
        Project,
        "opener",
        lambda *_: lambda host: DirectoryHost(made(tmp_path / host.name), host.name, f"SHA256:{host.name}"),
    )
    # Who holds a host is no matter here: directories have no lease.
    monkeypatch.setattr(RunLease, "connect", lambda _, _name, open_host: open_host())
    monkeypatch.setattr(RunLease, "take", lambda *_: None)
    hosts = "all: {children: {web: {hosts: {w1: {}, w2: {}}}}}"
    (tmp_path / "hosts.yml").write_text(hosts)
    (tmp_path / "vars.yml").write_text("words: hello\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("{}\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "site.yml").write_text(PLAY.replace("PLACE", str(tmp_path / "out")))
    return tmp_path


@pytest.fixture
def options(place: Path) -> Options:
    return Options(playbook=str(place / "site.yml"), inventory=(str(place / "hosts.yml"),), json=True)


def kept(options: Options, place: Path, expires: str = "1h") -> Path:
    file = place / "plan.json"
    out = io.StringIO()
    assert planning.keep(options, file, expires, out) == 0, out.getvalue()
    return file


def applied(file: Path, **given: Any) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = planning.apply_plan(file, Options(playbook="", json=True, **given), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def changed(events: list[dict[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    return [
        (each["host"], each["task"], each["key"], each["before"], each["now"])
        for each in events
        if each["event"] == "FactChanged"
    ]


def test_what_was_planned_is_done_once(options: Options, place: Path) -> None:
    before = os.umask(0)
    try:
        file = kept(options, place)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list((place / "out").iterdir()) == []
    assert applied(file)[0] == 0
    assert (place / "out" / "w1").read_text() == "hello\n"
    (place / "out" / "w1").unlink()
    with pytest.raises(ConfigError, match="applied already, by the run"):
        applied(file)
    assert not (place / "out" / "w1").exists()


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


@pytest.mark.parametrize(
    ("name", "said"), [("site.yml", "edited"), ("hosts.yml", "edited"), ("vars.yml", "edited"),
                       ("group_vars/all.yml", "edited"), ("group_vars/web.yml", "new")]
)  # fmt: skip
def test_an_edited_file_is_named(options: Options, place: Path, name: str, said: str) -> None:
    file = kept(options, place)
    with (place / name).open("a") as end:
        end.write("# a comment is enough\n" if said == "edited" else "{}\n")
    with pytest.raises(ConfigError, match=f"{said} since the plan was made") as caught:
        applied(file)
    assert str(place / name) in str(caught.value)


def test_a_host_that_is_another_one_is_refused(options: Options, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept(options, place)
    monkeypatch.setattr(roll_play, "IDENTITY", Sh("echo fedcba9876543210fedcba9876543210"))
    code, events = applied(file)
    assert code == 3
    assert {(host, key) for host, _, key, _, _ in changed(events)} == {("w1", "machine-id"), ("w2", "machine-id")}


def test_what_the_host_says_now_is_named_with_what_it_said(options: Options, place: Path) -> None:
    (place / "out" / "w1").write_text("old\n")
    (place / "out" / "w1").chmod(0o644)
    file = kept(replace(options, extra_vars=(f"words={CANARY}",)), place)
    (place / "out" / "w1").write_text("other\n")
    code, events = applied(file, extra_vars=(f"words={CANARY}",))
    assert code == 3
    ((host, task, key, before, now),) = changed(events)
    assert (host, task, key) == ("w1", "note of w1", "content")
    assert before != now
    assert before.startswith("digest:")
    assert (place / "out" / "w1").read_text() == "other\n"
    assert CANARY not in file.read_text()
    (place / "out" / "w1").write_text("old\n")
    assert applied(file, extra_vars=(f"words={CANARY}",))[0] == 0, "as it was again, the plan holds"


def test_what_somebody_has_done_already_is_named_too(options: Options, place: Path) -> None:
    file = kept(options, place)
    (place / "out" / "w2").write_text("hello\n")
    code, events = applied(file)
    assert code == 3
    assert ("w2", "note of w2", "state", "absent", "present") in changed(events)


def test_other_variables_of_the_command_line_are_refused(options: Options, place: Path) -> None:
    file = kept(replace(options, extra_vars=("words=a",)), place)
    for other in ((), ("words=b",)):
        with pytest.raises(ConfigError, match="other variables of the command line"):
            applied(file, extra_vars=other)
    assert applied(file, extra_vars=("words=a",))[0] == 0


def test_a_digest_says_nothing_without_the_key(options: Options, place: Path) -> None:
    first = json.loads(kept(options, place).read_text())
    second = json.loads(kept(options, place).read_text())

    def digests(whole: dict[str, Any]) -> set[str]:
        return {
            task["declared"] for play in whole["plays"] for host in play["hosts"].values() for task in host["tasks"]
        }

    assert not digests(first) & digests(second), "not even that two plans declare the same can be seen"


def test_of_two_at_the_same_moment_one_may(options: Options, place: Path) -> None:
    file, seal = kept(options, place), Seal.of_machine()
    plan, won, barrier = seal.read(file), list[int](), threading.Barrier(8)

    def use(number: int) -> None:
        barrier.wait()
        try:
            seal.use(plan, str(number))
        except ConfigError:
            return
        won.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seal.used(plan) == str(*won)


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


def test_a_plan_that_could_not_be_made_is_not_kept(options: Options, place: Path) -> None:
    (place / "out" / "w2").mkdir()
    out = io.StringIO()
    assert planning.keep(options, place / "plan.json", "1h", out) == 3
    assert "no plan was kept" in out.getvalue()
    assert not (place / "plan.json").exists()


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


def test_several_plays_are_all_looked_at_before_the_first_begins(options: Options, place: Path) -> None:
    site = place / "site.yml"
    second = PLAY.replace("name: one", "name: two").replace("inventory_hostname }}", "inventory_hostname }}-2")
    site.write_text((PLAY + second).replace("PLACE", str(place / "out")))
    file = kept(options, place)
    (place / "out" / "w2-2").write_text("drift\n")
    code, events = applied(file)
    assert code == 3
    assert {host for host, *_ in changed(events)} == {"w2"}
    assert sorted(path.name for path in (place / "out").iterdir()) == ["w2-2"]
    (place / "out" / "w2-2").unlink()
    assert applied(file)[0] == 0
    assert sorted(path.name for path in (place / "out").iterdir()) == ["w1", "w1-2", "w2", "w2-2"]


def test_an_error_of_the_claim_refuses_before_the_first_write(
    options: Options, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = kept(options, place)
    monkeypatch.setattr(plan_file.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    try:
        code, _ = applied(file)
        assert code == 3
    except DeployerError as error:
        assert "No space left" in str(error)
    assert list((place / "out").iterdir()) == []

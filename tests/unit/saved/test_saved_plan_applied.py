"""A kept plan is applied once, to hosts and files that are as they were: else it says what is not."""

from __future__ import annotations

import io
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deployer import planning
from deployer.engine.roll import play as roll_play
from deployer.errors import ConfigError, DeployerError
from deployer.options import Options
from deployer.saved import plan_file
from deployer.saved.plan_file import Seal
from deployer.sh import Sh
from tests.unit.saved.saved_kit import CANARY, PLAY, applied, changed, kept


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


def test_a_plan_for_hosts_that_are_named_is_applied_to_them(
    options: Options, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "site.yml").write_text((place / "site.yml").read_text().replace("hosts: web", "hosts: all"))
    file = kept(replace(options, inventory=("w1,w2",)), place)
    monkeypatch.chdir(place / "out")
    assert applied(file)[0] == 0
    assert sorted(each.name for each in (place / "out").iterdir()) == ["w1", "w2"]


def test_a_checkout_that_lies_elsewhere_now_is_told_and_a_playbook_is_no_plan(options: Options, place: Path) -> None:
    file = kept(options, place)
    (place / "hosts.yml").rename(place / "elsewhere.yml")
    with pytest.raises(ConfigError, match=r"hosts\.yml.* the plan was made from it, and it is not there"):
        applied(file)
    with pytest.raises(ConfigError, match=r"deployer deploy .*site\.yml"):
        applied(place / "site.yml")


def test_a_digest_is_not_shown_to_a_person(options: Options, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept(options, place)
    monkeypatch.setenv("SHOP_KEY", "another")
    monkeypatch.setattr(roll_play, "IDENTITY", Sh("echo fedcba9876543210fedcba9876543210"))
    out = io.StringIO()
    assert planning.apply_plan(file, Options(playbook=""), out) == 3
    assert "! w1           machine-id is not as it was planned\n" in out.getvalue()


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


def test_a_plan_that_could_not_be_made_is_not_kept(options: Options, place: Path) -> None:
    (place / "out" / "w2").mkdir()
    out = io.StringIO()
    assert planning.keep(options, place / "plan.json", "1h", out) == 3
    assert "no plan was kept" in out.getvalue()
    assert not (place / "plan.json").exists()


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


def test_names_that_are_of_this_machine_now_and_were_not_are_refused(
    options: Options, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = "vars: {ansible_connection: \"{{ lookup('env', 'WAY') }}\"}"
    (place / "hosts.yml").write_text(f"all: {{children: {{web: {{hosts: {{w1: {{}}, w2: {{}}}}}}}}, {way}}}")
    (place / "site.yml").write_text((place / "site.yml").read_text().replace("  serial: 1\n", ""))
    monkeypatch.setenv("WAY", "ssh")
    file = kept(options, place)
    monkeypatch.setenv("WAY", "local")
    with pytest.raises(ConfigError, match="more parts than the plan has"):
        applied(file)
    assert list((place / "out").iterdir()) == []


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

"""What a resume takes up, from the journals of this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from deployer.app import resume
from deployer.errors import ConfigError
from deployer.events import Ending, HostEnded, PlayStarted
from deployer.options import Options
from deployer.project import load
from deployer.report.journal import Head, Journals, Writer
from deployer.unfinished import unfinished


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {web1: , web2: , web3: }}\n")
    (tmp_path / "site.yml").write_text("- hosts: all\n  tasks: []\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Options(playbook=str(tmp_path / "site.yml"), inventory=(str(tmp_path / "hosts.yml"),))


def remembered(options: Options, tags: str = "", goal: str = "deploy", **endings: Ending | Literal[""]) -> None:
    """Leave the journal of one more run of these options, to the hosts that are given an ending; "": none."""
    playbook, *inventories = load(options).sources
    places, digests = load(options).inventories, Journals().keyed((playbook, *inventories))
    words = {
        "playbook": str(playbook),
        "inventories": places,
        "digests": digests,
        "plays": (tuple(endings),),
        "tags": tags,
        "goal": goal,
    }
    number = len(list(Journals().alike(playbook, places)))
    writer = Writer(Head(run=f"20260101T00000{number}Z-abcdef me@here", **words))
    writer(PlayStarted("site", "deploy", tuple(endings)))
    for host, ending in endings.items():
        if ending:
            writer(HostEnded(host, ending, 1, 4, 2.0))
    writer.close()


def left(options: Options) -> set[str]:
    return set(unfinished(load(options)).left)


def test_without_a_journal_there_is_nothing_to_resume_from(options: Options) -> None:
    with pytest.raises(ConfigError, match="was noted on this machine") as caught:
        resume(options)
    assert caught.value.exit_code == 3
    assert "deployer deploy takes all hosts" in caught.value.hint


def test_a_resume_takes_what_failed_or_was_not_reached(options: Options, tmp_path: Path) -> None:
    remembered(options, web1="changed", web2="not reached", web3="failed")
    assert left(options) == {"web2", "web3"}
    (tmp_path / "hosts.yml").write_text((tmp_path / "hosts.yml").read_text() + "# another word\n")
    notes = unfinished(load(options)).notes
    assert notes[0].startswith("2 of 3 hosts are left of run 20260101T000000Z-abcdef by me@here")
    assert "changed since that run: hosts.yml" in notes
    remembered(options, web1="failed", web2="unreachable", web3="stopped")
    assert left(options) == {"web1", "web2", "web3"}


def test_hosts_that_are_named_are_an_inventory_of_their_own(options: Options) -> None:
    named = replace(options, inventory=("web2,web1",))
    remembered(named, web1="changed", web2="failed")
    assert left(replace(options, inventory=("web1,", "web2,"))) == {"web2"}
    for others in (("web3,web4",), ("web1,",), options.inventory):
        with pytest.raises(ConfigError, match="was noted on this machine"):
            unfinished(load(replace(options, inventory=others)))


def test_a_later_deploy_to_other_hosts_hides_nothing(options: Options) -> None:
    remembered(options, web1="failed", web2="not reached", web3="changed")
    remembered(options, web1="changed")
    found = unfinished(load(options))
    assert found.left == {"web2"}
    assert [note for note in found.notes if " of run " in note] == [
        "1 of 3 hosts are left of run 20260101T000000Z-abcdef by me@here, site.yml: 0 tasks on 0 hosts"
    ]
    remembered(options, web3="failed")
    found = unfinished(load(options))
    assert found.left == {"web2", "web3"}
    assert [note.partition(" of run ")[2][:23] for note in found.notes] == [
        "20260101T000002Z-abcdef",
        "20260101T000000Z-abcdef",
    ]


def test_a_later_deploy_of_some_tasks_hides_nothing_either(options: Options) -> None:
    remembered(options, web1="failed", web2="failed", web3="ok")
    remembered(options, web1="changed", web2="ok", web3="failed", tags="motd")
    found = unfinished(load(options))
    assert found.left == {"web1", "web2", "web3"}
    assert "that run had --tags motd, this one has not" in found.notes
    assert left(replace(options, tags="motd")) == {"web3"}


def test_what_was_rolled_back_since_is_not_deployed_again_behind_anybody_s_back(options: Options) -> None:
    remembered(options, web1="failed", web2="failed", web3="failed")
    remembered(options, web1="changed", web2="unreachable", goal="rollback")
    found = unfinished(load(options))
    assert found.left == {"web3"}
    assert found.notes[0].startswith("nothing to resume of rollback 20260101T000001Z-abcdef by me@here")
    assert "not back yet: web2; deployer rollback --to VERSION goes on, deploy turns round" in found.notes
    remembered(options, web2="changed", goal="rollback")
    assert [note for note in unfinished(load(options)).notes if "rollback" in note] == []


def test_a_rollback_has_no_tags_and_turns_all_round(options: Options) -> None:
    remembered(options, web1="failed", web2="ok", tags="release")
    remembered(options, web1="changed", web2="changed", goal="rollback")
    assert left(replace(options, tags="release")) == set()


def test_where_all_is_done_the_newest_deploy_is_named(options: Options) -> None:
    remembered(options, web1="failed", web2="failed", web3="ok")
    remembered(options, web1="changed", web2="ok")
    found = unfinished(load(options))
    assert not found.left
    assert found.notes[0].startswith("nothing to resume of run 20260101T000001Z-abcdef")
    assert len(found.notes) == 1


def test_who_has_got_what_is_declared_now_is_told_from_who_was_well_at_another_time(
    options: Options, tmp_path: Path
) -> None:
    """What all members of a cluster must have in common may be changed on the rest only when the others have it."""
    remembered(options, web1="ok", web2="failed", web3="failed")
    assert unfinished(load(options)).well == {"web1"}
    remembered(options, web2="failed", web3="changed")
    assert unfinished(load(options)).well == {"web3"}, "web1 was well with what was declared before"
    (tmp_path / "hosts.yml").write_text((tmp_path / "hosts.yml").read_text() + "# another word\n")
    assert unfinished(load(options)).well == set()


def test_only_hosts_of_the_play_are_looked_for(options: Options, tmp_path: Path) -> None:
    remembered(options, web1="ok", web2="failed", web9="failed")
    assert left(options) == {"web2"}
    assert "not in the inventory any more: web9" in unfinished(load(options)).notes
    assert left(replace(options, limit="web1")) == set()


def test_a_host_that_went_back_waits_for_a_word(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    remembered(options, web1="ok", web2="reverted", web3="ok")
    assert resume(options) == 0
    said = capsys.readouterr().out
    assert "nothing to resume of run 20260101T000000Z-abcdef by me@here" in said
    assert "left out, because the release failed there: web2; -e deploy_again=true tries it again" in said
    assert left(replace(options, extra_vars=("deploy_again=true",))) == {"web2"}


def test_a_release_that_failed_on_the_canary_goes_to_no_other_host(options: Options, tmp_path: Path) -> None:
    hosts = "{web1: {ansible_host: 10.0.0.1}, web2: {ansible_host: 10.0.0.2}, web3: {ansible_host: 10.0.0.3}}"
    fleet = "cluster: {name: shop, mesh: none}, nodes: [{name: shop, service: shop.service}], rollout: {canary: web2}"
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {hosts}, vars: {{{fleet}}}}}\n")
    remembered(options, web1="not reached", web2="reverted", web3="not reached")
    with pytest.raises(ConfigError, match="the canary, web2, went back: no other host gets the release") as caught:
        unfinished(load(options))
    assert "-e deploy_again=true" in caught.value.hint
    assert left(replace(options, extra_vars=("deploy_again=true",))) == {"web1", "web2", "web3"}
    remembered(options, web1="reverted", web2="changed", web3="not reached")
    assert left(options) == {"web3"}, "the canary was well, and another host was not"

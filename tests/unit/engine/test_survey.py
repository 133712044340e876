"""What a host's own record says of a run without an ending; what writes it on hosts has written it here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.engine import ledger
from deployer.engine.host_run import Context
from deployer.engine.survey import finished
from deployer.engine.walk.steps import finish
from deployer.errors import Unreachable
from deployer.model import Host
from deployer.modules.beam_nodes import BeamNodes
from deployer.options import Options
from deployer.project import Project, load
from deployer.sh import Frame, Program, Sh
from deployer.sh.frame import this_run
from deployer.transport.base import Transport
from tests.unit.beam.beam_tarballs import release as recipe
from tests.unit.engine.engine_kit import DirectoryHost
from tests.unit.engine.ladder_kit import look

INVENTORY = """
all:
  hosts: {web1: {ansible_host: 10.0.0.2}}
  vars:
    release: {name: demo, tarball: HERE/demo-0.1.0.tar.gz}
    cluster: {name: shop, cookie: {file: cookie}}
"""


@dataclass
class Remembering(DirectoryHost):
    """A host whose record is files of this machine, and whose unit is what it is told."""

    unit: str = ""

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        record, *units = program.fragments
        here = Sh(record.text.replace("/opt/demo", str(self.root / "opt")))
        yield from super().run(Program((here,), writes=program.writes), timeout=timeout)
        for index, _ in enumerate(units, 1):
            yield Frame(index, 0, self.unit)


class Web1:
    """The only host of a project, on which this run has made the declared release good."""

    def __init__(self, place: Path) -> None:
        recipe().write(place)
        (place / "cookie").touch(0o600)
        (place / "cookie").write_text("q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN")
        (place / "hosts.yml").write_text(INVENTORY.replace("HERE", str(place)))
        self.project: Project = load(Options(playbook="site.yml", inventory=(str(place / "hosts.yml"),)))
        (play,) = self.project.plays
        self.resolver, self.hosts = self.project.resolver(play), self.project.hosts(play)
        own = self.resolver.fleet(self.hosts[0])[0]
        assert own
        assert own.release
        self.root, self.id = place / "opt", own.release.id
        self.transport = Remembering(place, unit=self.says(self.id))
        (self.root / "versions" / self.id).mkdir(parents=True)
        (self.root / "versions" / self.id / ".complete").touch()
        (self.root / "current").symlink_to(f"versions/{self.id}")
        finish(
            self.transport, "", ledger.record_good(BeamNodes(root="/opt/demo", id=self.id, nodes=()), 5), become=False
        )

    def says(self, release: str, **unit: str) -> str:
        return look(**{"exe": f"/opt/demo/versions/{release}/erts-13.1.5/bin/beam.smp", **unit})

    def has_finished(self, run: str = "", connect: Callable[[Host], Transport] | None = None) -> bool:
        with ThreadPoolExecutor(1) as pool:
            opener = connect or (lambda _: self.transport)
            return bool(finished(self.resolver, self.hosts, run or this_run(), Context(opener, pool, lambda _: None)))


@pytest.fixture
def web1(tmp_path: Path) -> Web1:
    return Web1(tmp_path)


def test_who_has_noted_a_good_end_has_finished(web1: Web1) -> None:
    assert web1.has_finished()


def test_a_note_of_another_run_is_none_of_this_one(web1: Web1) -> None:
    assert not web1.has_finished(run="20260101T000000Z-abcdef me@here")


def test_what_came_after_the_note_counts(web1: Web1) -> None:
    finish(web1.transport, "", ledger.note_hooks("/opt/demo", web1.id, "before_switch: drain"), become=False)
    assert not web1.has_finished()


def test_the_link_has_to_be_where_the_note_says(web1: Web1) -> None:
    (web1.root / "current").unlink()
    (web1.root / "current").symlink_to("versions/0.0.9-00000000")
    assert not web1.has_finished()


def test_a_release_that_was_removed_from_the_good_ones_is_not_finished(web1: Web1) -> None:
    (web1.root / "ledger/good" / web1.id).unlink()
    assert not web1.has_finished()


@pytest.mark.parametrize("unit", [{"ActiveState": "failed"}, {"pid": "0", "MainPID": "0"}])
def test_a_node_that_does_not_run_is_not_finished(web1: Web1, unit: dict[str, str]) -> None:
    web1.transport.unit = web1.says(web1.id, **unit)
    assert not web1.has_finished()


def test_a_node_that_runs_something_else_is_not_finished(web1: Web1) -> None:
    web1.transport.unit = web1.says("0.0.9-00000000")
    assert not web1.has_finished()


def test_who_cannot_be_asked_has_not_finished(web1: Web1) -> None:
    def refuse(host: Host) -> Transport:
        raise Unreachable("no route", where=host.name)

    assert not web1.has_finished(connect=refuse)

"""A release on a host: unpacked beside, checked, switched, pruned."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.beam import archive
from deployer.beam.tarball import inspect
from deployer.errors import ConfigError
from deployer.model import Absent, Blob
from deployer.modules.release import Release
from tests.unit.beam.beam_tarballs import Recipe
from tests.unit.beam.beam_tarballs import release as recipe
from tests.unit.beam.hostile_tarballs import HOSTILE, RUNS_ELSEWHERE, Made
from tests.unit.modules.host_text import converge, do, see
from tests.unit.modules.tables import answer
from tests.unit.sh_runner import ROOT


def blob(path: Path) -> Blob:
    return Blob(None, path, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def made(tmp: Path, version: str = "0.1.0", extra: str = "", made_of: Recipe | None = None) -> Release:
    folder = tmp / f"dist-{version}{extra}"
    folder.mkdir(exist_ok=True)
    parts = made_of or recipe().without("releases/start_erl.data").add(
        "releases/start_erl.data", f"13.1.5 {version}".encode()
    )
    parts.add("lib/note", extra.encode())
    return Release(name="demo", tarball=blob(parts.write(folder)), version=version, root=str(tmp / "opt"))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return made(tmp_path)


def test_a_first_release_is_unpacked_and_complete(release: Release, tmp_path: Path) -> None:
    assert see(release, tmp_path) == Absent()
    assert converge(release, tmp_path) == ["state", "installed"]
    there = Path(release.path)
    assert not (there / "releases/COOKIE").exists()
    assert sorted(path.name for path in there.parent.iterdir()) == [release.id]
    assert oct((there / "bin/demo").stat().st_mode)[-3:] == "755"


def test_members_that_are_there_again_are_one(tmp_path: Path) -> None:
    again = recipe().add("./bin/demo", b"#!/bin/sh\n", mode=0o755).add("bin/demo", b"#!/bin/sh\n", mode=0o755)
    release = made(tmp_path, made_of=again)
    assert converge(release, tmp_path) == ["state", "installed"]
    assert (Path(release.path) / "bin/demo").read_bytes() == b"#!/bin/sh\n"


def test_what_came_out_must_be_what_the_controller_has_read(release: Release, tmp_path: Path) -> None:
    other = replace(release, manifest=hashlib.sha256(b"").hexdigest())
    assert "differ from what the controller read" in do(other.fix(other.differences(Absent())), tmp_path)
    assert list((tmp_path / "opt/versions").iterdir()) == []
    assert not list((tmp_path / "units").iterdir())
    right = replace(release, manifest=inspect(release.tarball.path).manifest)
    assert converge(right, tmp_path) == ["state", "installed"]


def test_nothing_is_sent_when_the_host_has_it(release: Release, tmp_path: Path) -> None:
    converge(release, tmp_path)
    assert release.fix(release.differences(see(release, tmp_path))) == ()


@pytest.mark.parametrize(("sent", "offset"), [("100", 100), ("999999999", None), ("0", 0)])
def test_of_an_upload_that_was_cut_only_the_rest_is_sent(release: Release, sent: str, offset: int | None) -> None:
    observed = release.parse(answer(root=release.root, sent=sent))
    (step,) = release.fix(release.differences(observed))
    (blob,) = step.blobs
    assert blob.offset == (release.tarball.size if offset is None else offset)
    assert (blob.sha256, step.ahead) == (release.tarball.sha256, True)


def test_only_what_is_beside_all_that_runs_may_run_ahead(release: Release, tmp_path: Path) -> None:
    (step,) = release.fix(release.differences(see(release, tmp_path)))
    assert step.ahead
    converge(release, tmp_path)
    (Path(release.path) / "lib/note").write_text("altered")
    (step,) = release.fix(release.differences(see(release, tmp_path)))
    assert not step.ahead


def test_the_same_version_built_anew_is_another_release(release: Release, tmp_path: Path) -> None:
    converge(release, tmp_path)
    again = made(tmp_path, extra="anew")
    assert again.id != release.id
    assert converge(again, tmp_path) == ["state", "installed"]


@pytest.mark.parametrize(
    "harm", ["rm -r lib", "echo x >>bin/demo", "chmod u-x bin/demo", "touch lib/new", "rm .complete"]
)
def test_a_tree_that_was_altered_is_found_and_mended(release: Release, tmp_path: Path, harm: str) -> None:
    converge(release, tmp_path)
    subprocess.run(["sh", "-c", harm], check=True, cwd=release.path)
    assert "installed" in converge(release, tmp_path)


def test_what_a_killed_run_left_is_swept(release: Release, tmp_path: Path) -> None:
    versions = tmp_path / "opt/versions"
    (versions / ".unpack.abc/lib").mkdir(parents=True)
    (versions / release.id).mkdir()
    converge(release, tmp_path)
    assert ".unpack.abc" not in [path.name for path in versions.iterdir()]
    assert (versions / release.id / ".complete").exists()


@pytest.mark.skipif(not ROOT, reason="only root gives a directory to somebody else")
@pytest.mark.parametrize("turned", ["another user's", "a link"])
def test_what_is_noted_of_a_release_is_written_where_nobody_else_can_write(
    release: Release, tmp_path: Path, turned: str
) -> None:
    ledger, elsewhere = tmp_path / "opt/ledger", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "shadow").write_text("root's own")
    if turned == "a link":
        ledger.parent.mkdir()
        ledger.symlink_to(elsewhere)
    else:
        ledger.mkdir(parents=True)
        (ledger / ".sums").symlink_to(elsewhere / "shadow")
        os.chown(ledger, 1, 1)
    assert "users other than root can change" in do(release.fix(release.differences(Absent())), tmp_path)
    assert [(path.name, path.read_text()) for path in elsewhere.iterdir()] == [("shadow", "root's own")]
    assert not Path(release.path).exists()


SLOW = {"more members than a release has": pytest.mark.slow}


@pytest.mark.parametrize(
    ("hostile", "said"), [pytest.param(*HOSTILE[name], id=name, marks=SLOW.get(name, ())) for name in HOSTILE]
)
def test_a_host_refuses_by_itself_what_the_controller_should_have_refused(
    hostile: Made, said: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "sent.tar.gz").write_bytes(hostile(str(outside)))
    release = replace(made(tmp_path), tarball=blob(tmp_path / "sent.tar.gz"), manifest="0" * 64)
    assert said in do(release.fix(release.differences(Absent())), tmp_path)
    assert list((tmp_path / "opt/versions").iterdir()) == []
    assert list(tmp_path.rglob("canary*")) == []


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SLOW.get(name, ())) for name in sorted(HOSTILE.keys() - RUNS_ELSEWHERE)]
)
def test_the_controller_refuses_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert archive.MEMBERS_LIMIT == 200_000, "and box.sh says the same of a host"
    monkeypatch.setattr(archive, "MEMBERS_LIMIT", 2_000)  # to read as many in Python takes long
    path = tmp_path / "sent.tar.gz"
    path.write_bytes(HOSTILE[name][0](str(tmp_path / "outside")))
    with pytest.raises(ConfigError):
        inspect(path, name="demo", version="0.1.0")


def test_a_root_that_leads_elsewhere_is_refused_before_anything_is_written(release: Release, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "opt").symlink_to("elsewhere")
    with pytest.raises(ConfigError, match=f"is a link to {tmp_path}/elsewhere"):
        see(release, tmp_path)
    assert "is a link, or leads through one" in do(release.fix(release.differences(Absent())), tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_path_it_touches_is_named(release: Release) -> None:
    assert release.touches() == (release.path,)

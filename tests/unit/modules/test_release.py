"""A release on a host: unpacked beside, checked, switched, pruned."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from host_text import converge, do, see

from deployer.errors import ConfigError, ProbeError, StepError
from deployer.model import Absent, Blob
from deployer.modules.release import Release

sys.path.append(str(Path(__file__).parents[1] / "beam"))
from beam_tarballs import Recipe
from beam_tarballs import release as recipe

HOST = {"machine": "x86_64", "glibc": "glibc 2.36", "free": "100000000 100000"}


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


def told(**keys: str) -> str:
    return "".join(f"{key}={value}\x1e" for key, value in keys.items())


def test_a_first_release_is_unpacked_made_current_and_complete(release: Release, tmp_path: Path) -> None:
    assert see(release, tmp_path) == Absent()
    assert converge(release, tmp_path) == ["state", "installed", "current"]
    root = Path(release.root)
    assert str((root / "current").readlink()) == f"versions/{release.id}"
    assert not (root / "current/releases/COOKIE").exists()
    assert sorted(path.name for path in (root / "versions").iterdir()) == [release.id]
    assert oct((root / "current/bin/demo").stat().st_mode)[-3:] == "755"
    assert not (root / "previous").is_symlink()


def test_nothing_is_sent_when_the_host_has_it(release: Release, tmp_path: Path) -> None:
    converge(release, tmp_path)
    assert release.fix(release.differences(see(release, tmp_path))) == ()
    (tmp_path / "opt/current").unlink()
    changes = release.differences(see(release, tmp_path))
    assert [step.blobs for step in release.fix(changes)] == [()]


def test_a_second_release_remembers_the_first(release: Release, tmp_path: Path) -> None:
    converge(release, tmp_path)
    converge(made(tmp_path, "0.2.0"), tmp_path)
    assert str((tmp_path / "opt/previous").readlink()) == f"versions/{release.id}"


def test_the_same_version_built_anew_is_another_release(release: Release, tmp_path: Path) -> None:
    converge(release, tmp_path)
    again = made(tmp_path, extra="anew")
    assert again.id != release.id
    assert converge(again, tmp_path) == ["installed", "current"]


@pytest.mark.parametrize(
    "harm", ["rm -r lib", "echo x >>bin/demo", "chmod u-x bin/demo", "touch lib/new", "rm .complete"]
)
def test_a_tree_that_was_altered_is_found_and_mended(release: Release, tmp_path: Path, harm: str) -> None:
    converge(release, tmp_path)
    subprocess.run(["sh", "-c", harm], check=True, cwd=release.path)
    assert "installed" in converge(release, tmp_path)


def test_old_releases_go_but_never_current_previous_or_what_runs(release: Release, tmp_path: Path) -> None:
    several = [release, *(made(tmp_path, f"0.{i}.0") for i in range(2, 6))]
    converge(several[0], tmp_path)
    sleeper = Path(several[0].path) / "erts-13.1.5/bin/sleeper"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", sleeper)
    running = subprocess.Popen([sleeper, "60"])
    try:
        for one in several[1:]:
            converge(replace(one, keep=1), tmp_path)
        left = {path.name for path in (tmp_path / "opt/versions").iterdir()}
        assert left == {several[0].id, several[3].id, several[4].id}
    finally:
        running.kill()
        running.wait()


def test_a_rollback_keeps_what_it_came_from(release: Release, tmp_path: Path) -> None:
    second = made(tmp_path, "0.2.0")
    converge(release, tmp_path)
    converge(second, tmp_path)
    converge(replace(release, keep=1), tmp_path)
    assert str((tmp_path / "opt/current").readlink()) == f"versions/{release.id}"
    assert Path(second.path).is_dir()


def test_what_a_killed_run_left_is_swept(release: Release, tmp_path: Path) -> None:
    versions = tmp_path / "opt/versions"
    (versions / ".unpack.abc/lib").mkdir(parents=True)
    (versions / ".old.abc").mkdir()
    (tmp_path / "opt/.current.123").symlink_to("versions/nothing")
    (versions / release.id).mkdir()
    converge(release, tmp_path)
    assert [path.name for path in versions.iterdir()] == [release.id]
    assert sorted(path.name for path in (tmp_path / "opt").iterdir()) == ["current", "versions"]


BROKEN = {
    "bin/demo": "the tarball has no bin/demo",
    "releases/start_erl.data": "start_erl.data",
    "erts-13.1.5/bin/beam.smp": "has no erts-13.1.5/bin/beam.smp",
}


@pytest.mark.parametrize(("missing", "said"), BROKEN.items(), ids=BROKEN)
def test_a_tarball_that_lacks_something_leaves_no_trace(tmp_path: Path, missing: str, said: str) -> None:
    release = made(tmp_path, made_of=recipe().without(missing))
    assert said in do(release.fix(release.differences(Absent())), tmp_path)
    assert list((tmp_path / "opt/versions").iterdir()) == []
    assert not (tmp_path / "opt/current").is_symlink()


def test_a_tarball_of_another_version_is_refused_on_the_host_too(tmp_path: Path) -> None:
    release = made(tmp_path, "0.2.0", made_of=recipe())
    assert "holds version 0.1.0, not 0.2.0" in do(release.fix(release.differences(Absent())), tmp_path)


def test_a_damaged_tarball_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "cut.tar.gz").write_bytes(made(tmp_path).tarball.path.read_bytes()[:200])  # type: ignore[union-attr]
    release = replace(made(tmp_path), tarball=blob(tmp_path / "cut.tar.gz"))
    assert do(release.fix(release.differences(Absent())), tmp_path)
    assert list((tmp_path / "opt/versions").iterdir()) == []


def test_a_root_that_leads_elsewhere_is_refused_before_anything_is_written(release: Release, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "opt").symlink_to("elsewhere")
    with pytest.raises(ConfigError, match=f"leads to {tmp_path}/elsewhere"):
        see(release, tmp_path)
    assert "leads to another place" in do(release.fix(release.differences(Absent())), tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []


NEEDS = [
    ({"machine": "aarch64"}, {}, ConfigError, "is built for aarch64, this host is x86_64"),
    ({"glibc": "2.38"}, {}, ConfigError, "needs glibc 2.38, this host has 2.36"),
    ({"glibc": "2.9"}, {"glibc": ""}, ConfigError, "needs glibc 2.9, this host has none"),
    ({"unpacked": 50_000_000}, {}, StepError, "100000000 bytes are free, 110000000 are needed"),
    ({"files": 60_000}, {}, StepError, "100000 inodes are free, 120000 are needed"),
]


@pytest.mark.parametrize(("needs", "host", "error", "said"), NEEDS, ids=[case[3] for case in NEEDS])
def test_a_host_that_cannot_take_the_release_is_told_before_any_write(
    release: Release, needs: dict[str, object], host: dict[str, str], error: type[Exception], said: str
) -> None:
    asked = replace(release, **needs)  # type: ignore[arg-type]
    with pytest.raises(error, match=said):
        asked.parse(told(**{**HOST, **host}))


@pytest.mark.parametrize("free", ["100000000 -", "100000000 0"])
def test_a_file_system_without_inodes_is_no_obstacle(release: Release, free: str) -> None:
    needy = replace(release, machine="x86_64", glibc="2.9", unpacked=1000, files=1000)
    assert needy.parse(told(**{**HOST, "free": free})) == Absent()


def test_an_answer_without_room_is_no_answer(release: Release) -> None:
    with pytest.raises(ProbeError, match="df"):
        release.parse(told(machine="x86_64", glibc="", free=""))


def test_both_paths_it_touches_are_named(release: Release) -> None:
    assert release.touches() == (release.path, f"{release.root}/current")

"""What was learnt of a tarball counts for that file alone, and only for who wrote it down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.beam import remembered
from deployer.beam.tarball import Tarball, inspect
from deployer.errors import ConfigError
from tests.unit.beam.beam_tarballs import release


def later() -> float:
    """Long after every change of a file."""
    return time.time() + 60


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache/deployer/tarballs"


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    recipe = release().add("releases/0.1.0/vm.args", b"-heart\n+Q 9 -kernel net_ticktime 30")
    return recipe.add("lib/x-1/priv/bad.so", b"\x7fELF").write(tmp_path)


@pytest.fixture
def learn(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], tuple[Tarball, bool]]:
    """Return what is told of a tarball, and whether the file was read for it."""

    def ask(path: Path, **more: object) -> tuple[Tarball, bool]:
        read = []

        def look(*args: object, **named: object) -> Tarball:
            read.append(args)
            return inspect(*args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(remembered, "inspect", look)
        given = {"place": place, "clock": later} | more
        return remembered.learn(path, **given), bool(read)  # type: ignore[arg-type]

    return ask


def test_a_file_that_did_not_change_is_read_once(tarball: Path, place: Path, learn: Callable[..., object]) -> None:
    first = inspect(tarball)
    assert first.clashes and first.needs and first.unreadable
    assert learn(tarball) == (first, True)
    assert learn(tarball) == (first, False)
    (note,) = place.iterdir()
    assert (oct(place.stat().st_mode)[-3:], oct(note.stat().st_mode)[-3:]) == ("700", "600")


def _again(path: Path) -> None:
    """Other content under the same path, inode, size and mtime."""
    told, data = path.stat(), bytearray(path.read_bytes())
    data[4] ^= 1  # gzip's own time
    path.write_bytes(data)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


def _other(path: Path) -> None:
    told, data = path.stat(), path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(data)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


@pytest.mark.parametrize(
    "change", [_again, _other, lambda path: os.utime(path, ns=(1, 1))], ids=["content", "inode", "mtime"]
)
def test_a_file_that_changed_is_read_again(
    tarball: Path, learn: Callable[..., tuple[Tarball, bool]], change: Callable[[Path], None]
) -> None:
    learn(tarball)
    change(tarball)
    found, was_read = learn(tarball)
    assert was_read
    assert found.sha256 == inspect(tarball).sha256


def test_a_file_that_has_only_just_changed_is_not_noted(tarball: Path, learn: Callable[..., object]) -> None:
    learn(tarball, clock=time.time)
    assert learn(tarball) == (inspect(tarball), True)


def test_a_release_declared_in_another_way_is_judged_anew(tarball: Path, learn: Callable[..., object]) -> None:
    learn(tarball)
    assert learn(tarball, version="0.1.0") == (inspect(tarball), True)
    with pytest.raises(ConfigError, match="not release shop"):
        learn(tarball, name="shop")
    with pytest.raises(ConfigError, match="not release shop"):
        learn(tarball, name="shop")


def _cut(note: Path) -> None:
    note.write_bytes(note.read_bytes()[:-9])


def _flip(note: Path) -> None:
    data = bytearray(note.read_bytes())
    data[len(data) // 2] ^= 1
    note.write_bytes(data)


def _link(note: Path) -> None:
    note.rename(note.with_name("elsewhere"))
    note.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "harm",
    [
        _cut,
        _flip,
        _link,
        lambda note: note.write_bytes(b""),
        lambda note: note.chmod(0o640),
        lambda note: os.chown(note, 4711, -1),
        lambda note: note.parent.chmod(0o770),
        lambda note: os.chown(note.parent, 4711, -1),
        lambda note: (note.unlink(), os.mkfifo(note, 0o600)),
    ],
    ids=["cut", "damaged", "a link", "empty", "others read", "foreign", "others write", "foreign place", "a fifo"],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_a_note_that_is_damaged_or_not_ours_counts_as_none(
    tarball: Path, place: Path, learn: Callable[..., object], harm: Callable[[Path], object]
) -> None:
    learn(tarball)
    (note,) = place.iterdir()
    harm(note)
    assert learn(tarball) == (inspect(tarball), True)


def test_other_code_judges_anew(tarball: Path, learn: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    learn(tarball)
    monkeypatch.setattr(remembered, "_code", lambda: "newer")
    assert learn(tarball) == (inspect(tarball), True)


def test_only_so_many_notes_stay(tmp_path: Path, place: Path, learn: Callable[..., object]) -> None:
    for number in range(remembered.NOTES_KEPT + 3):
        (tmp_path / str(number)).mkdir()
        learn(release().write(tmp_path / str(number)))
    assert len(list(place.iterdir())) == remembered.NOTES_KEPT


def test_where_nothing_can_be_noted_everything_is_read(
    tmp_path: Path, tarball: Path, learn: Callable[..., object]
) -> None:
    (tmp_path / "file").write_text("")
    assert learn(tarball, place=tmp_path / "file/cache") == (inspect(tarball), True)
    with pytest.raises(ConfigError, match="No such file"):
        learn(tmp_path / "nothing.tar.gz")

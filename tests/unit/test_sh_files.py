"""What root reads and writes where another user may have a hand in, with that user's tricks in place."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deployer.model import Blob
from deployer.sh import sh
from tests.unit.sh_runner import ROOT, frames, in_every_shell, probe, steps

pytestmark = [in_every_shell, pytest.mark.skipif(not ROOT, reason="only root reads what is another user's")]
USER = 54321


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A directory of another user's, below one that all can enter."""
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        home = Path(place) / "home"
        home.mkdir(0o700)
        os.chown(home, USER, USER)
        yield home


def as_user(text: str, home: Path) -> None:
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    subprocess.run([*drop, "sh", "-euc", text], cwd=home, check=True)


TRICKS = {
    "a link to what only root reads": "ln -s ../secret file",
    "a link to its own": "echo mine >own; ln -s own file",
    "a FIFO": "mkfifo file",
    "a link to a device": "ln -s /dev/zero file",
    "a directory": "mkdir file",
    "nothing": ":",
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
@pytest.mark.parametrize("reader", ["theirs", "taste"])
def test_only_a_regular_file_is_read(shell: list[str], theirs: Path, tmp_path: Path, trick: str, reader: str) -> None:
    (theirs.parent / "secret").write_text("root:canary")
    (theirs.parent / "secret").chmod(0o600)
    as_user(trick, theirs)
    (frame,) = frames(probe(sh(f"{reader} {{}} 4096", theirs / "file").text), shell, tmp_path)
    assert (frame.rc, frame.out) == (0, "")


def test_a_hard_link_to_what_only_root_reads_is_not_read(shell: list[str], theirs: Path, tmp_path: Path) -> None:
    secret = theirs.parent / "secret"
    secret.write_text("root:canary")
    secret.chmod(0o600)
    (theirs / "file").hardlink_to(secret)
    (frame,) = frames(probe(sh("theirs {} 4096", theirs / "file").text), shell, tmp_path)
    assert (frame.rc, frame.out) == (0, "")


def test_of_a_file_without_end_no_more_is_read_than_was_asked_for(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    as_user("echo begin >file; truncate -s 8T file 2>/dev/null || truncate -s 8G file", theirs)
    (frame,) = frames(
        probe(sh("theirs {0} 4096 | wc -c; taste {0} 70000 | wc -c", theirs / "file").text), shell, tmp_path
    )
    assert frame.out == "4096\n70000"


def test_the_reader_has_the_users_rights_and_cannot_be_traced_by_it(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    look = theirs.parent / "dd"
    look.write_text('#!/bin/sh -p\nid -u; grep -E "^(Uid|Cap|NoNew)" /proc/$$/status\nstat -c %U /proc/$$/mem\n')
    look.chmod(0o755)
    as_user("echo x >file", theirs)
    text = sh("PATH={}:$PATH; theirs {} 4096", theirs.parent, theirs / "file").text
    (frame,) = frames(probe(text), shell, tmp_path)
    said = frame.out.split()
    assert said[0] == str(USER)
    assert f"Uid:\t0\t{USER}\t{USER}\t{USER}" in frame.out
    assert "CapEff:\t0000000000000000" in frame.out
    assert "CapBnd:\t0000000000000000" in frame.out
    assert "NoNewPrivs:\t1" in frame.out
    assert said[-1] == "root", "what cannot be dumped belongs to root in /proc, and nobody else may trace it"


def written(shell: list[str], tmp: Path, path: Path, mode: str = "0400", who: str = "0 0") -> str:
    text = sh(f'draft "$blobs/0" {{0}} {mode} {who}\nsettle {{0}}', path).text
    (frame,) = frames(steps(text, blobs=(Blob.of("content"),)), shell, tmp)
    return frame.out if frame.rc else ""


def test_a_file_lands_in_another_users_directory_for_root_alone(shell: list[str], theirs: Path, tmp_path: Path) -> None:
    as_user("ln -s ../victim file; ln -s ../victim file.new", theirs)
    assert written(shell, tmp_path, theirs / "file") == ""
    path = theirs / "file"
    assert (path.read_text(), path.is_symlink(), oct(path.stat().st_mode), path.stat().st_uid) == (
        "content", False, "0o100400", 0
    )  # fmt: skip
    assert not (theirs.parent / "victim").exists()
    assert sorted(left.name for left in theirs.iterdir()) == ["file", "file.new"]


def test_what_a_user_put_there_keeps_no_owner_where_one_is_named(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    as_user("echo mine >file", theirs)
    watched = tmp_path / "chown"
    watched.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/given\nexec /bin/chown "$@"\n')
    watched.chmod(0o755)
    text = sh('PATH={0}:$PATH\ndraft "$blobs/0" {1} 0400 0 0\nsettle {1}', tmp_path, theirs / "file").text
    (frame,) = frames(steps(text, blobs=(Blob.of("content"),)), shell, tmp_path)
    assert frame.rc == 0, frame.out
    given = tmp_path / "given"
    assert not given.exists() or given.read_text().split()[1::3] == ["0:0"], "not for one moment the user's"
    assert (theirs / "file").stat().st_uid == 0


def test_a_directory_that_gives_its_group_to_what_is_made_in_it_gives_it_to_no_file_of_roots(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    os.chown(theirs, -1, USER)
    theirs.chmod(0o2755)
    assert written(shell, tmp_path, theirs / "file") == ""
    found = (theirs / "file").stat()
    assert (found.st_uid, found.st_gid) == (0, 0)


@pytest.mark.parametrize("at", ["file", "deeper/file"])
def test_a_directory_that_its_user_turned_into_a_link_is_refused(
    shell: list[str], theirs: Path, tmp_path: Path, at: str
) -> None:
    target = theirs.parent / "target"
    (target / "deeper").mkdir(parents=True)
    as_user("ln -s ../target way", theirs)
    assert "way is a link that users other than root can change" in written(shell, tmp_path, theirs / "way" / at)
    assert not [path for path in target.rglob("*") if path.is_file()]


def test_a_way_that_its_user_turned_elsewhere_leads_to_nothing_that_is_read_or_removed(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    other = theirs.parent / "other"
    other.mkdir(mode=0o700)
    for name in ("dump", "dump.1764104400"):
        (other / name).write_text("root:canary")
    as_user("ln -s ../other way; echo mine >dump; echo mine >dump.1", theirs)
    (frame,) = frames(probe(sh("theirs {} 4096", theirs / "way" / "dump").text), shell, tmp_path)
    assert (frame.rc, frame.out) == (0, "")
    text = sh("drop {} || :\ndrop {}", theirs / "way" / "dump", theirs / "dump").text
    (frame,) = frames(steps(text), shell, tmp_path)
    assert frame.rc == 0, frame.out
    assert sorted(path.name for path in other.iterdir()) == ["dump", "dump.1764104400"]
    assert [path.name for path in theirs.iterdir()] == ["way"]


def test_directories_that_are_missing_are_made_where_they_are_named_and_nowhere_else(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    (theirs.parent / "target").mkdir()
    as_user("ln -s ../target way", theirs)
    made, led = theirs / "a" / "b" / "file", theirs / "way" / "a" / "file"
    (frame,) = frames(steps(sh("make_above {}", made).text), shell, tmp_path)
    assert (frame.rc, oct(made.parent.stat().st_mode), made.parent.stat().st_uid) == (0, "0o40700", 0), frame.out
    (frame,) = frames(steps(sh("make_above {}", led).text), shell, tmp_path)
    assert (frame.rc, "way is a link that users other than root can change" in frame.out) == (1, True)
    assert list((theirs.parent / "target").iterdir()) == []


def test_a_link_that_root_made_is_a_way(shell: list[str], theirs: Path, tmp_path: Path) -> None:
    (theirs.parent / "way").symlink_to(theirs)
    assert written(shell, tmp_path, theirs.parent / "way" / "file") == ""
    assert (theirs / "file").read_text() == "content"


def swapper(home: Path) -> subprocess.Popen[bytes]:
    """The user turns a directory into a link and back, as fast as it can, until there is a file ``stop``."""
    text = "until [ -e stop ]; do mv way real; ln -s ../target way; rm way; mv real way; done 2>/dev/null"
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    return subprocess.Popen([*drop, "sh", "-c", text], cwd=home)


@pytest.mark.slow
def test_a_directory_that_is_turned_into_a_link_meanwhile_is_never_followed(
    shell: list[str], theirs: Path, tmp_path: Path
) -> None:
    target = theirs.parent / "target"
    target.mkdir()
    as_user("mkdir way", theirs)
    attack = swapper(theirs)
    try:
        outcomes = {written(shell, tmp_path, theirs / "way/file").partition(":")[0] for _ in range(15)}
    finally:
        (theirs / "stop").touch()
        attack.wait()
    assert list(target.iterdir()) == []
    assert outcomes


def adorned(shell: list[str], tmp: Path, path: Path, *words: str) -> str:
    (frame,) = frames(steps(sh("adorn {} {}", path, words).text), shell, tmp)
    return frame.out if frame.rc else ""


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_owner_and_mode_are_set_on_what_is_named(shell: list[str], theirs: Path, tmp_path: Path, kind: str) -> None:
    as_user("touch file; mkdir directory", theirs)
    assert adorned(shell, tmp_path, theirs / kind, "1", "2", "2750") == ""
    found = (theirs / kind).stat()
    assert (found.st_uid, found.st_gid, oct(found.st_mode & 0o7777)) == (1, 2, "0o2750")


@pytest.mark.parametrize("trick", ["ln -s ../secret file", "mkfifo file", "ln -s ../open way; touch way/file"])
def test_a_mode_is_never_set_on_what_a_link_leads_to(
    shell: list[str], theirs: Path, tmp_path: Path, trick: str
) -> None:
    for name in ("secret", "open/file"):
        path = theirs.parent / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.chmod(0o600)
    (theirs.parent / "open").chmod(0o777)
    (theirs.parent / "open/file").chmod(0o666)
    as_user(trick, theirs)
    (theirs.parent / "open/file").chmod(0o600)
    at = theirs / ("way/file" if "way" in trick else "file")
    assert re.search("is a link|is a FIFO", adorned(shell, tmp_path, at, "", "", "0644"))
    assert [oct((theirs.parent / name).stat().st_mode & 0o777) for name in ("secret", "open/file")] == ["0o600"] * 2


def test_the_owner_of_a_link_is_that_of_the_link(shell: list[str], theirs: Path, tmp_path: Path) -> None:
    (theirs.parent / "secret").touch()
    as_user("ln -s ../secret file", theirs)
    assert adorned(shell, tmp_path, theirs / "file", "1", "", "") == ""
    assert ((theirs / "file").lstat().st_uid, (theirs.parent / "secret").stat().st_uid) == (1, 0)

"""unarchive leaves what Ansible's module leaves, and knows when there is nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Blob
from tests.unit.modules.host_text import converge, do, see
from tests.unit.modules.tables import make


def packed(tmp_path: Path, form: str) -> Path:
    tree = tmp_path / "tree/pages"
    (tree / "deep").mkdir(parents=True)
    (tree / "index").write_text("hello\n")
    (tree / "deep/tool").write_text("#!/bin/sh\n")
    (tree / "deep/tool").chmod(0o750)
    (tree / "link").symlink_to("index")
    archive = tmp_path / f"pages.{form}"
    if form == "zip":
        with zipfile.ZipFile(archive, "w") as made:
            for path in sorted(tree.rglob("*")):
                if not path.is_symlink():
                    made.write(path, path.relative_to(tmp_path / "tree"))
        return archive
    mode = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}[form]
    with tarfile.open(archive, mode) as made_tar:  # type: ignore[call-overload]
        made_tar.add(tree, "pages")
    return archive


def tree(root: Path) -> list[tuple[str, int, str]]:
    def held(path: Path) -> str:
        return str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else "/"

    return [(str(path.relative_to(root)), path.lstat().st_mode, held(path)) for path in sorted(root.rglob("*"))]


MORE: tuple[dict[str, Any], ...] = (
    {"exclude": ["pages/deep"]},
    {"extra_opts": ["--strip-components=1"]},
    {"mode": "0700"},
    {"include": ["pages/index"]},
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "more"),
    [*((form, {}) for form in ("tar", "tar.gz", "tar.bz2", "tar.xz")), *(("tar", one) for one in MORE)],
)
def test_what_is_left_is_what_ansible_leaves(tmp_path: Path, form: str, more: dict[str, Any]) -> None:
    archive = packed(tmp_path, form)
    left = []
    for name in ("ours", "theirs"):
        root = tmp_path / name
        (root / "pages").mkdir(parents=True)
        (root / "pages/mine").write_text("stays\n")
        args = {"src": str(archive), "dest": str(root), "remote_src": True, **more}
        if name == "theirs":
            asked = json.dumps({"ANSIBLE_MODULE_ARGS": args})
            subprocess.run([sys.executable, "-m", "ansible.modules.unarchive"], input=asked, text=True, check=True)
        else:
            made = make("unarchive", **args)
            steps = made.act() or made.fix(made.differences(see(made, tmp_path)))
            assert do(steps, tmp_path) == ""
        left.append([entry for entry in tree(root) if "mode" not in more or "mine" not in entry[0]])
    assert left[0] == left[1]


def test_a_tar_on_the_host_is_compared_and_an_archive_of_ours_has_creates(tmp_path: Path) -> None:
    archive, dest = packed(tmp_path, "tar.gz"), tmp_path / "dest"
    made = make("unarchive", src=str(archive), dest=str(dest), remote_src=True)
    assert not made.handler_only
    dest.mkdir()
    assert converge(made, tmp_path) == ["state", "unpacked"]
    (dest / "pages/index").write_text("mine\n")
    assert converge(made, tmp_path) == ["state", "unpacked"]
    assert (dest / "pages/index").read_text() == "hello\n"
    blob = Blob.of(archive.read_bytes())
    assert make("unarchive", src=blob, dest=str(dest)).handler_only
    guarded = make("unarchive", src=blob, dest=f"{dest}/", creates=f"{dest}/pages/index")
    assert guarded.differences(see(guarded, tmp_path)) == {}
    (dest / "pages/index").unlink()
    assert converge(guarded, tmp_path) == ["state", "unpacked"]


def test_a_file_is_fetched_and_unpacked(tmp_path: Path) -> None:
    archive, dest = packed(tmp_path, "tar.gz"), tmp_path / "dest"
    dest.mkdir()
    src = f"file://{archive}"
    assert converge(make("unarchive", src=src, dest=str(dest), remote_src=True, creates=f"{dest}/pages"), tmp_path) == [
        "state",
        "unpacked",
    ]


def test_a_link_in_the_place_of_a_directory_is_not_followed(tmp_path: Path) -> None:
    archive, dest = packed(tmp_path, "tar"), tmp_path / "dest"
    dest.mkdir()
    (tmp_path / "etc").mkdir()
    (dest / "pages").symlink_to(tmp_path / "etc")
    made = make("unarchive", src=str(archive), dest=str(dest), remote_src=True)
    assert "pages" in do(made.fix(made.differences(see(made, tmp_path))), tmp_path)
    assert list((tmp_path / "etc").iterdir()) == []


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"src": "pages.tar"}, "src is a file on this machine"),
        ({"src": "pages.tar", "remote_src": True}, "an absolute path"),
        ({"src": "https://me:pw@a.example/b.tar", "remote_src": True}, "contains a password"),
        ({"exclude": ["a"], "include": ["b"]}, "not both"),
        ({"extra_opts": ["--to-command=sh"]}, "would run a program"),
        ({"extra_opts": ["-I", "sh"]}, "would run a program"),
        ({"validate_certs": False}, "certificates are checked"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("unarchive", **{"src": Blob.of("x"), "dest": "/srv", **args})

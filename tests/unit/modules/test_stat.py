"""What stat and slurp give is what Ansible's modules of these names give of the same path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.model import Present
from deployer.modules import Module
from deployer.modules.slurp import Slurp
from deployer.modules.stat import Stat
from tests.unit.sh_runner import frames, probe

OURS_ALONE = ("mimetype", "charset", "attributes", "attr_flags", "version", "blocks", "block_size", "device_type")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("a file\n")
    (tmp_path / "file").chmod(0o4751)
    (tmp_path / "folder").mkdir(mode=0o1777)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken link").symlink_to("no where")
    return tmp_path


def ours(module: Module, tmp_path: Path) -> dict[str, Any]:
    (frame,) = frames(probe(module.probe().text), ["dash"], tmp_path)
    assert frame.rc == 0, frame.out
    return dict(module.answer(module.parse(frame.out)))


def theirs(module: str, **args: Any) -> dict[str, Any]:
    asked = json.dumps({"ANSIBLE_MODULE_ARGS": args})
    done = subprocess.run(
        [sys.executable, "-m", f"ansible.modules.{module}"], input=asked, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("name", ["file", "folder", "link", "broken link", "nothing"])
def test_stat_gives_what_ansibles_gives(place: Path, name: str, follow: bool) -> None:
    if (name, follow) == ("broken link", True):
        pytest.skip("Ansible says that it exists not; here it is the link")
    path = str(place / name)
    wanted = theirs("stat", path=path, follow=follow, checksum_algorithm="sha256")["stat"]
    found = ours(Stat(path=path, follow=follow, checksum_algorithm="sha256"), place)["stat"]
    for clock in ("mtime", "ctime"):
        if clock in wanted:
            wanted[clock] = int(wanted[clock])
    assert found.pop("atime", 0) >= int(wanted.pop("atime", 0)), "looking at it has moved it"
    assert found == {key: value for key, value in wanted.items() if key not in OURS_ALONE}


def test_stat_without_a_digest_has_none(place: Path) -> None:
    assert "checksum" not in ours(Stat(path=str(place / "file"), get_checksum=False), place)["stat"]
    with pytest.raises(ProbeError, match="cannot be read"):
        Stat(path="/x").answer(Present({"at": "what", "can": "r"}))


def test_slurp_gives_what_ansibles_gives_and_fails_where_nothing_is(place: Path) -> None:
    path = str(place / "file")
    wanted = theirs("slurp", src=path)
    assert ours(Slurp(src=path), place) == {key: wanted[key] for key in ("content", "encoding", "source")}
    assert ours(Slurp(src=str(place / "nothing")), place)["failed"] is True
    with (place / "large").open("wb") as large:
        large.truncate(2 * 1024 * 1024)
    with pytest.raises(ConfigError, match="2097152 bytes"):
        ours(Slurp(src=str(place / "large")), place)

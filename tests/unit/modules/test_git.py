"""git checks out what Ansible's module checks out: of a real repository, with a real git."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Absent
from deployer.modules import Module
from deployer.sh import Program
from tests.unit.modules.host_text import converge, do, see
from tests.unit.modules.tables import make
from tests.unit.sh_runner import frames

WHO = [
    "-c",
    "user.name=nobody",
    "-c",
    "user.email=nobody@a.example",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "protocol.file.allow=always",
]


@dataclass(frozen=True)
class Server:
    """A repository, and the ids of its commits."""

    home: Path

    def git(self, *words: str) -> str:
        told = subprocess.run(["git", *WHO, "-C", self.home, *words], check=True, capture_output=True, text=True)
        return told.stdout.strip()

    def commit(self, text: str) -> str:
        (self.home / "page").write_text(text)
        self.git("add", "page")
        self.git("commit", "-q", "-m", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def server(tmp_path: Path) -> Server:
    made = Server(tmp_path / "server")
    subprocess.run(["git", "init", "-q", "-b", "main", made.home], check=True)
    made.commit("one")
    made.git("tag", "-a", "-m", "one", "v1")
    made.git("branch", "stable")
    made.commit("two")
    return made


def text(place: Path) -> str:
    return (place / "page").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("version", ["HEAD", "main", "stable", "v1", "COMMIT", "SHORT"])
@pytest.mark.parametrize("before", [None, "main", "v1"])
def test_what_is_checked_out_is_what_ansible_checks_out(
    tmp_path: Path, server: Server, version: str, before: str | None
) -> None:
    commit = server.git("rev-parse", "v1^{commit}")
    version = {"COMMIT": commit, "SHORT": commit[:9]}.get(version, version)
    seen = []
    for name in ("ours", "theirs"):
        place = tmp_path / name
        if before:
            subprocess.run(["git", "clone", "-q", "-b", before, f"file://{server.home}", place], check=True)
        args = {"repo": f"file://{server.home}", "dest": str(place), "version": version}
        if name == "ours":
            made = make("git", **args)
            converge(made, tmp_path)
        else:
            asked = json.dumps({"ANSIBLE_MODULE_ARGS": args})
            subprocess.run([sys.executable, "-m", "ansible.modules.git"], input=asked, text=True, check=True)
        branch = subprocess.run(
            ["git", "-C", place, "symbolic-ref", "-q", "--short", "HEAD"], text=True, capture_output=True
        ).stdout
        head = subprocess.run(["git", "-C", place, "rev-parse", "HEAD"], text=True, capture_output=True).stdout
        same_commit = (before, version) == ("v1", "stable")  # it is checked out already: ours does not go to the branch
        seen.append((text(place), head, "" if same_commit else branch))
    assert seen[0] == seen[1]


def pages(tmp_path: Path, server: Server, **more: Any) -> Module:
    return make("git", repo=f"file://{server.home}", dest=f"{tmp_path}/pages", **more)


def test_a_branch_is_followed_and_a_plan_names_what_is_there(tmp_path: Path, server: Server) -> None:
    made = pages(tmp_path, server, version="main")
    assert list(converge(made, tmp_path)) == ["state", "repo", "revision"]
    old = server.git("rev-parse", "HEAD")
    server.commit("three")
    change = made.differences(see(made, tmp_path))["revision"]
    assert (change.before, change.after) == (old[:12], "main")
    assert pages(tmp_path, server, update=False).differences(see(made, tmp_path)) == {}
    assert converge(made, tmp_path) == ["revision"]
    assert text(tmp_path / "pages") == "three"


def test_changes_of_a_person_are_thrown_away_by_force_alone(tmp_path: Path, server: Server) -> None:
    made = pages(tmp_path, server)
    converge(made, tmp_path)
    (tmp_path / "pages/page").write_text("mine")
    (tmp_path / "pages/new").write_text("mine")
    assert made.differences(see(made, tmp_path)) == {}
    server.commit("three")
    assert "have local changes" in do(made.fix(made.differences(see(made, tmp_path))), tmp_path)
    assert text(tmp_path / "pages") == "mine"
    assert converge(pages(tmp_path, server, force=True), tmp_path) == ["revision", "changes"]
    assert (text(tmp_path / "pages"), (tmp_path / "pages/new").read_text()) == ("three", "mine")


def test_a_shallow_checkout_has_a_commit_that_no_branch_ends_in(tmp_path: Path, server: Server) -> None:
    server.git("config", "uploadpack.allowAnySHA1InWant", "true")
    commit = server.git("rev-parse", "v1^{commit}")
    server.git("branch", "-D", "stable")
    server.git("tag", "-d", "v1")
    converge(pages(tmp_path, server, version=commit, depth=1), tmp_path)
    assert text(tmp_path / "pages") == "one"


def test_another_address_is_another_repository(tmp_path: Path, server: Server) -> None:
    converge(pages(tmp_path, server), tmp_path)
    subprocess.run(["git", "clone", "-q", "--bare", server.home, tmp_path / "moved"], check=True)
    made = make("git", repo=f"file://{tmp_path}/moved", dest=f"{tmp_path}/pages")
    assert converge(made, tmp_path) == ["repo"]


def test_submodules_come_with_it(tmp_path: Path, server: Server) -> None:
    (tmp_path / ".gitconfig").write_text('[protocol "file"]\n\tallow = always\n')
    part = Server(tmp_path / "part")
    subprocess.run(["git", "init", "-q", part.home], check=True)
    part.commit("part")
    server.git("submodule", "-q", "add", f"file://{part.home}", "part")
    server.git("commit", "-q", "-m", "with a part")
    converge(pages(tmp_path, server), tmp_path)
    assert text(tmp_path / "pages/part") == "part"


def test_a_server_that_does_not_answer_is_an_error_of_the_plan(tmp_path: Path, server: Server) -> None:
    converge(pages(tmp_path, server), tmp_path)
    gone = make("git", repo=f"file://{tmp_path}/nowhere", dest=f"{tmp_path}/pages")
    (frame,) = frames(Program((gone.probe(),)), ["dash"], tmp_path)
    assert frame.rc not in (0, 3)
    assert "nowhere" in frame.out


def test_none_is_made_where_none_is_to_be_made(tmp_path: Path, server: Server) -> None:
    made = pages(tmp_path, server, clone=False)
    assert made.differences(see(made, tmp_path)) == {}
    assert isinstance(see(made, tmp_path), Absent)


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"repo": "ext::sh -c true"}, "is not an address"),
        ({"repo": "--upload-pack=x"}, "is not an address"),
        ({"repo": "https://me:pw@a.example/a.git"}, "contains a password"),
        ({"version": "-x"}, "a branch, a tag"),
        ({"version": "a..b"}, "a branch, a tag"),
        ({"depth": 0}, "depth is 0"),
        ({"ssh_opts": "-o StrictHostKeyChecking=no"}, "host keys of git servers are always checked"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("git", **{"repo": "https://a.example/a.git", "dest": "/srv/a", **args})

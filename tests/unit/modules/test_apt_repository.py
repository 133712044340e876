"""apt_repository finds, adds and takes away one line of apt's sources; its files are named as Ansible names them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.modules import apt_repository as theirs

from deployer.errors import ConfigError
from deployer.modules.apt_repository import suggested
from tests.contract.sandbox import Sandbox
from tests.unit.modules.tables import make

LINE = "deb https://a.example/debian bookworm main"


@pytest.fixture
def host(tmp_path: Path) -> Sandbox:
    return Sandbox.make(tmp_path)


def run(host: Sandbox, **args: Any) -> tuple[list[str], list[str]]:
    """Converge; return which keys differed, and what failed."""
    made = make("apt_repository", **args)
    changes = made.differences(made.parse(host.probe(made).out))
    failed = [frame.out for frame in host.steps(made.fix(changes)) if frame.rc]
    if not failed:
        assert made.differences(made.parse(host.probe(made).out)) == {}
    return list(changes), failed


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        "deb [arch=amd64 signed-by=/etc/apt/keyrings/a.gpg] http://www.rabbitmq.com/debian/ testing main",
        "deb-src http://me@a.example:8080/x-y stable main contrib",
        "deb file:///srv/repo ./",
    ],
)
def test_a_file_is_named_as_ansible_names_it(line: str) -> None:
    asked = object.__new__(theirs.SourcesList)
    asked.module = SimpleNamespace(params={"filename": None})
    assert f"{suggested(line)}.list" == asked._suggest_filename(line)


def test_a_line_is_added_once_and_the_lists_are_refreshed(host: Sandbox) -> None:
    assert run(host, repo=LINE.replace(" ", "  ")) == (["state", "line"], [])
    file = host.home / "root/etc/apt/sources.list.d/a_example_debian.list"
    assert file.read_text() == f"{LINE}\n"
    assert [call[0] for call in host.recorded()] == ["apt-get"]
    assert run(host, repo=LINE, filename="other") == ([], [])


def test_a_line_among_others_is_found_and_taken_out_of_all_files(host: Sandbox) -> None:
    folder = host.home / "root/etc/apt"
    (folder / "sources.list").write_text(f"# deb x y\n{LINE.replace(' ', '   ')} # why\ndeb http://b.example/ s main")
    (folder / "sources.list.d/a.list").write_text(f"{LINE}\n")
    assert run(host, repo=LINE) == ([], [])
    assert run(host, repo=LINE, state="absent", update_cache=False) == (["state"], [])
    assert (folder / "sources.list").read_text() == "# deb x y\ndeb http://b.example/ s main\n"
    assert not (folder / "sources.list.d/a.list").exists()
    assert host.recorded() == []


def test_a_line_that_is_a_comment_is_none(host: Sandbox) -> None:
    (host.home / "root/etc/apt/sources.list").write_text(f"# {LINE}\n")
    assert run(host, repo=LINE, update_cache=False) == (["state", "line"], [])


@pytest.mark.parametrize("before", [None, "deb http://b.example/ s main\n"])
def test_where_the_lists_cannot_be_refreshed_all_is_as_it_was(host: Sandbox, before: str | None) -> None:
    apt = host.home / "bin/apt-get"
    apt.unlink()
    apt.symlink_to("/bin/false")
    file = host.home / "root/etc/apt/sources.list.d/x.list"
    if before:
        file.write_text(before)
    _, (said,) = run(host, repo=LINE, filename="x")
    assert "x.list has its old content again" in said
    assert (file.read_text() if file.exists() else None) == before


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"repo": "ppa:rabbitmq/erlang"}, "key comes from Launchpad"),
        ({"repo": "https://a.example/debian"}, "not a line of sources.list"),
        ({"repo": "deb [arch=amd64] https://a.example/"}, "not a line of sources.list"),
        ({"repo": f"{LINE} # why"}, "a comment"),
        ({"repo": "deb https://me:pw@a.example/ s main"}, "a password"),
        ({"repo": LINE, "filename": "../x"}, "first a letter"),
        ({"repo": LINE, "validate_certs": False}, "certificates are checked"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("apt_repository", **args)

"""Which hosts a person's word on what waits goes to; what the hosts make of it is a matter of the lab's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer import locking
from deployer.options import Options
from deployer.project import Project

_INVENTORY = "all: {hosts: {web1: {}, web2: {}, web3: {}}, children: {db: {hosts: {db1: {}}}}}"


def meant(where: Path, monkeypatch: pytest.MonkeyPatch, hosts: str, limit: str, *, book: bool = True) -> list[str]:
    """Return the names of the hosts that are asked."""
    seen = []

    def take(_: object, project: Project, *__: object, **___: Any) -> int:
        seen.append(project)
        return 0

    monkeypatch.setattr(locking, "each_play", take)
    (where / "inventory.yml").write_text(_INVENTORY)
    (where / "site.yml").write_text("- {hosts: all, tasks: []}")
    playbook = str(where / "site.yml") if book else ""
    given = Options(playbook=playbook, inventory=(str(where / "inventory.yml"),), limit=limit)
    assert locking.confirm_pending(given, "undo", hosts) == 0
    return [host.name for project in seen for _, found in project.work() for host in found]


@pytest.mark.parametrize("book", [True, False])
@pytest.mark.parametrize(
    ("hosts", "limit", "left"),
    [
        ("web1,web2", "", ["web1", "web2"]),
        ("web1", "web*,web2", ["web1"]),
        ("web1,db1", "web1,db1", ["web1", "db1"]),
        ("web1:db", "!web1", ["db1"]),
        ("web*:!web3", "web2,web3", ["web2"]),
    ],
)
def test_a_word_goes_to_hosts_that_are_named_and_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: str, limit: str, left: list[str], book: bool
) -> None:
    assert meant(tmp_path, monkeypatch, hosts, limit, book=book) == left

"""The commands that README and docs show are run as they stand, by a person who has followed them so far."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.fleet import PATIENCE, PROGRAM, Fleet, fleet_of, health, untouched
from tests.unit.doc_examples import PAGES, Example, commands

OF_THEIR_OWN = ("from-mix-phx-new.md", "from-rebar3.md", "two-fleets.md", "window.md")
"""Pages that have a test of their own, which types all of it."""
SHOWN = [example for page in PAGES if page.name not in OF_THEIR_OWN for example in commands(page)]
ELSEWHERE = ("tls init", "restart_cluster", "retire", "rollback site.yml -i inventory.yml --check")
"""Run by test_tls.py, test_growth.py (who is retired is not there for the next page) and test_going_back.py."""


@pytest.fixture(scope="module")
def fleet(lab, demo_release, tmp_path_factory) -> Fleet:
    made = fleet_of(tmp_path_factory.mktemp("docs"), untouched(lab, 2), demo_release("0.1.0"))
    made.write()
    advisory = {
        "id": "OSV-1",
        "affected": [{"package": {"ecosystem": "Hex", "name": "nobodys"}, "versions": ["1.0.0"]}],
    }
    (made.directory / "advisories").mkdir()
    (made.directory / "advisories" / "one.json").write_text(json.dumps(advisory))
    return made


def as_typed(example: Example, fleet: Fleet) -> list[str]:
    """The words of a command; names of hosts and versions are those that there are here."""
    words = shlex.split(example.text, comments=True)
    here = {"web1": fleet.hosts[0].name, "web2": fleet.hosts[1].name, "1.8.1": "0.1.0"}
    return [here.get(word, word) for word in words]


def deploy(fleet: Fleet, tarball: Path) -> None:
    fleet.words["release"]["tarball"] = str(tarball)
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.out


def test_every_command_with_hosts_does_what_its_page_says(fleet: Fleet, demo_release: Callable[[str], Path]):
    """A rollback finds a release before the current one; what only says more is typed once."""
    typed = set()
    for example in SHOWN:
        words = as_typed(example, fleet)
        line = shlex.join(words)
        kind = frozenset(words) - {"-v", "--diff"}
        if "-i" not in words or kind in typed or any(word in line for word in ELSEWHERE):
            continue
        typed.add(kind)
        if words[1] == "rollback":
            deploy(fleet, demo_release("0.2.0"))
        done = subprocess.run(
            [str(PROGRAM), *words[1:]], env=fleet.environment(), cwd=fleet.directory, timeout=PATIENCE,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        # With a severity every rule that FAILs counts, and plain hosts of the lab are not hardened.
        assert done.returncode == (2 if "--severity" in words else 0), f"{example}: {line}: {done.stdout}{done.stderr}"
        if words[1] == "rollback":
            fleet.words["release"]["tarball"] = str(demo_release("0.1.0"))
            fleet.write()
    assert len(typed) > 10
    assert {health(host)[1]["version"] for host in fleet.hosts} <= {"0.1.0", "0.2.0"}

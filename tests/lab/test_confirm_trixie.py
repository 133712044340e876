"""On Debian 13, whose sshd has penalties: nobody is locked out, whatever kind of change it is.

DEPLOYER_CONFIRM_ALL=1 makes ten trials of each kind.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.confirming import KEPT, console, run, tasks, written
from tests.lab.fleet import Fleet
from tests.lab.lockouts import Lockout, lockout_table, trials

COUNT = 10 if os.environ.get("DEPLOYER_CONFIRM_ALL") == "1" else 1
"""Trials of each kind; the first is with the controller dead."""


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def test_on_debian_13_with_its_penalties_nobody_is_locked_out_whatever_kind_of_change_it_is(lab_of, tmp_path) -> None:
    kinds = {"sshd": "stock", "sudoers": "sudo", "firewall": "default", "key": "default"}
    around = lab_of(*kinds.values(), suites=("trixie",))
    fleets = dict(
        zip(kinds, (Fleet(made(tmp_path / host.name), around, [host], {}) for host in around.hosts), strict=True)
    )

    def proven(kind: str) -> list[Lockout]:
        """Trials of which one was refused at least; on a busy machine the knock may come when all is over."""
        found: list[Lockout] = []
        while not any(one.refused for one in found) and len(found) < 3 * COUNT:
            found += trials(fleets[kind], kind, COUNT)
        return found

    with ThreadPoolExecutor(len(kinds)) as pool:
        found = [one for each in pool.map(proven, kinds) for one in each]
    print(lockout_table(found))  # noqa: T201 - figures are asked for
    assert [one for one in found if one.seconds is None] == []
    assert {one.kind for one in found if one.refused} == set(kinds), "a trial that lets in all the time proves nothing"
    sudo = fleets["sudoers"]
    assert console(sudo.hosts[0], "[ -e /etc/sudoers.d/zz-lab ]") == 1
    tasks(sudo, written("/etc/sudoers.d/zz-lab", "# a comment\n"))
    assert run(sudo).code == 0
    assert console(sudo.hosts[0], f"{KEPT} | grep -q .") == 1

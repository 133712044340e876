"""Whether the process of another run is dead is said only of one that can be known."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deployer.engine.seat import is_dead, seat


def of(pid: int) -> str:
    """The seat of another process of this person on this machine."""
    own = seat().split("/", 2)[2]
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{pid}/{start}/{own}"


def test_a_process_that_lives_is_not_dead_and_one_that_was_killed_is() -> None:
    assert not is_dead(seat())
    with subprocess.Popen(["sleep", "60"]) as child:
        told = of(child.pid)
        assert not is_dead(told)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(told), "a zombie writes nothing any more"
        child.wait()
        assert is_dead(told)


def test_another_process_with_the_same_number_is_not_the_one() -> None:
    pid, start, *place = seat().split("/")
    assert is_dead("/".join([pid, str(int(start) - 1), *place]))


def test_of_another_machine_life_container_or_user_nothing_is_known() -> None:
    pid, start, boot, namespace, uid = seat().replace(str(os.getpid()), "4194305", 1).split("/")
    assert is_dead("/".join([pid, start, boot, namespace, uid]))
    for strange in (
        (pid, start, "other", namespace, uid), (pid, start, boot, "1", uid), (pid, start, boot, namespace, "12345"),
        (pid,), ("",), ("x", start, boot, namespace, uid), (pid, start),
    ):  # fmt: skip
        assert not is_dead("/".join(strange))

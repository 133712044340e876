"""``holders``: who has a socket, and that nobody's own name for himself tells anything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deployer.sh import Program, Sh, lines, script
from tests.unit.sh_runner import frames, in_every_shell

LISTENS = """import socket
open("/proc/self/comm", "w").write("x\\x1efalse=a")
heard = socket.create_server(("127.0.0.1", 0))
print(heard.getsockname()[1], flush=True)
input()"""
ASKS = lines(
    *(script(f"{name}.sh", "deployer.sh") for name in ("sockets", "holders")),
    Sh('sockets_listed\nholders "$listed"\nemit held "$held"'),
)


@in_every_shell
def test_who_holds_a_socket_says_nothing_by_his_name(shell: list[str], tmp_path: Path) -> None:
    given = [sys.executable, "-c", LISTENS]
    with subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stdout.readline().strip().isdigit()
        (frame,) = frames(Program((ASKS,)), shell, tmp_path)
        running.kill()
    assert frame.rc == 0, frame.out
    assert frame.out.count("\x1e") == 1
    assert f" {running.pid} ? ?\n" in frame.out

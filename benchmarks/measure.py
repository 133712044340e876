"""Run one program and print what it cost, as JSON. Small on purpose: a child's peak memory starts at its parent's.

measure.py OUTPUT PROGRAM ARGUMENT…        OUTPUT is a file for both of the program's streams
"""

import json
import os
import sys
import time


def main() -> None:
    """Print ``{"code", "wall", "cpu", "peak"}``: seconds, seconds of the program and its children, bytes."""
    begin = time.monotonic()
    pid = os.fork()
    if not pid:
        os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(1, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - begin
    cpu = used.ru_utime + used.ru_stime
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps({"code": code, "wall": wall, "cpu": cpu, "peak": used.ru_maxrss * 1024}))


main()

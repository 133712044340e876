"""What a person without any tool would type, on every host at once: the OpenSSH client and one line of shell each.

raw.py KEY KNOWN_HOSTS INPUT COMMAND ADDRESS…        INPUT is a file for each command's standard input, or -
"""

from __future__ import annotations

import subprocess
import sys

OPTIONS = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"]


def start(key: str, known_hosts: str, given: str, command: str, address: str) -> subprocess.Popen[bytes]:
    """Start one ssh."""
    argv = ["ssh", *OPTIONS, "-i", key, "-o", f"UserKnownHostsFile={known_hosts}", f"root@{address}", command]
    with open("/dev/null" if given == "-" else given, "rb") as file:  # noqa: PTH123
        return subprocess.Popen(argv, stdin=file, stdout=subprocess.DEVNULL)


def main() -> None:
    """Start all, wait for all; exit 1 when one failed."""
    key, known_hosts, given, command, *addresses = sys.argv[1:]
    running = [start(key, known_hosts, given, command, address) for address in addresses]
    statuses = [child.wait() for child in running]
    sys.exit(any(statuses))


if __name__ == "__main__":
    main()

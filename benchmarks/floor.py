"""The floor of any tool built on paramiko: connect to every host at once, run ``true``, leave.

floor.py KEY KNOWN_HOSTS ADDRESS…
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import paramiko


def touch(key: str, known_hosts: str, address: str) -> int:
    """Run ``true`` on one host and return its status."""
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(address, username="root", key_filename=key, allow_agent=False, look_for_keys=False, timeout=30)
    try:
        _, out, _ = client.exec_command("true")
        return out.channel.recv_exit_status()
    finally:
        client.close()


def main() -> None:
    """Touch every host; exit 1 when one says no."""
    key, known_hosts, *addresses = sys.argv[1:]
    with ThreadPoolExecutor(len(addresses)) as pool:
        statuses = list(pool.map(lambda address: touch(key, known_hosts, address), addresses))
    sys.exit(any(statuses))


if __name__ == "__main__":
    main()

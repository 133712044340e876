"""What a host remembers of migrations, what a run said of them, and what is tried beside them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer import lab as labs
from tests.lab.fleet import Fleet, Ran

ROOT_DOCS = Path(__file__).parents[2] / "docs"
ROOT = "/opt/shop"
UNIT = "deployer-migrate-shop"
HELD = "SELECT pg_advisory_xact_lock(612);"
"""What a migration begins with that waits for the end of `held`."""
LOOK = """
IO.puts(inspect({node(), Path.basename(File.cwd!()), System.get_env("SECRET_KEY_BASE") == String.duplicate("a", 64)}))
for line <- File.stream!("/proc/self/status"), line =~ ~r/^(Uid|NoNewPrivs|CapBnd|Seccomp):/, do: IO.write(line)
IO.puts(inspect({File.write("/opt/shop/x", ""), File.write("here", "")}))
"""


def remembered(ssh, host, word: str = "") -> list[str]:
    """What a host's own record has of migrations: ``began``, ``failed: …``, ``done …``."""
    lines = ssh(host, f"grep -P '\\tmigrate\\t' {ROOT}/ledger/history | cut -f 6")[1].splitlines()
    return [line for line in lines if word in line]


def current(ssh, host) -> str:
    return ssh(host, f"readlink -e {ROOT}/current; systemctl show -p MainPID --value shop")[1]


def ended(ran: Ran) -> list[str]:
    return [each["problem"] for each in ran.of("MigrationEnded")]


def said(ran: Ran) -> str:
    return "\n".join(each["text"] for each in ran.of("MigrationSaid"))


@contextmanager
def held(fleet: Fleet) -> Iterator[None]:
    """Let no migration that begins with `HELD` go on while the block runs, however long that takes."""
    database = fleet.lab.database
    assert database
    argv = [*labs.ssh_arguments(fleet.lab, database), f"psql -At {labs.database_url(database)}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write("SELECT pg_advisory_lock(612); SELECT 'held';\n")
        session.stdin.flush()
        assert "held\n" in iter(session.stdout.readline, "")
        yield


def begun(fleet: Fleet, event: str = "MigrationSaid") -> subprocess.Popen[str]:
    """A deploy that has just said the first word of its migration, or that it has ended."""
    process = fleet.start("deploy")
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return process
    pytest.fail(f"it has not come to that: {process.communicate()}")

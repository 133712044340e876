"""What a host remembers of migrations, what a run said of them, and what is tried beside them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.lab.fleet import Fleet, Ran

ROOT_DOCS = Path(__file__).parents[2] / "docs"
ROOT = "/opt/shop"
UNIT = "deployer-migrate-shop"
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


def begun(fleet: Fleet, event: str = "MigrationSaid") -> subprocess.Popen[str]:
    """A deploy that has just said the first word of its migration, or that it has ended."""
    process = fleet.start("deploy")
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return process
    pytest.fail(f"it has not come to that: {process.communicate()}")

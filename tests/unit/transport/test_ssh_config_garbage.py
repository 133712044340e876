"""Whatever stands in an ssh configuration, reading it ends, and no run with it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deployer.transport import ssh_lines, ssh_words

ATOMS = [
    "Host ",
    "Match ",
    "final ",
    "all",
    "exec x",
    "user a",
    "host=b",
    "tagged",
    "!",
    "*",
    "\n",
    "#",
    '"',
    "'",
    "\\",
    "Include config",
    "Port 1",
    "User x",
    "\t",
    "=",
    "%h",
    "\r",
    "\0",
    "ProxyJump a",
    "IdentityFile ~/x",
]


@given(st.lists(st.sampled_from(ATOMS), max_size=14).map("".join))
def test_whatever_is_written_there_ends_no_run(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "config"
        file.write_text(text, newline="")
        said = ssh_words.evaluate_config(ssh_lines.read_ssh_config(file, file.parent, file.parent), "web1")
    assert said["hostname"]

"""Every generated program is clean sh in shellcheck's eyes, whatever rides in it."""

from __future__ import annotations

import subprocess

import pytest

from deployer.model import Blob
from deployer.sh import Program, Sh, encode, lines, sh
from tests.unit.sh_clean import complaints

HOSTILE = "'; touch canary; $(touch canary)\n`id`"
PROGRAMS = {
    "empty": Program(()),
    "probe": Program((sh("emit name {}", HOSTILE), Sh("look /etc/passwd"))),
    "steps": Program((sh("printf %s {}", HOSTILE), sh("mkdir -p -- {}", "/a b")), writes=True),
    "blobs": Program((Sh('cat "$blobs/0"'),), writes=True, blobs=(Blob.of("x"), Blob.of("y" * 2_000_000))),
    "leased": Program((Sh("emit a b"),), writes=True, blobs=(Blob.of("x"),), lease="held"),
    "lease": Program((Sh("lease_take run 1 120 'deploy site.yml'"),), writes=True, lease="edit"),
    "read under a lease": Program((Sh("emit a b"),), lease="held"),
    "users": Program((lines(Sh("id"), sh("echo {}", HOSTILE)), Sh("id")), users={0: "shop"}),
    "drafts": Program((lines(sh('draft "$blobs/0" {} 0600 "" ""', "/a"), sh("settle {}", "/a")),), writes=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_clean(name: str) -> None:
    assert complaints(encode(PROGRAMS[name]), "SC2016") == "", "that no value expands is what the quotes are for"


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_can_be_read_by_the_shell(name: str, shell: str) -> None:
    assert subprocess.run([shell, "-n"], input=encode(PROGRAMS[name]).encode(), capture_output=True).stderr == b""

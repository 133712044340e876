"""deb822_repository writes the file that Ansible writes, and fetches the key that it names."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.modules import deb822_repository as theirs

from deployer.errors import ConfigError
from deployer.modules.deb822_repository import Deb822Repository
from tests.contract.sandbox import Sandbox
from tests.unit.modules.tables import make

GIVEN: dict[str, Any] = {"name": "Broker_of the.Shop", "uris": ["https://a.example/debian"], "suites": ["bookworm"]}


class Deb822(dict[str, str]):
    """What python3-debian gives Ansible: fields in the order in which they were set."""

    def dump(self) -> str:
        return "".join(f"{key}:{value if value.startswith(chr(10)) else ' ' + value}\n" for key, value in self.items())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"components": ["main", "contrib"], "architectures": ["amd64", "arm64"], "types": ["deb", "deb-src"]},
        {
            "enabled": False,
            "trusted": True,
            "date_max_future": 10,
            "languages": ["en"],
            "inrelease_path": "x/InRelease",
        },
        {"signed_by": "/etc/apt/keyrings/broker.gpg", "pdiffs": False, "targets": ["Packages"], "by_hash": True},
        {"signed_by": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n=wxyz\n-----END PGP PUBLIC KEY BLOCK-----\n"},
        {"signed_by": "0123456789ABCDEF0123456789ABCDEF01234567", "allow_weak": False, "check_date": True},
    ],
)
def test_the_file_is_the_one_that_ansible_writes(monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]) -> None:
    monkeypatch.setattr(theirs, "HAS_DEBIAN", True)
    monkeypatch.setattr(theirs, "Deb822", Deb822, raising=False)
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdout", said)
    with patch_module_args({**GIVEN, **more, "_ansible_check_mode": True}), pytest.raises(SystemExit):
        theirs.main()
    told = json.loads(said.getvalue())
    made = make("deb822_repository", **GIVEN, **more)
    assert isinstance(made, Deb822Repository)
    assert (made.path, made.text) == (told["dest"], told["repo"])


def test_the_key_is_fetched_before_the_file_that_names_it(tmp_path: Path) -> None:
    host = Sandbox.make(tmp_path)
    made = make("deb822_repository", **GIVEN, signed_by="https://a.example/key.asc")
    changes = made.differences(made.parse(host.probe(made).out))
    assert next(iter(changes)) == "key"
    assert [step.what for step in made.fix(changes)] == [
        "write /etc/apt/keyrings/broker-of-theshop.gpg",
        "write /etc/apt/sources.list.d/broker-of-theshop.sources",
    ]
    assert "Signed-By: /etc/apt/keyrings/broker-of-theshop.gpg\n" in str(changes["content"].after)


def test_a_second_reading_agrees_and_absent_takes_the_key_too(tmp_path: Path) -> None:
    host = Sandbox.make(tmp_path)
    key = host.home / "root/etc/apt/keyrings/broker-of-theshop.gpg"
    key.write_bytes(b"\x98\x33")
    made = make("deb822_repository", **GIVEN, signed_by="https://a.example/key.asc")
    changes = made.differences(made.parse(host.probe(made).out))
    assert "key" not in changes
    assert [frame.out for frame in host.steps(made.fix(changes)) if frame.rc] == []
    assert made.differences(made.parse(host.probe(made).out)) == {}
    gone = make("deb822_repository", **GIVEN, state="absent")
    host.steps(gone.fix(gone.differences(gone.parse(host.probe(gone).out))))
    assert gone.differences(gone.parse(host.probe(gone).out)) == {}
    assert not key.exists()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"name": "///"}, "does not give a valid file name"),
        ({"uris": []}, "needs uris and suites"),
        ({"uris": ["https://me:pw@a.example/"]}, "contain a password"),
        ({"signed_by": "https://me:pw@a.example/k"}, "contains a password"),
        ({"types": ["rpm"]}, "cannot be 'rpm'"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("deb822_repository", **{**GIVEN, **args})

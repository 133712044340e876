"""What getent gives is what Ansible's module gives of the same database; hashes of passwords are secrets."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Secret
from deployer.modules.getent import Getent
from tests.unit.sh_runner import frames, probe


def ours(module: Getent, tmp_path: Path) -> dict[str, Any]:
    (frame,) = frames(probe(module.probe().text), ["dash"], tmp_path)
    assert frame.rc == 0, frame.out
    return dict(module.answer(module.parse(frame.out)))


def said(module: Getent, text: str, status: int = 0) -> dict[str, Any]:
    encoded = base64.b64encode(text.encode()).decode()
    return dict(module.answer(module.parse(f"rc={status}\x1estdout={encoded}\x1estderr=\x1e")))


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        {"database": "passwd"},
        {"database": "group", "key": "root"},
        {"database": "passwd", "key": "nobody_here", "fail_key": False},
        {"database": "hosts", "key": "localhost", "service": "files"},
        {"database": "passwd", "key": "root", "split": "/"},
    ],
    ids=str,
)
def test_it_gives_what_ansibles_gives(tmp_path: Path, args: dict[str, Any]) -> None:
    asked = json.dumps({"ANSIBLE_MODULE_ARGS": args})
    done = subprocess.run([sys.executable, "-m", "ansible.modules.getent"], input=asked, capture_output=True, text=True)
    assert ours(Getent(**args), tmp_path)["ansible_facts"] == json.loads(done.stdout)["ansible_facts"]


def test_a_missing_key_fails_unless_it_may_be_missing(tmp_path: Path) -> None:
    asked = {"database": "passwd", "key": "nobody_here"}
    assert ours(Getent(**asked), tmp_path) == {"failed": True, "msg": "the database has no such key"}
    assert ours(Getent(**asked, fail_key=False), tmp_path)["ansible_facts"] == {"getent_passwd": {"nobody_here": None}}
    assert ours(Getent(database="nonsense"), tmp_path) == {"failed": True, "msg": "the host has no such database"}
    assert said(Getent(database="hosts"), "", 3)["msg"].endswith("write a key")
    assert said(Getent(database="hosts"), "", 127)["msg"] == "getent ended with status 127"


def test_a_key_that_comes_twice_has_a_list_of_what_stands_there() -> None:
    (found,) = said(Getent(database="hosts"), "127.0.0.1  localhost here\n::1 localhost\n127.0.0.1 shop\n")[
        "ansible_facts"
    ].values()
    assert found == {"127.0.0.1": [["localhost", "here"], ["shop"]], "::1": ["localhost"]}


def test_the_hash_of_a_password_is_a_secret_and_a_lock_is_none() -> None:
    text = "root:*:1:0:\nshop:$6$salt$hash:1:0:\noff:!:1:0:\nlocked:!$6$salt$hash:1:0:\n"
    facts = said(Getent(database="shadow"), text)["ansible_facts"]["getent_shadow"]
    assert facts["root"] == ["*", "1", "0", ""]
    assert facts["off"][0] == "!"
    assert isinstance(facts["shop"][0], Secret)
    assert isinstance(facts["locked"][0], Secret)
    assert "$6$" not in repr(facts)


def test_what_it_would_read_otherwise_is_refused() -> None:
    with pytest.raises(ConfigError, match="split is empty"):
        Getent(database="passwd", split="")
    with pytest.raises(ConfigError, match="shadow separates"):
        Getent(database="shadow", split="$")
    with pytest.raises(ConfigError, match="passwd has more than"):
        said(Getent(database="passwd"), "x" * 4 * 1024 * 1024)

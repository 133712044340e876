"""get_url leaves what Ansible's leaves, of a server on this machine; what is not what was meant is written nowhere."""

from __future__ import annotations

import hashlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.modules import Step
from deployer.sh.frame import prelude
from tests.unit.modules.host_text import see
from tests.unit.modules.tables import differing, make

TEXT = "what the server has\n"
SUM = f"sha256:{hashlib.sha256(TEXT.encode()).hexdigest()}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a file.txt").write_text(TEXT)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/a%20file.txt"
        serving.shutdown()


def run(steps: tuple[Step, ...]) -> subprocess.CompletedProcess[str]:
    (step,) = steps
    program = f"marker=x run=x hears=no leased=\n{prelude()}\n{step.text}"
    return subprocess.run(["dash", "-eu"], input=program, text=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["new", "old", "folder/"])
@pytest.mark.parametrize("more", [{}, {"mode": "0750"}, {"checksum": SUM}, {"force": True}])
def test_what_is_left_is_what_ansible_leaves(tmp_path: Path, server: str, to: str, more: dict[str, Any]) -> None:
    if (to, more) == ("old", {"mode": "0750"}):
        pytest.skip("where the server says that its file is no newer, Ansible leaves the old one's mode, too")
    left = []
    for name in ("ours", "theirs"):
        root = tmp_path / name
        (root / "folder").mkdir(parents=True)
        (root / "old").write_text("old\n")
        (root / "old").chmod(0o604)
        args = {"url": server, "dest": f"{root}/{to}", **more}
        if name == "theirs":
            asked = json.dumps({"ANSIBLE_MODULE_ARGS": args})
            subprocess.run([sys.executable, "-m", "ansible.modules.get_url"], input=asked, text=True, check=True)
        else:
            made = make("get_url", **args)
            changes = made.differences(see(made, tmp_path))
            steps = made.act() or made.fix(changes)
            assert [done.stderr for done in map(run, [steps] if steps else []) if done.returncode] == []
            assert made.handler_only or made.differences(see(made, tmp_path)) == {}
        left.append(
            [(path.name, path.stat().st_mode, path.is_file() and path.read_text()) for path in sorted(root.rglob("*"))]
        )
    assert left[0] == left[1]


def test_what_is_not_what_was_meant_is_written_nowhere(tmp_path: Path, server: str) -> None:
    made = make("get_url", url=server, dest=f"{tmp_path}/x", checksum=f"sha256:{'0' * 64}")
    done = run(made.fix(made.differences(see(made, tmp_path))))
    assert (done.returncode, "nothing was written" in done.stdout) == (1, True)
    made = make("get_url", url=f"{server}.not", dest=f"{tmp_path}/x")
    assert run(made.fix(made.differences(see(made, tmp_path)))).returncode
    assert not (tmp_path / "x").exists()


def test_only_attributes_that_differ_fetch_nothing(tmp_path: Path) -> None:
    made = make("get_url", url="https://a.example/b", dest="/srv/b", mode="0600")
    (step,) = made.fix(made.differences(made.parse("type=file\x1eat=root:0:root:0:644\x1e")))
    assert "curl" not in step.text.text
    assert differing(made, "type=file\x1eat=root:0:root:0:600\x1e") == {}


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"url": "gopher://a/b"}, "is not the URL of a file"),
        ({"url": "https://a.example/"}, "is not the URL of a file"),
        ({"url": "https://me:secret@a.example/b"}, "contains a password"),
        ({"validate_certs": False}, "certificates are checked"),
        ({"checksum": "sha256:abc"}, "is not a checksum"),
        ({"checksum": f"crc:{'0' * 64}"}, "is not a checksum"),
        ({"timeout": 0}, "timeout is 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("get_url", **{"url": "https://a.example/b", "dest": "/srv/b", **args})

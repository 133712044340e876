"""A FIFO or a device where a file is expected is refused at once, at every door; nothing waits for a writer."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import deployer
from deployer.beam import tarball
from deployer.errors import ConfigError, SecretError
from deployer.load.inventory import load_inventory
from deployer.load.marked import Map
from deployer.load.playbook import load_playbook
from deployer.load.secrets import Vaults, password_file, read_secret
from deployer.load.sources import Sources
from deployer.load.varfiles import read_vars
from deployer.load.vault_files import decrypt_file
from deployer.model import Blob, Connection, Mark
from deployer.regular import read_regular
from deployer.sh import Program, payload
from deployer.transport import SshOptions
from deployer.transport.auth import _read as read_key
from deployer.transport.known_hosts import KnownHosts
from deployer.transport.ssh_config import resolve

CONNECTION = Connection("127.0.0.1", 1, "root", None)
DOORS: dict[str, Callable[[Path], object]] = {
    "inventory": lambda file: load_inventory([file], playbook_dir=file.parent, vaults=Vaults()),
    "playbook": load_playbook,
    "variables": lambda file: read_vars(file, Vaults()),
    "secret": lambda file: read_secret(Map({"file": str(file)}, Mark("x", 1)), "cookie", Path(), Vaults()),
    "vault password": lambda file: password_file(file)(),
    "vault file": lambda file: decrypt_file(file, Vaults()),
    "copied": lambda file: Sources(file.parent, Vaults()).blob(file),
    "tarball": tarball.inspect,
    "ssh key": lambda file: read_key(file, None),
    "ssh configuration": lambda file: resolve("web1", CONNECTION, SshOptions(ssh_config=file, home=file.parent)),
    "known_hosts": lambda file: KnownHosts((file,)),
}
PLACES = ("load", "resolve", "beam", "transport", "fleet", "sh")
OWN = {
    "load/shelf.py": "compiled templates beside Python's own bytecode",
    "sh/text.py": "sh text that comes with the program",
    "beam/tls.py": "a pipe of ours",
    "load/vault_files.py": "files it has just made",
    "fleet/pki.py": "a file it has just made",
}
"""Files below `PLACES` that open something otherwise, and why they may."""


def in_time(run: Callable[[], object]) -> Exception | None:
    """Return what ``run`` raised, which waits for nothing."""
    raised: list[Exception | None] = []

    def call() -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(20)
    assert raised, "it waits"
    return raised[0]


@pytest.mark.parametrize("door", DOORS)
def test_a_fifo_is_refused_at_once(door: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.yml"
    os.mkfifo(fifo)
    error = in_time(lambda: DOORS[door](fifo))
    assert isinstance(error, ConfigError | SecretError)
    assert "FIFO" in str(error) or "no such playbook" in str(error)
    assert "fifo.yml" in str(error)


@pytest.mark.parametrize(
    ("path", "kind"), [("/dev/zero", "a device"), ("/dev/tty", "a device"), ("/", "Is a directory")]
)
def test_other_kinds_are_named(path: str, kind: str) -> None:
    with pytest.raises(OSError, match=kind):
        read_regular(Path(path))


def test_a_link_to_a_file_is_the_file_and_one_to_a_fifo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link") == b"text"
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "other").symlink_to("fifo")
    with pytest.raises(OSError, match="a FIFO"):
        read_regular(tmp_path / "other")


def test_what_became_a_fifo_since_it_was_digested_is_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    program = Program((), writes=True, blobs=(Blob(None, tmp_path / "fifo", 5, "0" * 64),))
    assert isinstance(in_time(lambda: b"".join(payload(program))), OSError)


def test_a_secret_may_come_from_a_process_substitution_but_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.load.secrets._TIMEOUT", 0.2)
    reader, writer = os.pipe()
    os.write(writer, b"geheim\n")
    place = Map({"file": f"/dev/fd/{reader}"}, Mark("x", 1))
    with pytest.raises(SecretError, match="did not end"):
        read_secret(place, "cookie", tmp_path, Vaults())
    os.write(writer, b"geheim\n")
    os.close(writer)
    assert read_secret(place, "cookie", tmp_path, Vaults()).reveal() == "geheim"
    os.close(reader)


def test_every_file_of_a_person_is_opened_through_one_door() -> None:
    root = Path(deployer.__file__).parent
    pattern = re.compile(
        r"^(?!.*resources\.|\s*def ).*(\.read_text\(|\.read_bytes\(|\.open\(\"rb?\"|(?<![.\w])open\()", re.MULTILINE
    )
    files = {str(file.relative_to(root)): file.read_text() for place in PLACES for file in (root / place).rglob("*.py")}
    assert {name for name, text in files.items() if pattern.search(text)} == OWN.keys()

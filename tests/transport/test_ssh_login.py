"""SSH against a real sshd: which keys, agents, passphrases and algorithms are offered."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployer.errors import AuthError, ConfigError
from deployer.sh import Program, sh
from tests.transport.ssh_kit import Reach, Start, answer
from tests.transport.sshd import Sshd, keygen, public, wait_for


def test_one_named_key_is_the_only_one_offered(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd("MaxAuthTries 6")
    (server.home / ".ssh").mkdir()
    shutil.copy(server.key, server.home / ".ssh" / "id_ed25519")
    with pytest.raises(AuthError, match="wrong"):
        reach(server, private_key=keygen(tmp_path / "wrong"))
    wait_for(lambda: "preauth" in server.log)
    assert len(re.findall("Failed publickey|userauth_pubkey", server.log)) <= 1
    assert "Accepted" not in server.log


def test_default_key_files_are_tried_when_none_is_named(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    (server.home / ".ssh").mkdir()
    shutil.copy(server.key, server.home / ".ssh" / "id_ed25519")
    assert answer(reach(server, private_key=None)) == "hello"


def test_no_key_at_all_says_so(sshd: Sshd, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(AuthError, match="no key"):
        reach(sshd, private_key=None)


def test_a_server_that_wants_more_than_a_key_is_told_how_to_want_it_alone(start_sshd: Start, reach: Reach) -> None:
    wants = "AuthenticationMethods publickey,keyboard-interactive"
    server = start_sshd(wants, "KbdInteractiveAuthentication yes", "UsePAM yes")
    with pytest.raises(AuthError, match="after the key it also wants keyboard-interactive") as caught:
        reach(server)
    assert "AuthenticationMethods publickey" in (caught.value.hint or "")


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    wait_for(path.exists)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process.kill()
    process.wait()


def test_the_agent_signs_and_is_never_forwarded(start_sshd: Start, reach: Reach, agent: Path) -> None:
    server = start_sshd()
    subprocess.run(["ssh-add", "-q", server.key], check=True, capture_output=True)
    transport = reach(server, private_key=None)
    (frame,) = transport.run(Program((sh('echo "${{SSH_AUTH_SOCK-none}}"'),)), timeout=20)
    assert frame.out == "none"


def test_a_frozen_agent_is_no_hang(sshd: Sshd, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.transport.auth._AGENT_PATIENCE", 0.2)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "frozen"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "frozen"))
        server.listen()
        assert answer(reach(sshd)) == "hello"


def test_a_passphrase_is_asked_once_for_all_hosts(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server, asked = start_sshd(), []
    key = keygen(tmp_path / "locked", "geheim")
    (server.home / "authorized_keys").write_text(public(key))

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "geheim"

    options = server.options(ask=ask)
    with ThreadPoolExecutor(4) as pool:
        for transport in pool.map(lambda _: reach(server, options, private_key=key), range(4)):
            assert answer(transport) == "hello"
    assert asked == [f"Passphrase for {key}: "]


def test_a_wrong_passphrase_is_not_asked_for_again_by_the_next_host(sshd: Sshd, reach: Reach, tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "wrong"

    options, key = sshd.options(ask=ask), keygen(tmp_path / "locked", "geheim")
    for _ in range(2):
        with pytest.raises(ConfigError, match="passphrase was wrong"):
            reach(sshd, options, private_key=key)
    assert len(asked) == 3


def test_only_modern_algorithms_are_offered() -> None:
    from deployer.transport import wire

    with socket.create_server(("127.0.0.1", 0)) as server:
        client = wire.Client(socket.create_connection(server.getsockname()), ("ssh-rsa", "ssh-dss"))
        client.start_client(event=threading.Event())
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"SSH-2.0-test\r\n")
            reader = peer.makefile("rb")
            assert reader.readline().startswith(b"SSH-2.0-")
            offer = reader.read(int.from_bytes(reader.read(4), "big"))
            reader.close()
        client.hang_up()
    for word in (b"cbc", b"3des", b"md5", b"sha1", b"ssh-dss", b"ecdsa", b"nistp"):
        assert word not in offer
    assert b"kex-strict-c-v00@openssh.com" in offer

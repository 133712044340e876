"""SSH against a real sshd: whose host key is trusted, and that no login is tried before it is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deployer.errors import ConfigError, HostKeyError
from tests.transport.ssh_kit import Reach, Start, answer, no_login_was_tried
from tests.transport.sshd import keygen, public


def test_a_changed_host_key_is_refused_before_any_login_and_both_fingerprints_are_shown(
    start_sshd: Start, reach: Reach, tmp_path: Path
) -> None:
    server = start_sshd()
    other = keygen(tmp_path / "other")
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public(other)}\n")
    with pytest.raises(HostKeyError) as caught:
        reach(server, server.options(accept_new=True))
    shown = re.findall(r"SHA256:\S{43}", str(caught.value))
    listed = [subprocess.check_output(["ssh-keygen", "-lf", key], text=True) for key in (server.home / "host", other)]
    assert len(shown) == 2
    assert all(fingerprint in line for fingerprint, line in zip(shown, listed, strict=True))
    assert no_login_was_tried(server)


def test_an_unknown_host_is_refused_before_any_login(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text("")
    with pytest.raises(HostKeyError, match="--accept-new-host-keys"):
        reach(server)
    assert no_login_was_tried(server)


def test_a_new_host_is_written_down_once_when_that_is_wanted(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text("# ends without a newline")
    options = server.options(accept_new=True)
    for _ in range(2):
        assert answer(reach(server, options)) == "hello"
    assert server.known_hosts.read_text() == f"# ends without a newline\n{server.host_line}\n"
    assert answer(reach(server)) == "hello"


def test_a_revoked_key_is_refused_even_where_it_is_also_known(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text(f"{server.host_line}\n@revoked * {public(server.home / 'host')}\n")
    with pytest.raises(HostKeyError, match="revoked"):
        reach(server, server.options(accept_new=True))
    assert no_login_was_tried(server)


def test_a_hashed_name_is_recognised(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", server.known_hosts], check=True, capture_output=True)
    assert server.known_hosts.read_text().startswith("|1|")
    assert answer(reach(server)) == "hello"


def test_a_known_key_of_another_type_is_the_one_asked_for(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    ecdsa = tmp_path / "ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ecdsa], check=True)
    server = start_sshd(f"HostKey {ecdsa}")
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public(ecdsa)}\n")
    assert answer(reach(server)) == "hello"


def test_a_damaged_known_hosts_stops_before_any_connection(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text(f"{server.host_line}\nother ssh-ed25519 AAAAC3Nz\n")
    with pytest.raises(ConfigError, match=r"known_hosts:2: .*damaged"):
        reach(server)
    assert "Connection from" not in server.log

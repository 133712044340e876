"""The ssh configuration fills what the inventory leaves open; what would weaken it or run programs is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.model import Connection
from deployer.transport import SshOptions
from deployer.transport.ssh_config import Target, expand, hop, resolve


def resolved(tmp_path: Path, text: str, connection: Connection | None = None, **options: object) -> Target:
    return resolve("web1", connection or Connection("web1.example.org"), configured(tmp_path, text, **options))


def configured(tmp_path: Path, text: str, **options: object) -> SshOptions:
    (tmp_path / ".ssh").mkdir(exist_ok=True)
    (tmp_path / ".ssh" / "config").write_text(text)
    return SshOptions(ssh_config=tmp_path / ".ssh" / "config", home=tmp_path, **options)  # type: ignore[arg-type]


FULL = """
# comment
User everyone
Host web1.example.org
    HostName 10.0.0.7
    User = deploy
    Port 2222
    IdentityFile /keys/special
    UserKnownHostsFile ~/.ssh/fleet "/etc/fleet hosts"
    HostKeyAlias fleet-web1
    ConnectTimeout 3
    StrictHostKeyChecking accept-new
    ProxyJump bastion
Host *
    Port 9
"""


def test_the_file_fills_what_the_inventory_leaves_open(tmp_path: Path) -> None:
    target = resolved(tmp_path, FULL)
    assert (target.address, target.port, target.known_as) == ("10.0.0.7", 2222, "fleet-web1")
    assert target.keys == (Path("/keys/special"),)
    assert target.known_hosts[:2] == (tmp_path / ".ssh" / "fleet", Path("/etc/fleet hosts"))
    assert (target.accept_new, target.connect_timeout, target.jumps) == (True, 3, ("bastion",))
    assert target.user == "everyone"


def test_the_inventory_wins(tmp_path: Path) -> None:
    options = {"userknownhostsfile": "/k", "stricthostkeychecking": "yes", "proxyjump": "none", "connecttimeout": "7"}
    connection = Connection("web1.example.org", 22, "root", Path("/key"), ssh_options=options)
    target = resolved(tmp_path, FULL, connection)
    assert (target.address, target.port, target.user, target.keys) == ("10.0.0.7", 22, "root", (Path("/key"),))
    assert (target.known_hosts[0], target.accept_new, target.jumps) == (Path("/k"), False, ())
    assert (target.connect_timeout, target.agent) == (7, False)


def test_without_a_file_defaults_hold(tmp_path: Path) -> None:
    target = resolve("web1", Connection("10.0.0.7"), SshOptions(ssh_config=tmp_path / "none", home=tmp_path))
    assert (target.address, target.port, target.known_as, target.keys) == ("10.0.0.7", 22, "10.0.0.7", ())
    assert target.known_hosts[0] == tmp_path / ".ssh" / "known_hosts"
    assert (target.agent, target.accept_new, target.jumps, target.proxy) == (True, False, (), "")


@pytest.mark.parametrize("word", ["no", "off", "maybe"])
def test_less_than_strict_host_keys_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigError, match="StrictHostKeyChecking"):
        resolved(tmp_path, f"StrictHostKeyChecking {word}\n")


def test_match_exec_runs_nothing_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    canary = tmp_path / "canary"
    text = f'Port 7\nMatch host * exec "touch {canary}"\n  User mallory\nHost web1*\n  User deploy\n'
    assert resolved(tmp_path, text).user == "deploy"
    assert not canary.exists()
    assert "config:2: left out" in caplog.text


def test_match_host_is_understood(tmp_path: Path) -> None:
    assert resolved(tmp_path, "Match host *.example.org\n  Port 77\n").port == 77


def test_an_included_file_counts_as_if_written_there(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "a.conf").write_text("Host web1*\n  Port 77\n")
    target = resolved(tmp_path, "Include *.conf\nUser deploy\nHost *\n  Port 9\n")
    assert (target.port, target.user) == (77, "deploy")


def test_an_include_inside_of_a_block_or_of_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="config:2: Include"):
        resolved(tmp_path, "Host web1\n  Include other\n")
    with pytest.raises(ConfigError, match="too deep"):
        resolved(tmp_path, "Include config\n")


@pytest.mark.parametrize(
    "line",
    [
        "Host",
        "just-one-word",
        "Port 0",
        "Port many",
        "User -l",
        "HostName -oProxyCommand=id",
        "ConnectTimeout soon",
        "Match nonsense",
    ],
)
def test_what_cannot_be_understood_is_a_configuration_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError):
        resolved(tmp_path, f"{line}\n")


def test_a_proxy_command_is_filled_in_and_none_is_none(tmp_path: Path) -> None:
    assert resolved(tmp_path, "ProxyCommand nc %h %p\nUser me\n").proxy == "nc web1.example.org 22"
    assert resolved(tmp_path, "ProxyCommand none\n").proxy == ""
    assert expand("x %h %p %r %% %q", "h", 1, "u") == "x h 1 u % %q"


def test_two_roads_at_once_are_refused(tmp_path: Path) -> None:
    both = Connection("web1", ssh_options={"proxyjump": "a", "proxycommand": "b"})
    with pytest.raises(ConfigError, match="both"):
        resolved(tmp_path, "", both)


@pytest.mark.parametrize(
    ("spec", "user", "address", "port"),
    [("bastion", "me", "bastion", 22), ("u@bastion:77", "u", "bastion", 77), ("u@[::1]:77", "u", "::1", 77)],
)
def test_a_hop_is_looked_up_for_itself(tmp_path: Path, spec: str, user: str, address: str, port: int) -> None:
    target = hop(spec, configured(tmp_path, "Host bastion\n  User me\n"))
    assert (target.user, target.address, target.port) == (user, address, port)


@pytest.mark.parametrize("spec", ["", "a:b:c", "a b", "-oX=y", "u@", "a:0", "a;b:22", "[::1"])
def test_a_hop_that_is_none_is_refused(tmp_path: Path, spec: str) -> None:
    with pytest.raises(ConfigError):
        hop(spec, configured(tmp_path, ""))

"""The ssh configuration fills what the inventory leaves open; what would weaken it or run programs is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.model import Connection
from deployer.transport import SshOptions, ssh_config, ssh_oracle
from deployer.transport.ssh_config import SshTarget, expand_tokens, hop, resolve


def resolved(tmp_path: Path, text: str, connection: Connection | None = None, **options: object) -> SshTarget:
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


def test_messages_name_a_port_of_an_ipv6_address_such_that_it_can_be_told_from_the_address(tmp_path: Path) -> None:
    six = resolved(tmp_path, "", Connection(address="fd00::2", user="ana"))
    assert (six.place, six.who) == ("[fd00::2]:22", "ana@[fd00::2]:22")
    assert resolved(tmp_path, "", Connection(address="10.0.0.2")).place == "10.0.0.2:22"


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


def test_an_include_of_itself_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".ssh").mkdir()
    for name in "abc":
        (tmp_path / ".ssh" / name).write_text("Include *\n")
    assert resolved(tmp_path, "Include *\nUser deploy\n").user == "deploy"
    assert "includes itself" in caplog.text


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("Host", 2),
        ("just-one-word", 2),
        ("Port many", 2),
        ("ConnectTimeout soon", 2),
        ("Match nonsense\n  Port 1", 2),
        ("Match tagged\n  Port 1", 2),
        ("Match localnetwork 203.0.113.0/24\n  Port 1", 2),
        ("Match exec true host web1\n  Port 1", 2),
        ('Host "open\n  Port 1', 2),
        ("Include /nowhere/at all/'open", 2),
    ],
)
def test_what_cannot_be_understood_costs_its_block_and_a_warning_never_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, place: int
) -> None:
    target = resolved(tmp_path, f"User deploy\n{line}\nHost *\n  HostKeyAlias x\n")
    assert (target.user, target.port, target.known_as, target.connect_timeout) == ("deploy", 22, "x", 10)
    assert f"config:{place}: left out" in caplog.text


@pytest.mark.parametrize("line", ["Port 0", "Port 70000", "User -l", "HostName -oProxyCommand=id"])
def test_a_value_that_no_client_could_use_is_a_configuration_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError):
        resolved(tmp_path, f"{line}\n")


def test_files_are_named_by_tokens_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", "/from/the/environment")
    text = (
        "HostName 10.0.0.7\nPort 77\nHostKeyAlias al\nUserKnownHostsFile ~/.ssh/kh.d/%k /tmp/%n:%p\n"
        "IdentityFile ${KEYS}/%h-%r\nIdentityAgent ~/x.sock\nUser deploy\nConnectTimeout 1m30s\n"
        "GlobalKnownHostsFile none\nProxyCommand ssh -W %h:%p %r@b%%\n"
    )
    target = resolved(tmp_path, text)
    assert target.known_hosts == (tmp_path / ".ssh/kh.d/al", Path("/tmp/web1.example.org:77"))
    assert target.keys == (Path("/from/the/environment/10.0.0.7-deploy"),)
    assert (target.agent_socket, target.connect_timeout) == (str(tmp_path / "x.sock"), 90)
    assert target.proxy == "ssh -W 10.0.0.7:77 deploy@b%"


@pytest.mark.parametrize(
    ("word", "socket"), [("none", ""), ("SSH_AUTH_SOCK", "/own"), ("$OTHER", "/other"), ("/a/b", "/a/b")]
)
def test_the_agent_is_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, socket: str
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/own")
    monkeypatch.setenv("OTHER", "/other")
    assert resolved(tmp_path, f"IdentityAgent {word}\n").agent_socket == socket
    assert resolved(tmp_path, "User x\n").agent_socket == "/own"


def test_a_tag_and_an_include_in_a_block_are_understood(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "more").write_text("Port 77\n")
    text = "Host web1*\n  Tag fleet\n  Include more\nMatch tagged fleet\n  User deploy\nHost *\n  Port 9\n"
    target = resolved(tmp_path, text)
    assert (target.user, target.port) == ("deploy", 77)


def test_the_client_is_asked_once_for_a_host_and_what_it_refuses_is_read_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = tmp_path / "asked"
    client = tmp_path / "ssh"
    refuses = "case $* in *web2*) echo bad >&2; exit 255 ;; esac"
    client.write_text(f'#!/bin/sh\necho "$*" >>{asked}\n{refuses}\necho user client\n')
    client.chmod(0o755)
    monkeypatch.setattr(ssh_oracle, "client", lambda: str(client))
    monkeypatch.setattr(ssh_config, "_account_home", lambda: tmp_path)
    options = configured(tmp_path, "User file\n")
    for name, user in (("web1", "client"), ("web2", "file"), ("web1", "client"), ("web2", "file")):
        assert resolve(name, Connection(name, 2222), options).user == user
    assert asked.read_text().splitlines() == ["-G -p 2222 -- web1", "-G -p 2222 -- web2"]
    assert "ssh does not take it" in caplog.text
    assert resolve("web1", Connection("web1"), configured(tmp_path, "# no word that matters\n")).user != "client"


def test_a_proxy_command_is_filled_in_and_none_is_none(tmp_path: Path) -> None:
    assert resolved(tmp_path, "ProxyCommand nc %h %p\nUser me\n").proxy == "nc web1.example.org 22"
    assert resolved(tmp_path, "ProxyCommand none\n").proxy == ""
    assert expand_tokens("x %h %p %r %% %q", {"h": "h", "p": "1", "r": "u", "%": "%"}) == "x h 1 u % %q"


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

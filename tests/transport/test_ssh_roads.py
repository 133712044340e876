"""SSH by way of jump hosts and proxy commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError, HostKeyError, Unreachable
from deployer.transport import SshOptions
from tests.transport.ssh_kit import Reach, Start, answer, no_login_was_tried
from tests.transport.sshd import Sshd, wait_for


def config_for(bastion: Sshd, target: Sshd) -> str:
    return (
        f"Host bastion\n  HostName 127.0.0.1\n  Port {bastion.port}\n  User root\n  IdentityFile {bastion.key}\n"
        f"  UserKnownHostsFile {bastion.known_hosts}\n"
        f"Host web\n  HostName 127.0.0.1\n  Port {target.port}\n  User root\n  IdentityFile {target.key}\n"
        f"  UserKnownHostsFile {target.known_hosts}\n  ProxyJump bastion\n"
    )


def with_config(server: Sshd, text: str) -> SshOptions:
    (server.home / "config").write_text(text)
    return server.options(ssh_config=server.home / "config")


BARE = {"address": "web", "port": None, "user": None, "private_key": None, "ssh_options": {}}


def test_a_jump_host_leads_there_by_its_own_words(start_sshd: Start, reach: Reach) -> None:
    bastion, target = start_sshd(), start_sshd("AllowTcpForwarding no")
    assert answer(reach(target, with_config(target, config_for(bastion, target)), **BARE)) == "hello"
    assert "Accepted publickey" in bastion.log


def test_a_jump_host_that_is_not_known_is_refused(start_sshd: Start, reach: Reach) -> None:
    bastion, target = start_sshd(), start_sshd()
    bastion.known_hosts.write_text("")
    with pytest.raises(HostKeyError, match=str(bastion.port)):
        reach(target, with_config(target, config_for(bastion, target)), **BARE)
    assert no_login_was_tried(bastion)
    assert "Connection from" not in target.log


def test_a_jump_in_a_circle_is_refused(sshd: Sshd, reach: Reach) -> None:
    with pytest.raises(ConfigError, match="circle"):
        reach(sshd, with_config(sshd, "Host *\n  ProxyJump bastion\n"), **BARE)


def test_a_chain_of_jumps_is_walked(start_sshd: Start, reach: Reach) -> None:
    one, two, target = start_sshd(), start_sshd(), start_sshd()
    text = config_for(one, target).replace("ProxyJump bastion", "ProxyJump bastion,middle") + config_for(
        two, target
    ).split("Host web")[0].replace("Host bastion", "Host middle")
    assert answer(reach(target, with_config(target, text), **BARE)) == "hello"
    assert "Accepted publickey" in one.log
    assert "Accepted publickey" in two.log


def test_a_proxy_command_is_the_connection_and_ends_with_it(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    bastion, target = start_sshd(), start_sshd()
    command = (
        f"ssh -F none -i {bastion.key} -o UserKnownHostsFile={bastion.known_hosts} -p {bastion.port} "
        "-W %h:%p root@127.0.0.1"
    )
    options = {**target.connection().ssh_options, "proxycommand": command}
    transport = reach(target, ssh_options=options)
    assert answer(transport) == "hello"
    assert len(bastion.sessions()) > 0
    transport.close()
    wait_for(lambda: not bastion.sessions())


def test_a_proxy_command_that_fails_says_how_and_what_it_said(sshd: Sshd, reach: Reach) -> None:
    text = "Host *\n  ProxyCommand sh -c 'echo no way to %h >&2; exit 7'\n"
    with pytest.raises(Unreachable, match="the ProxyCommand ended with status 7") as caught:
        reach(sshd, with_config(sshd, text), **BARE)
    assert "it says: no way to web" in caught.value.hint
    with pytest.raises(Unreachable, match="status 127"):
        reach(sshd, with_config(sshd, "Host *\n  ProxyCommand no-such-program-here %h\n"), **BARE)

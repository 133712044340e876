"""SSH by way of jump hosts and proxy commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import ConfigError, HostKeyChanged, HostKeyError, Unreachable
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


def test_every_further_way_is_tried_and_the_one_that_does_not_let_in_is_named(start_sshd: Start, reach: Reach) -> None:
    one = start_sshd()
    way = one.connection()
    over = replace(way, ssh_options={**way.ssh_options, "proxyjump": f"root@127.0.0.1:{one.port}"})
    config = f"Host *\n  IdentityFile {one.key}\n  UserKnownHostsFile {one.known_hosts}\n"
    for ways, logins in (((way, way), 3), ((over,), 3), ((), 1)):
        before = one.log.count("Accepted publickey")
        reach(one, with_config(one, config), ways=ways).prove_ways()
        wait_for(lambda: one.log.count("Accepted publickey") == before + logins)  # noqa: B023 - it is over by then
    with pytest.raises(Unreachable, match=r"^web1: by 127.0.0.1:1 \(confirm_over\): 127.0.0.1:1: "):
        reach(one, ways=(way, replace(way, port=1))).prove_ways()


def test_a_further_way_to_another_host_is_told_by_its_key(start_sshd: Start, reach: Reach) -> None:
    one, other = start_sshd(), start_sshd()
    with pytest.raises(HostKeyChanged, match=r"by 127.0.0.1:.*is not the known one") as caught:
        reach(one, ways=(replace(one.connection(), port=other.port),)).prove_ways()
    assert "ssh-keygen" not in (caught.value.hint or ""), "the key that is known is the right one"


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

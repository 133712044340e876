"""Hosts of every profile are what the profile's name says."""

from __future__ import annotations

import pytest
import yaml

from deployer import lab as labs


@pytest.fixture(scope="module")
def by_profile(lab_of) -> dict[str, labs.LabHost]:
    made = lab_of(*labs.LAB_PROFILES)
    return {host.profile: host for host in made.hosts}


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("default", {"maxstartups 100:30:200", "maxsessions 10", "allowtcpforwarding yes"}),
        ("stock", {"maxstartups 10:30:100", "maxsessions 10", "allowtcpforwarding yes"}),
        ("one-session", {"maxsessions 1", "allowtcpforwarding yes"}),
        ("no-forwarding", {"maxsessions 10", "allowtcpforwarding no"}),
        ("closed", {"maxsessions 1", "allowtcpforwarding no"}),
    ],
)
def test_sshd_is_set_as_the_profile_says(by_profile, ssh, profile, says):
    code, out = ssh(by_profile[profile], "sshd -T")
    assert code == 0
    assert says <= set(out.splitlines())


def test_sudo_asks_for_the_password_in_one_profile_and_not_in_the_other(by_profile, ssh):
    asks, trusts = by_profile["sudo-password"], by_profile["sudo"]
    assert ssh(trusts, "sudo -n id -un", user="deploy") == (0, "root\n")
    assert ssh(asks, "sudo -n id -un", user="deploy")[0] == 1
    given = f"{labs.PASSWORD}\n".encode()
    assert ssh(asks, "sudo -S -p '' id -un", user="deploy", stdin=given) == (0, "root\n")


def test_the_inventory_logs_in_as_the_user_and_becomes_root(by_profile):
    host = by_profile["sudo-password"]
    told = yaml.safe_load((host.home.parent.parent / "inventory.yml").read_text())
    variables = told["all"]["children"]["lab"]["hosts"][host.name]
    assert (variables["ansible_user"], variables["ansible_become"]) == ("deploy", True)


def test_the_database_lets_the_lab_in_by_the_password_and_is_there_again_after_a_reset(by_profile, ssh):
    database, other = by_profile["database"], by_profile["default"]
    url = labs.database_url(database)

    def ask(url: str) -> tuple[int, str]:
        return ssh(database, f"psql -At {url} -c 'CREATE TABLE t (); SELECT current_user, inet_client_addr()'")

    assert ask(url) == (0, f"CREATE TABLE\nlab|{database.address}\n")
    assert ask(url)[0] != 0, "the table is there"
    assert "password authentication failed" in ask(url.replace(labs.PASSWORD, "wrong"))[1]
    knock = f"exec 3<>/dev/tcp/{database.address}/5432"
    assert ssh(other, f"timeout 5 bash -c '{knock}'") == (0, "")
    labs.reset(database.name, database.home.parent.parent.name)
    assert ask(url) == (0, f"CREATE TABLE\nlab|{database.address}\n")


def test_the_inventory_has_the_databases_url_and_not_its_host(by_profile):
    host = by_profile["database"]
    told = yaml.safe_load((host.home.parent.parent / "inventory.yml").read_text())["all"]
    assert told["vars"] == {"database_url": f"postgres://lab:{labs.PASSWORD}@{host.address}:5432/lab"}
    assert set(told["children"]["lab"]["hosts"]) == {each.name for each in by_profile.values() if each is not host}


def test_a_host_without_ipv6_has_no_address_of_that_kind_not_even_loopback(by_profile, ssh):
    host, other = by_profile["no-ipv6"], by_profile["default"]
    assert host.address6 == ""
    assert ssh(host, "ip -6 addr; cat /proc/net/if_inet6")[1] == ""
    assert "inet6 ::1/128" in ssh(other, "ip -6 addr show lo")[1]

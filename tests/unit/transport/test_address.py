"""Addresses, users and ports of an inventory: whatever passes is one harmless word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import At, ConfigError
from deployer.syntax import check_address, check_port, check_user

GOOD = [
    "web1",
    "web-1.example.org",
    "10.0.0.7",
    "::1",
    "2001:db8::7",
    "a_b.c",
    "xn--bcher-kva.example",
    "w" * 63,
    ".".join(["a" * 62] * 4),
]
BAD = [
    "-oProxyCommand=id",
    "a b",
    "a;id",
    "$(id)",
    "a\nb",
    "a" * 300,
    "::1%eth0",
    "fe80::1%eth0",
    "web.",
    ".web",
    "",
    "a..b",
    "`id`",
    "user@host",
    "host:22",
    "[::1]",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "0x7f.1",
    "127.1",
    "a/b",
    "a\0b",
    "wéb",
    "a%h",
    "web-",
    "-web",
    "a" * 64,
    "a\tb",
    "a'b",
    'a"b',
    "a\\b",
    "10.0.0.7\n",
]


@pytest.mark.parametrize("text", GOOD)
def test_names_and_addresses_pass_unchanged(text: str) -> None:
    assert check_address(text) == text


@pytest.mark.parametrize("text", [text for text in BAD if text != "0x7f.1"])
def test_what_is_no_address_is_a_configuration_error_with_its_place(text: str) -> None:
    with pytest.raises(ConfigError) as caught, At("hosts.yml:3"):
        check_address(text)
    assert caught.value.where == "hosts.yml:3"


@given(st.text(max_size=40))
def test_whatever_passes_is_one_harmless_word(text: str) -> None:
    try:
        check_address(text)
    except ConfigError:
        return
    assert text
    assert not text.startswith("-")
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:")


@pytest.mark.parametrize("text", ["-l", "a b", "a;id", "", "$(id)", "a\n", "a" * 70, "%r"])
def test_what_is_no_user_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        check_user(text)


@pytest.mark.parametrize("text", ["root", "deploy", "first.last@example.org", "svc$", "_apt"])
def test_users_pass_unchanged(text: str) -> None:
    assert check_user(text) == text


@pytest.mark.parametrize("port", [0, -1, 65536, 70000])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(ConfigError):
        check_port(port)

"""Names of nodes, releases and hosts: what passes is harmless in a path, a flag and a shell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import names
from deployer.beam.names import NodeName
from deployer.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "naming"),
    [
        ("shop@10.77.0.2", "long"),
        ("shop@a.example", "long"),
        ("shop@fd00::2", "long"),
        ("rabbit@host1", "short"),
        ("_a-B9@h", "short"),
        ("9lives@h_1", "short"),
    ],
)
def test_a_node_name_knows_its_parts_and_its_kind(text: str, naming: names.Naming) -> None:
    node = names.parse_node(text, naming)
    assert str(node) == text
    assert node == NodeName(*text.split("@"))
    assert node.naming == naming


@pytest.mark.parametrize(
    "text",
    [
        "app@h -detached",
        "app@h'; id #`",
        "App@h",
        "app@",
        "@h",
        "app",
        "a@b@c",
        "app@h\n",
        "app\n@h",
        "äpp@h",
        "app@hö",
        "a.b@h",
        "-a@h",
        "a@-h",
        "a@h-",
        "a@.h",
        "a@h.",
        "a@h..i",
        "a@h/..",
        "a" * 64 + "@h",
        "a@" + "h" * 254,
        "",
        "a@::1%eth0",
        "a@fd00::zz",
        "a\u0661@h",
        "$(id)@h",
        "a@$(id)",
    ],
)
def test_what_is_no_node_name_is_refused_and_shown_escaped(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        names.parse_node(text)
    assert raised.value.message.isascii()
    assert raised.value.message.isprintable()
    assert raised.value.hint


def test_a_node_name_may_have_255_characters_and_no_more() -> None:
    assert names.parse_node("a@" + "h" * 253).name == "a"
    with pytest.raises(ConfigError):
        names.parse_node("a@" + "h" * 254)


@pytest.mark.parametrize(
    ("text", "naming"), [("a@host", "long"), ("a@h.example", "short"), ("a@10.0.0.1", "short"), ("a@::1", "short")]
)
def test_long_and_short_names_do_not_mix(text: str, naming: names.Naming) -> None:
    with pytest.raises(ConfigError, match=f"not a {naming} name"):
        names.parse_node(text, naming)


@pytest.mark.parametrize("word", ["1.4.2", "shop", "0.1.0+build.7", "a_b-c", "A" * 64])
def test_release_names_and_versions_pass(word: str) -> None:
    assert names.check_release_name(word) == word
    assert names.check_release_version(word) == word


@pytest.mark.parametrize("word", ["../x", ".", "..", "-x", "a b", "", "a/b", "a\n", "ä", "A" * 65, "a;b", "١"])
def test_release_names_and_versions_that_could_be_paths_or_flags_are_refused(word: str) -> None:
    for check in (names.check_release_name, names.check_release_version):
        with pytest.raises(ConfigError):
            check(word)


@pytest.mark.parametrize(
    ("address", "erlang"),
    [("10.77.0.2", "{10,77,0,2}"), ("::1", "{0,0,0,0,0,0,0,1}"), ("fd00:1::ff", "{64768,1,0,0,0,0,0,255}")],
)
def test_an_address_becomes_the_tuple_erlang_wants(address: str, erlang: str) -> None:
    assert names.erlang_address(address) == erlang


@pytest.mark.parametrize(
    "address", ["", "localhost", "10.0.0", "10.0.0.1/8", "10.0.0.256", "010.0.0.1", "1", "fe80::1%eth0"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        names.erlang_address(address)


@given(st.text(max_size=300))
def test_whatever_passes_as_a_node_name_is_harmless(text: str) -> None:
    try:
        node = names.parse_node(text)
    except ConfigError:
        return
    assert str(node) == text
    assert not set(text) & set(" \t\r\n'\"$`\\;&|<>(){}[]*?!#~%\0")
    assert text.isascii()
    assert not text.startswith("-")

"""Cookies: made strong, refused when weak or misread, compared without being shown."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam import cookie
from deployer.errors import ConfigError

STRONG = "q7Xk2ZbW9mTfJ4sLr8VyHd3NcPg6AaEu5RiKo1tQzMw"


def test_a_generated_cookie_is_strong_and_never_the_same() -> None:
    made = {cookie.generate() for _ in range(50)}
    assert len(made) == 50
    for text in made:
        cookie.check_cookie(text)
        assert len(text) == 43
        assert set(text) <= set(cookie.ALPHABET)


def test_the_alphabet_and_length_hold_256_bits() -> None:
    assert len(cookie.ALPHABET) ** cookie.LENGTH >= 2**256


def test_generating_draws_each_character_from_the_given_source() -> None:
    drawn = iter(STRONG)
    assert cookie.generate(lambda alphabet: next(drawn)) == STRONG


@pytest.mark.parametrize("text", [STRONG, "X4QJ7ZKMB2VNTRW6HYLDPC3GFAEUO5SI====", STRONG + "-_.+/=@%:"])
def test_a_strong_cookie_passes(text: str) -> None:
    cookie.check_cookie(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (STRONG[:31], "shorter than 32"),
        (STRONG * 6, "longer than 255"),
        (STRONG + "'", "character"),
        (STRONG + '"', "character"),
        (STRONG + "$x", "character"),
        (STRONG + "`id`", "character"),
        (STRONG + " ", "character"),
        (STRONG + "\n", "character"),
        (STRONG + "\\", "character"),
        (STRONG + "\0", "character"),
        (STRONG + "é", "character"),
        (STRONG + "\u0661", "character"),
        ("-" + STRONG, "flag"),
        ("-cookie_from_home_file", "flag"),
        ("a" * 40, "repeats"),
        ("abcdefghij" * 4, "repeats"),
        ("ababababababababababababababababcc", "repeats"),
        ("my-monster-is-very-very-long-and-hairy", "well-known"),
        ("thisIsTheSecretOfProductionCluster42", "well-known"),
        ("RabbitMqDefault-SWQOKODSQALRPCLNMEQG", "well-known"),
        ("secret", "shorter"),
        ("monster", "shorter"),
    ],
)
def test_a_bad_cookie_is_refused_by_its_reason_and_appears_nowhere(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        cookie.check_cookie(text, "cluster.cookie")
    shown = f"{raised.value}{raised.value!r}{raised.value.hint}"
    assert not text or text not in shown
    assert "cluster.cookie" in shown
    assert raised.value.__cause__ is None


def test_a_short_cookie_of_a_foreign_application_passes_the_form() -> None:
    cookie.check_format("KQYXHZWBNMPLRTVJCDGS")


def test_equal_cookies_have_equal_fingerprints_under_one_key_only() -> None:
    key, other = b"k" * 32, b"o" * 32
    assert cookie.fingerprint(STRONG, key) == cookie.fingerprint(STRONG, key)
    assert cookie.fingerprint(STRONG, key) != cookie.fingerprint(STRONG, other)
    assert cookie.fingerprint(STRONG, key) != cookie.fingerprint(STRONG[::-1], key)
    assert len(cookie.fingerprint(STRONG, key)) == 16
    assert int(cookie.fingerprint(STRONG, key), 16) >= 0


@given(st.text(max_size=300))
def test_whatever_is_refused_is_never_shown(text: str) -> None:
    marked = "Zq9x7" + text
    try:
        cookie.check_cookie(marked)
    except ConfigError as error:
        assert "Zq9x7" not in "".join(traceback.format_exception(error))
    else:
        assert marked.isascii()
        assert not set(marked) & set(" '\"$`\\\n\r\t#;|&<>()*?![]{}~^,")

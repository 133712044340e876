"""YAML as people mean it: every value keeps its place and its characters, surprises are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.errors import ConfigError
from deployer.load import yaml
from deployer.load.marked import Encrypted, Map, Seq, Text


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5432", 5432),
        ("-1", -1),
        ("0", 0),
        ("1.5", 1.5),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_a_scalar_that_prints_as_it_is_written_gets_its_type(written: str, value: Any) -> None:
    read = yaml.parse(f"key: {written}\n", "f.yml")["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "written",
    [
        "NO",
        "on",
        "yes",
        "True",
        "0644",
        "1.10",
        "22:22",
        "12:30:45",
        "1_000",
        "0x1F",
        "1e3",
        "+1",
        "-0",
        "2024-01-01",
        "0123456",
        "1e3.",
        ".5",
        ".inf",
        "Null",
        "=",
        "99999999999999999999",
    ],
)
def test_everything_else_stays_the_text_that_was_written(written: str) -> None:
    read = yaml.parse(f"key: {written}\n", "f.yml")["key"]
    assert read == written
    assert isinstance(read, Text)
    assert read.plain


def test_a_key_is_text_whatever_it_looks_like() -> None:
    assert list(yaml.parse("on: 1\n12: 2\nnull: 3\n", "f.yml")) == ["on", "12", "null"]


def test_quoted_text_and_blocks_are_not_plain() -> None:
    read = yaml.parse("a: '0644'\nb: |\n  0644\nc: 0644\n", "f.yml")
    assert [read[key].plain for key in "abc"] == [False, False, True]


def test_every_value_knows_where_it_was_written() -> None:
    read = yaml.parse("top:\n  - name: x\n    deep: {k: v}\n  - 7\n", "f.yml")
    item = read["top"][0]
    assert str(read.at("top")) == "f.yml:1:1"
    assert str(item.at("deep")) == "f.yml:3:5"
    assert str(item["deep"]["k"].mark) == "f.yml:3:15"
    assert str(read["top"].at(1)) == "f.yml:4:5"
    assert isinstance(read, Map)
    assert isinstance(read["top"], Seq)


def test_an_unsafe_text_is_marked_and_a_vault_stays_closed() -> None:
    read = yaml.parse("a: !unsafe '{{ x }}'\nb: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", "f.yml")
    assert read["a"].unsafe
    assert isinstance(read["b"], Encrypted)
    assert "6162" not in repr(read) + str(read["b"]) + f"{read['b']}"


BAD = {
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "f.yml:3:1", "'a' is written twice: first in line 1", ""),
    "duplicate key, once quoted": ('a: 1\n"a": 2\n', "f.yml:2:1", "first in line 1", ""),
    "anchor": ("a: &x 1\n", "f.yml:1:4", "anchors (&x)", "vars:"),
    "anchor on a mapping": ("a: &x {b: 1}\n", "f.yml:1:4", "anchors (&x)", "loop:"),
    "alias": ("a: *x\n", "f.yml:1:4", "aliases (*x)", "vars:"),
    "merge key": ("a:\n  <<: {b: 1}\n", "f.yml:2:3", "merge keys", "vars:"),
    "alias bomb": ("a: &a [x]\nb: &b [*a, *a]\n", "f.yml:1:4", "anchors", "vars:"),
    "python tag": ("a: !!python/object:os.system x\n", "f.yml:1:4", "unknown tag", "!vault"),
    "unknown tag": ("a: !valt x\n", "f.yml:1:4", "unknown tag '!valt'", "!vault"),
    "tag on a mapping": ("a: !vault {b: 1}\n", "f.yml:1:4", "unknown tag", "!vault"),
    "two documents": ("--- 1\n--- 2\n", "f.yml:2:1", "second document", "one document"),
    "tab indent": ("a:\n\tb: 1\n", "f.yml:2:1", "is not YAML", "spaces"),
    "NUL": ("a: b\nc: \0\n", "f.yml:2:4", "U+0000", ""),
    "escape character": ("a: \x1b[31m\n", "f.yml:1:4", "U+001B", ""),
    "unquoted template": ("a: {{ name }}\n", "f.yml:1:5", "a key must be plain text", '"{{ … }}"'),
    "template begins a scalar": ("a: {{ name }}/b\n", "f.yml:1:", "", '"{{ … }}"'),
    "colon in plain text": ("a: b: c\n", "f.yml:1:5", "is not YAML", "quotes"),
    "unclosed": ("a: [1, 2\n", "f.yml:2:1", "is not YAML", ""),
    "key that is a list": ("? [a]\n: b\n", "f.yml:1:3", "a key must be plain text", ""),
    "900 brackets": ("[" * 900, "f.yml:1:33", "nested deeper than 32", ""),
    "20 000 brackets": ("[" * 20_000, "f.yml:1:", "nest", ""),  # libyaml has a limit of its own, in newer versions
    "too many values": ("- 1\n" * 100_001, "f.yml:100000:3", "more than 100000 values", ""),
    "long scalar": ("a: " + "x" * 70_000, "f.yml:1:4", "longer than 65536", "src:"),
    "large text": ("# " + "x" * 2_000_000, "f.yml", "larger than", "files/"),
}


@pytest.mark.parametrize(("text", "place", "problem", "hint"), BAD.values(), ids=BAD.keys())
def test_what_is_refused_is_refused_with_its_place_and_what_to_write_instead(
    text: str, place: str, problem: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        yaml.parse(text, "f.yml")
    assert caught.value.where.startswith(place)
    assert problem in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xfea\x00:\x00", "UTF-16"),
        (b"a: \xff\n", "not UTF-8"),
        (b"x" * (yaml.MAX_BYTES + 1), "larger than"),
    ],
)
def test_a_file_of_the_wrong_kind_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=problem):
        yaml.read(path)


def test_a_huge_file_is_refused_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    with pytest.raises(ConfigError, match="larger than"):
        yaml.read(path)


def test_a_byte_order_mark_and_carriage_returns_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert yaml.read(path) == {"a": 1, "b": 2}


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        yaml.read(tmp_path / "none.yml")


@given(st.one_of(st.text(), st.text(alphabet=" \t\n-:{}[]&*!|>'\"#%@`,?ab01~<.")))
@settings(max_examples=4 * settings().max_examples)
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        value = yaml.parse(text, "f.yml")
    except ConfigError as error:
        assert error.where.startswith("f.yml")
    else:
        assert sum(1 for _ in yaml.walk(value)) <= yaml.MAX_NODES


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=2 * settings().max_examples)
def test_what_a_standard_writer_quotes_comes_back_as_it_was(value: Any) -> None:
    assert yaml.parse(pyyaml.safe_dump(value, default_style=None), "f.yml") == value

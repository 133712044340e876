"""Environment files: any value arrives as it was written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.errors import ConfigError
from deployer.fields import build
from deployer.model import Secret
from deployer.modules.env_file import EnvFile, quoted

VALUES = [
    "",
    " ",
    "plain",
    "$(id) `id` ${HOME} $HOME",
    'it\'s "quoted" \\ and \\\\ and \\n',
    "line\nbreak\n\n",
    "%n %% %",
    "#not; a=comment",
    "tab\tcr\resc\x1b[31m",
    "a\\\nb",
    "ünïcödé 日本",
    "x" * 100_000,
]


def file(values: dict[str, str]) -> EnvFile:
    return EnvFile(path="/etc/beam/x.env", values=dict(values))


def as_sh_reads(text: str, key: str, tmp: Path) -> str:
    (tmp / "env").write_text(text)
    read = ["sh", "-c", '. "$1"; eval "printf %s \\"\\$$2\\""', "sh", str(tmp / "env"), key]
    return subprocess.run(read, capture_output=True, check=True, env={}).stdout.decode("utf-8")


@pytest.mark.parametrize("value", VALUES, ids=[ascii(value[:20]) for value in VALUES])
def test_sh_reads_every_value_as_it_was_written(value: str, tmp_path: Path) -> None:
    assert as_sh_reads(file({"KEY": value}).text().reveal(), "KEY", tmp_path) == value


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=200))
def test_sh_reads_any_value_as_it_was_written(tmp_path: Path, value: str) -> None:
    assert as_sh_reads(file({"KEY": value}).text().reveal(), "KEY", tmp_path) == value


@given(st.text(max_size=200))
def test_a_quoted_value_ends_where_its_quote_ends(value: str) -> None:
    inner = quoted(value)[1:-1]
    at = 0
    while at < len(inner):
        assert inner[at] not in '"$`'
        at += 2 if inner[at] == "\\" else 1
    assert at == len(inner)


def test_values_win_over_defaults_and_the_order_is_stable() -> None:
    one = EnvFile(path="/x", defaults={"LANG": "C", "A": "1"}, values={"A": "2"})
    two = EnvFile(path="/x", defaults={"A": "1", "LANG": "C"}, values={"A": "2"})
    assert one.text().reveal() == two.text().reveal() == 'A="2"\nLANG="C"\n'


def test_a_secret_value_is_in_the_file_and_nowhere_else() -> None:
    module = EnvFile(path="/x", values={"TOKEN": Secret("canary-4711")})
    (step,) = module.fix(module.differences(module.parse("")))
    assert "canary-4711" in module.text().reveal()
    assert "canary-4711" not in repr(module) + repr(step) + repr(module.desired()) + module.probe().text


@pytest.mark.parametrize("values", [{"A-B": "x"}, {"": "x"}, {"A=B": "x"}, {"A\nB": "x"}, {"1A": "x"}, {"A": "x\0"}])
def test_what_cannot_be_a_variable_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="values"):
        build(EnvFile, {"path": "/x", "values": values})


def test_the_path_must_be_absolute() -> None:
    with pytest.raises(ConfigError, match="absolute"):
        build(EnvFile, {"path": "x.env"})

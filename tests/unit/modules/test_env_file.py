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
from tests.unit.modules.host_text import converge, see

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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    assert one.text().reveal() == two.text().reveal() == '# plain: A LANG\nA="2"\nLANG="C"\n'


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


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "etc/node.env"


def written(place: Path, **values: str | Secret) -> EnvFile:
    """What is on the host now."""
    module = EnvFile(path=str(place), values=values)
    converge(module, place.parent)
    return module


def changes(place: Path, **values: str | Secret) -> dict[str, tuple[list[str], list[str]]]:
    """The lines of each key that would go and come; what a plan shows."""
    module = EnvFile(path=str(place), values=values)
    found = module.differences(see(module, place.parent))
    parts = {key: ((one.before or "").splitlines(), (one.after or "").splitlines()) for key, one in found.items()}
    return {key: ([x for x in a if x not in b], [x for x in b if x not in a]) for key, (a, b) in parts.items()}


OLD, NEW = Secret("canary-old"), Secret("canary-new")


@pytest.fixture
def there(place: Path) -> Path:
    place.parent.mkdir()
    written(place, PORT="4000", TEXT="one\ntwo\n", TOKEN=OLD, KEY=OLD)
    return place


@pytest.mark.parametrize(
    ("declared", "gone", "come"),
    [
        ({}, [], []),
        ({"PORT": "4001"}, ['PORT="4000"'], ['PORT="4001"']),
        ({"TEXT": "one"}, ['TEXT="one\\ntwo\\n"'], ['TEXT="one"']),
        ({"MORE": "x"}, [], ['MORE="x"']),
        ({"MORE": NEW}, [], ["MORE=***"]),
        ({"PORT": None}, ["PORT=*** (not declared)"], []),
        ({"TOKEN": None}, ["TOKEN=*** (not declared)"], []),
        ({"TOKEN": NEW}, ["TOKEN=*** (another value)"], ["TOKEN=***"]),
        ({"PORT": Secret("4000")}, [], []),
        ({"TOKEN": "open"}, ["TOKEN=*** (another value)"], ['TOKEN="open"']),
        ({"PORT": NEW}, ["PORT=*** (another value)"], ["PORT=***"]),
    ],
)
def test_a_plan_names_each_variable_that_differs_and_shows_none_that_is_or_was_secret(
    there: Path, declared: dict[str, str | Secret | None], gone: list[str], come: list[str]
) -> None:
    values = {"PORT": "4000", "TEXT": "one\ntwo\n", "TOKEN": OLD, "KEY": OLD} | declared
    found = changes(there, **{key: value for key, value in values.items() if value is not None})
    assert found == ({"variables": (gone, come)} if gone or come else {})
    assert "canary" not in repr(found)


def test_a_first_file_is_shown_whole(place: Path) -> None:
    place.parent.mkdir()
    found = changes(place, PORT="4000", TOKEN=NEW)
    assert found["variables"] == ([], ['PORT="4000"', "TOKEN=***"])
    assert "content" not in found


def test_a_file_of_before_that_says_of_no_variable_that_it_was_plain_is_left_as_it_is(there: Path) -> None:
    there.chmod(0o600)
    there.write_text("".join(there.read_text().splitlines(keepends=True)[1:]))
    there.chmod(0o400)
    assert changes(there, PORT="4000", TEXT="one\ntwo\n", TOKEN=OLD, KEY=OLD) == {}
    found = changes(there, PORT="4001", TEXT="one\ntwo\n", TOKEN=OLD, KEY=OLD)
    assert found["variables"] == (["PORT=*** (another value)"], ['PORT="4001"'])


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        ("sed -i 's/4000/4001/' {}", 'PORT="4001"'),
        ("sed -i 's/canary-old/canary-x/' {}", "TOKEN=*** (another value)"),
        ("printf 'MINE=canary-z\n' >>{}", "TOKEN=*** (another value)"),
        ("sed -i '2i CANARY' {}", "*** (no variable)"),
        ("sed -i 's/^one$/x/;s/TEXT=\"one/TEXT=\"o\\\\none/' {}", 'TEXT="o\\none\\ntwo\\n"'),
        ("truncate -s -1 {}", "TOKEN=*** (another value)"),
        ("truncate -s 0 {}", None),
    ],
)
def test_what_somebody_else_wrote_is_found_and_shown_as_far_as_it_may(there: Path, harm: str, line: str | None) -> None:
    subprocess.run(["sh", "-c", f"chmod u+w {there}; {harm.format(there)}; chmod 0400 {there}"], check=True)
    found = changes(there, PORT="4000", TEXT="one\ntwo\n", TOKEN=OLD, KEY=OLD)
    assert "canary" not in repr(found).lower()
    assert line is None or line in found["variables"][0]
    converge(EnvFile(path=str(there), values={"PORT": "4000"}), there.parent)


@settings(max_examples=settings().max_examples * 3 // 5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=80),
    secret=st.booleans(),
)
def test_any_value_is_recognised_again(tmp_path: Path, value: str, secret: bool) -> None:
    given_as: str | Secret = Secret(value) if secret else value
    place = tmp_path / "any.env"
    written(place, A="1", B=given_as, C="3")
    assert changes(place, A="1", B=given_as, C="3") == {}
    found = changes(place, A="1", B=Secret("canary-other"), C="3")
    assert [line.partition("=")[0] for line in found["variables"][0]] == ["B"]


def test_what_would_change_in_a_file_without_a_variable_is_still_seen(place: Path) -> None:
    place.parent.mkdir()
    written(place)
    assert changes(place) == {}
    place.chmod(0o600)
    place.write_bytes(place.read_bytes() + b"\0")
    place.chmod(0o400)
    assert changes(place)

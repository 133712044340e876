"""The error tree: the class decides the exit code, the text names the place and the next step."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from deployer import errors
from deployer.errors import AnswerOf, At, ConfigError, DeployerError, ProbeError, Problems
from deployer.model import Mark

CODES = {
    "DeployerError": 1,
    "ConfigError": 3,
    "NotYet": 3,
    "TaskFails": 3,
    "SecretError": 3,
    "Problems": 3,
    "HostError": 4,
    "Unreachable": 4,
    "HostKeyError": 4,
    "HostKeyChanged": 7,
    "AuthError": 4,
    "ConnectionLost": 4,
    "ProbeError": 4,
    "DelegateLost": 4,
    "StepError": 1,
    "Reverted": 6,
    "NotConverged": 1,
    "Locked": 5,
    "Interrupted": 130,
}
CLASSES = {
    name: thing for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, Exception)
}


def test_every_class_is_in_the_table() -> None:
    assert set(CLASSES) == set(CODES)


@pytest.mark.parametrize("name", CODES)
def test_the_class_decides_the_exit_code(name: str) -> None:
    assert CLASSES[name]("x").exit_code == CODES[name]


def test_the_drawing_is_the_tree() -> None:
    drawn = re.findall(r"^ {4}(\W*)(\w+) +(\d+)", errors.__doc__ or "", re.MULTILINE)
    assert {name: int(code) for _, name, code in drawn} == CODES
    path: list[str] = []
    for lead, name, _ in drawn:
        depth = len(lead) // 4
        path = [*path[:depth], name]
        assert [kind.__name__ for kind in CLASSES[name].__mro__[: depth + 1]] == path[::-1]


def test_an_error_reads_place_sentence_next_step() -> None:
    error = ConfigError("port 70000 is no port", where=Mark("site.yml", 12, 3), hint="give 1 to 65535")
    assert str(error) == "site.yml:12:3: port 70000 is no port\n  give 1 to 65535"


def test_the_innermost_place_is_added_on_the_way_out() -> None:
    with pytest.raises(ConfigError) as caught, At(Mark("site.yml", 1)), At(Mark("site.yml", 12)), At(None):
        raise ConfigError("port 70000 is no port")
    assert caught.value.where == "site.yml:12"


def test_a_place_of_its_own_stays_and_so_do_those_of_several_errors() -> None:
    with pytest.raises(ConfigError) as caught, At("outside"):
        raise ConfigError("it broke", where="inside")
    assert caught.value.where == "inside"
    with pytest.raises(Problems) as several, At("outside"):
        Problems.check([ConfigError("a", where="one"), ConfigError("b")])
    assert str(several.value) == "one: a\nb"


def test_what_is_no_error_of_ours_passes_a_place_unchanged() -> None:
    with pytest.raises(KeyError), At("site.yml"):
        raise KeyError("x")


def test_an_error_without_place_and_hint_is_its_sentence() -> None:
    assert str(DeployerError("it broke")) == "it broke"


@pytest.mark.parametrize(
    ("mark", "text"),
    [(Mark("a.yml"), "a.yml"), (Mark("a.yml", 3), "a.yml:3"), (Mark("a.yml", 3, 9), "a.yml:3:9")],
)
def test_a_mark_shows_what_it_knows(mark: Mark, text: str) -> None:
    assert str(mark) == text


@pytest.mark.parametrize(
    "hostile", [lambda: int("9" * 5000), lambda: list[int]()[1], lambda: {}["x"], lambda: 10**400 / 1e6]
)
def test_an_answer_that_a_reader_trips_over_is_its_hosts_problem(hostile: Callable[[], object]) -> None:
    with pytest.raises(ProbeError, match=r"makes no sense .*test_errors.py:\d+") as caught, AnswerOf("web1"):
        hostile()
    assert (caught.value.where, caught.value.exit_code) == ("web1", 4)


def test_what_no_data_can_raise_is_not_hidden() -> None:
    with pytest.raises(AttributeError), AnswerOf("web1"):
        None.x  # type: ignore[attr-defined]  # noqa: B018

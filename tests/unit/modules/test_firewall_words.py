"""Words of a firewall that contradict each other, open SSH to everybody, or are no rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.fields import build
from deployer.modules.firewall import Firewall
from tests.unit.modules.firewall_kit import WALL, came, told

CONTRADICTIONS = [
    ({"admin": ["0.0.0.0/0"]}, "firewall.admin contains 0.0.0.0/0"),
    ({"admin": ["10.0.0.0/8", "::/0"]}, "firewall.admin contains ::/0"),
    ({"admin": ["0.0.0.0/1", "128.0.0.0/1"]}, "firewall.admin contains 0.0.0.0/0"),
    ({"public": ["22/tcp"]}, r"firewall.public 22/tcp opens SSH \(port 22\) to everyone"),
    ({"public": ["1-1023/tcp"]}, "opens SSH"),
    ({"public": ["80/tcp"], "closed": ["80/tcp"]}, "firewall.closed contains 80/tcp, but firewall.public opens 80/tcp"),
    ({"allow": [{"port": "80/tcp", "from": ["10.0.0.0/8"]}], "closed": ["1-99/tcp"]}, "but firewall.allow opens"),
]


@pytest.mark.parametrize(("words", "problem"), CONTRADICTIONS, ids=str)
def test_words_that_open_ssh_to_everybody_or_contradict_each_other_are_refused(
    words: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        build(Firewall, {"cluster": "shop", "admin": ["10.0.0.0/8"], **words})


def test_ssh_may_be_open_to_everybody_with_a_word_of_consent() -> None:
    words = {"admin": ["0.0.0.0/0", "::/0"], "public": ["22/tcp"], "ssh_from_anywhere": True}
    assert "0.0.0.0/0" in build(Firewall, {"cluster": "shop", **words}).part.text()


def test_the_port_that_ssh_really_has_is_not_opened_to_everyone_by_accident() -> None:
    wall = replace(WALL, public=("2222/tcp",))
    with pytest.raises(ConfigError, match="opens SSH \\(port 2222\\) to everyone"):
        wall.parse(told(wall, rules="x", serving="2222"))


@pytest.mark.parametrize(
    "line", ["# ports x jobs", "# ssh 22 $(id)", "# ssh 22 10.0.0.1/8", "# hello", "#", "# ports 0 x"]
)
def test_a_line_of_another_file_that_makes_no_sense_gives_no_right(line: str) -> None:
    with pytest.raises(ConfigError, match="that this run comes from"):
        WALL.parse(told(rules="x", connection=came("192.0.2.7"), others=line))


WRONG = [
    ("cluster", "a; drop"),
    ("cluster", "Shop"),
    ("admin", []),
    ("admin", ["10.0.0.1/8"]),
    ("admin", ["10.0.0.0/33"]),
    ("admin", ["all"]),
    ("admin", ["fe80::%eth0/64"]),
    ("members", ["web1"]),
    ("ports", "0-10"),
    ("ports", "9109-9100"),
    ("ports", "any"),
    ("public", ["4000"]),
    ("closed", ["4000"]),
    ("allow", [{"port": "4000", "from": ["10.0.0.0/8"]}]),
    ("allow", [{"port": "4000/tcp", "from": []}]),
    ("allow", [{"port": "4000/tcp", "from": ["0.0.0.0/0"]}]),
    ("allow", [{"port": "4000/tcp", "from": ["everyone"]}]),
    ("public", ["4000/icmp"]),
    ("public", ["70000/tcp"]),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_what_is_no_rule_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        build(Firewall, {"cluster": "shop", "admin": ["10.0.0.0/8"], name: value})

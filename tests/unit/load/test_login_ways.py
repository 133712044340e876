"""confirm_over: what may be written, and what is refused with a place and a word on what to write."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.load.login_ways import check_spelling, login_ways
from deployer.model import Connection, Mark

MAIN = Connection("10.0.0.7", None, "root", ssh_options={"userknownhostsfile": "/k", "proxycommand": "nc"})
HERE = Mark("hosts.yml", 4, 9)


def told(value: Any, main: Connection = MAIN) -> list[tuple[str, int | None, str | None]]:
    return [(way.address, way.port, way.ssh_options.get("proxyjump")) for way in login_ways(value, main, HERE)]


def test_addresses_ports_and_jumps_are_read_and_the_rest_is_as_on_the_main_way() -> None:
    assert told(None) == told([]) == []
    given = ["2001:db8::7", "[2001:db8::7]:2222", "10.1.0.7", "web1.example.com:23", {"jump": "root@10.9.0.1,b:2"}]
    assert told(given) == [
        ("2001:db8::7", None, None), ("2001:db8::7", 2222, None), ("10.1.0.7", None, None),
        ("web1.example.com", 23, None), ("10.0.0.7", None, "root@10.9.0.1,b:2"),
    ]  # fmt: skip
    (way,) = login_ways([{"address": "10.1.0.7", "port": 2200, "jump": "none"}], MAIN, HERE)
    assert (way.address, way.port, way.user) == ("10.1.0.7", 2200, "root")
    assert way.ssh_options == {"userknownhostsfile": "/k", "proxyjump": "none"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("10.1.0.7", "confirm_over is the text '10.1.0.7'"),
        (["10.0.0.7"], "names the way by which this run comes anyway"),
        ([{"adress": "10.1.0.7"}], "did you mean 'address'"),
        (["10.1.0.7:99999"], "99999"),
        (["a b"], "is no address"),
        ([{"port": "many"}], "confirm_over.port"),
        ([["10.1.0.7"]], "confirm_over"),
    ],
)
def test_what_is_no_way_is_refused_where_it_stands(value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        told(value)
    assert said in str(raised.value)
    assert str(raised.value).startswith("hosts.yml:4:9: ")


def test_this_machine_has_no_further_way_and_a_slip_is_seen() -> None:
    with pytest.raises(ConfigError, match="this machine itself"):
        told(["10.1.0.7"], Connection("127.0.0.1", local=True))
    assert check_spelling({"confirm_ovr": 1}) == "confirm_ovr"
    assert check_spelling({"confirm_over": 1, "confirm": 1, "confirmed": 1}) == ""

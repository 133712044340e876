"""What a host goes back to, by its own record."""

from __future__ import annotations

import pytest

from deployer.engine.ledger import Ledger
from deployer.engine.roll.rollback import check_kind, target
from deployer.errors import ConfigError

BAD = {"1.3-dd": "it did not start"}
RECORD = Ledger(current="1.2-cc", good=("1.4-ee", "1.2-cc", "1.1-bb", "1.1-aa"), bad=BAD)

FOUND = [
    ("", "1.1-bb"),
    ("1.1", "1.1-bb"),
    ("1.1-aa", "1.1-aa"),
    ("1.4", "1.4-ee"),
    ("1.2", "1.2-cc"),
]


@pytest.mark.parametrize(("wanted", "found"), FOUND)
def test_a_host_goes_back_to_what_was_good_on_it(wanted: str, found: str) -> None:
    assert target(RECORD, wanted) == found


def test_from_what_was_never_good_the_way_leads_to_the_last_good_one() -> None:
    assert target(Ledger(current="1.3-dd", good=RECORD.good, bad=BAD), "") == "1.4-ee"
    assert target(Ledger(good=RECORD.good), "") == "1.4-ee"


def test_of_two_builds_of_a_version_the_one_that_is_current_is_meant() -> None:
    assert target(Ledger(current="1.1-aa", good=RECORD.good), "1.1") == "1.1-aa"


REFUSED = [
    (RECORD, "1.3", "1.3 has failed on this host: it did not start"),
    (RECORD, "2.0", "2.0 was never good on this host"),
    (Ledger(current="1.1-aa", good=("1.1-aa",)), "", "no good release before the current one"),
    (Ledger(), "", "no good release before the current one"),
]


@pytest.mark.parametrize(("record", "wanted", "said"), REFUSED, ids=[case[2] for case in REFUSED])
def test_what_was_never_good_is_refused_and_the_good_ones_are_named(record: Ledger, wanted: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        target(record, wanted)
    assert caught.value.hint == f"good here: {', '.join(record.good) or 'none'}"


def test_files_that_would_split_the_cluster_do_not_come_back() -> None:
    flags = "-proto_dist inet_tls\n-erl_epmd_port 9100\n-name"
    check_kind("1.1-bb", "inet_tls, no EPMD, long names", {"found": "whole", "talked_0": flags, "talked_1": ""})
    with pytest.raises(ConfigError, match=r"1\.1-bb are for inet_tls, no EPMD, long names; declared is inet_tcp"):
        check_kind("1.1-bb", "inet_tcp, EPMD, short names", {"talked_1": flags})

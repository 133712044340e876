"""What sshd does for some alone (Match), and keys that it takes from elsewhere."""

from __future__ import annotations

import pytest

from deployer.audit.catalog import RULES
from tests.unit.audit.audit_kit import RULESET, SSHD, facts, told

DEEP = "/etc/ssh/sshd_config.d/9.conf"


@pytest.mark.parametrize(
    ("lines", "answer", "why"),
    [
        ((f"{DEEP}:Match User backup", f"{DEEP}:  PasswordAuthentication yes"), "FAIL", "Match User backup"),
        ((f"{DEEP}:match address 10.0.0.0/8", f'{DEEP}:\tpermitrootlogin="yes"'), "FAIL", "address 10.0.0.0/8"),
        ((f"{DEEP}:Match User x", "/etc/ssh/sshd_config:PasswordAuthentication yes"), "PASS", ""),
        (("/etc/ssh/sshd_config:Include /etc/ssh/sshd_config.d/*.conf",), "PASS", ""),
        (("/etc/ssh/sshd_config:Include /srv/more.conf",), "UNKNOWN", "/srv/more.conf"),
    ],
)
def test_what_sshd_does_for_some_alone_is_seen(lines: tuple[str, ...], answer: str, why: str) -> None:
    found = RULES["SS-01"].apply(facts({"login.matched": "\n".join(lines)}))
    assert (found.answer, why in found.reason) == (answer, True), found


def test_keys_that_lie_elsewhere_are_not_taken_for_looked_at() -> None:
    sshd = told(SSHD | {"authorizedkeysfile": ".ssh/authorized_keys /etc/ssh/keys/%u"}, " ")
    assert "/etc/ssh/keys/%u" in RULES["SS-07"].apply(facts({"login.sshd": sshd})).reason


@pytest.mark.parametrize(
    ("rule", "key", "line", "most"),
    [
        ("SS-01", "login.matched", "/etc/ssh/sshd_config:Match User x\n", 16384),
        ("SS-08", "login.sudo", "x ALL=(ALL) NOPASSWD: /bin/ls\n", 4096),
        ("FW-01", "walls.rules", RULESET, 262144),
    ],
)
def test_what_was_cut_passes_nothing(rule: str, key: str, line: str, most: int) -> None:
    assert RULES[rule].apply(facts({key: (line * most)[:most]})).answer == "UNKNOWN"

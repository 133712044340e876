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


_BY_KEY = {"passwordauthentication": "yes", "authenticationmethods": "publickey"}


@pytest.mark.parametrize(
    ("sshd", "answer", "why"),
    [
        ({"authenticationmethods": "any"}, "FAIL", "passwordauthentication yes"),
        ({"authenticationmethods": "publickey"}, "PASS", ""),
        ({"authenticationmethods": "publickey,password publickey,keyboard-interactive:pam"}, "PASS", ""),
        ({"authenticationmethods": "publickey password"}, "FAIL", "passwordauthentication yes"),
        ({"authenticationmethods": "publickey password,keyboard-interactive"}, "FAIL", "passwordauthentication yes"),
        ({"authenticationmethods": "publickey keyboard-interactive"}, "PASS", ""),
        (
            {"authenticationmethods": "publickey keyboard-interactive:pam", "kbdinteractiveauthentication": "yes"},
            "FAIL",
            "kbdinteractiveauthentication yes",
        ),
        ({"authenticationmethods": "publickey", "permitrootlogin": "yes"}, "FAIL", "only as long as passwords are off"),
    ],
)
def test_a_password_that_lets_nobody_in_alone_is_none(sshd: dict[str, str], answer: str, why: str) -> None:
    found = RULES["SS-01"].apply(facts({"login.sshd": told(SSHD | {"passwordauthentication": "yes"} | sshd, " ")}))
    assert (found.answer, why in found.reason) == (answer, True), found
    assert found.answer == "FAIL" or not found.reason


@pytest.mark.parametrize(
    ("lines", "answer", "why"),
    [
        (("Match User a", "AuthenticationMethods any"), "FAIL", "authenticationmethods any with passwordauth"),
        (("Match User a", "PasswordAuthentication no", "AuthenticationMethods any"), "PASS", ""),
        (("Match User a", "AuthenticationMethods publickey,password"), "PASS", ""),
        (
            ("Match User a", "KbdInteractiveAuthentication yes", "AuthenticationMethods keyboard-interactive"),
            "FAIL",
            "kbdinteractiveauthentication yes for Match User a",
        ),
        (
            ("Match User a", "PasswordAuthentication no", "AuthenticationMethods any", "Match all", "X11Forwarding no"),
            "PASS",
            "",
        ),
        (
            ("Match User a", "PasswordAuthentication yes", "Match Group b", "PasswordAuthentication no",
             "AuthenticationMethods any"),
            "UNKNOWN",
            "both Match User a and Match Group b",
        ),
    ],
)  # fmt: skip
def test_what_some_need_beside_a_password_is_judged_by_their_match(
    lines: tuple[str, ...], answer: str, why: str
) -> None:
    kept = "\n".join(f"{DEEP}:{line}" for line in lines)
    found = RULES["SS-01"].apply(facts({"login.sshd": told(SSHD | _BY_KEY, " "), "login.matched": kept}))
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

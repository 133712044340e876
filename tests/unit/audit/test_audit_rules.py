"""Every rule holds on a good host, FAILs where it should, and never passes what it could not read."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace
from typing import cast

import pytest

from deployer.audit.catalog import RULES, choose, own_profiles
from deployer.audit.facts import Facts, parse_group
from deployer.audit.process import CannotTell, Process
from deployer.audit.rule import Rule, each
from deployer.errors import ConfigError
from deployer.fields import build
from deployer.fleet import AuditWords
from deployer.sh import Frame
from tests.samples import quick
from tests.unit.audit.audit_kit import KNOWN, LIVE, SIGNED, UNIT, facts, good, told, without_group
from tests.unit.audit.rule_states import LIVE_STATES, STATES, TWO_LIVES

GOOD = facts()
BAD = {
    **{rule: facts(changes) for rule, (changes, _) in STATES.items()},
    **{rule: facts(live={"shop@10.0.0.1": LIVE | said}) for rule, said in LIVE_STATES.items()},
    "ED-17": facts(live=TWO_LIVES),
}
HIDDEN = {
    **{rule: facts(hidden) for rule, (_, hidden) in STATES.items()},
    **{rule: facts(live={"shop@10.0.0.1": "wrong cookie"}) for rule in (*LIVE_STATES, "ED-17")},
}


def test_there_is_a_state_for_every_rule() -> None:
    assert BAD.keys() == HIDDEN.keys() == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_holds_on_a_good_host(name: str) -> None:
    finding = RULES[name].apply(GOOD)
    exceptions = {"UN-16": "NOT APPLICABLE", "CK-08": "NOT APPLICABLE"}  # one BEAM runs there
    assert (finding.answer, finding.reason) == (exceptions.get(name, "PASS"), finding.reason), finding.reason


@pytest.mark.parametrize("name", RULES)
def test_a_rule_fails_where_it_should_and_says_why(name: str) -> None:
    finding = RULES[name].apply(BAD[name])
    assert finding.answer == "FAIL", finding
    assert len(finding.reason) > 10


@pytest.mark.parametrize("name", RULES)
def test_what_is_hidden_is_unknown_and_says_what(name: str) -> None:
    finding = RULES[name].apply(HIDDEN[name])
    assert finding.answer == "UNKNOWN", finding
    assert finding.reason


@pytest.mark.parametrize("name", [name for name in RULES if RULES[name].groups != ("live",)])
def test_no_rule_passes_when_a_group_could_not_be_read(name: str) -> None:
    for group in RULES[name].groups:
        if group != "live":
            assert RULES[name].apply(without_group(GOOD, group)).answer in ("UNKNOWN", "NOT APPLICABLE")


@pytest.mark.parametrize("name", RULES)
def test_what_is_wrong_never_passes_because_one_record_more_is_hidden(name: str) -> None:
    """An ordinary user reads less, here every record in turn; that must never turn a FAIL into a PASS."""
    rule, bad = RULES[name], BAD[name]
    for group, records in bad.groups.items():
        assert not isinstance(records, str)
        for key in records:
            left = {other: value for other, value in records.items() if other != key}
            hidden = replace(bad, groups={**bad.groups, group: left})
            answer = rule.apply(hidden).answer
            assert answer != "PASS", f"{name} passes without {group}.{key}"


def test_a_damaged_answer_of_a_reader_is_unknown() -> None:
    groups = {name: parse_group(Frame(0, 0, "no record at all")) for name in good()}
    answers = {
        rule.apply(Facts(groups, advisories=KNOWN, signature=SIGNED)).answer
        for rule in RULES.values()
        if rule.groups != ("live",)
    }
    assert answers == {"UNKNOWN"}
    assert parse_group(Frame(0, 1, "may not")) == "reading it failed: may not"


@pytest.mark.parametrize("garbage", quick(["", "a b c d e f", "0 0 0 0", "file \nfile", "-1\t\x7f\udce4"], 2))
def test_whatever_a_host_says_no_judge_breaks(garbage: str) -> None:
    for group, records in GOOD.groups.items():
        assert not isinstance(records, str)
        for key in records:
            some = replace(GOOD, groups={**GOOD.groups, group: {**records, key: garbage}})
            answers = {rule.apply(some).answer for rule in RULES.values()}
            assert answers <= {"PASS", "FAIL", "UNKNOWN", "NOT APPLICABLE"}


def test_what_cannot_be_told_of_several_processes_is_said_once_with_their_names() -> None:
    def judge(one: Process) -> list[str]:
        raise CannotTell("systemd is mute" if one.name == "c" else f"{one.name}: its limits cannot be read")

    some = [cast("Process", SimpleNamespace(name=name)) for name in "abcc"]
    with pytest.raises(CannotTell) as said:
        list(each(some, judge))
    assert str(said.value) == "a, b: its limits cannot be read; systemd is mute"


def test_a_node_that_only_epmd_names_is_found_by_its_own_socket() -> None:
    """As RabbitMQ, which takes its name when it runs already."""
    argv = "/opt/shop/erts-16.4.0.6/bin/beam.smp\n-noinput"
    quiet = facts({"node.argv": argv, "nodes.listening": "900/0100000A:1111 902/00000000:238C "})
    (beam,) = quiet.beams
    assert (beam.name, beam.alive) == ("shop", True)
    assert "every address, port 9100" in RULES["ED-02"].apply(quiet).reason
    assert RULES["ED-10"].apply(quiet).answer == "PASS"


@pytest.mark.parametrize("name", ["CK-01", "CK-02", "HO-01"])
def test_the_home_of_the_account_does_not_stand_for_the_nodes_own(name: str) -> None:
    assert RULES[name].apply(facts({"node.environ": None})).answer == "UNKNOWN"


def test_a_link_inside_of_the_release_leads_nowhere_else() -> None:
    inside = facts({"node.tree": "l /opt/shop/bin/epmd -> ../erts-16.4.0.6/bin/epmd\nrc 0"})
    assert RULES["RL-03"].apply(inside).answer == "PASS"
    outside = facts({"node.tree": "l /opt/shop/bin/epmd -> ../../etc/passwd\nrc 0"})
    assert RULES["RL-03"].apply(outside).answer == "FAIL"


def test_hidden_processes_are_not_taken_for_none() -> None:
    nodes = {"uid": "1000", "listening": ""}
    assert RULES["CK-01"].apply(Facts({"nodes": nodes})).answer == "UNKNOWN"
    assert RULES["CK-01"].apply(Facts({"nodes": nodes | {"all": "yes"}})).answer == "NOT APPLICABLE"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_whole(rule: Rule) -> None:
    assert rule.remedy
    assert rule.sources
    assert set(rule.groups) <= {"nodes", "machine", "login", "walls", "beyond", "sums", "signed", "live"}
    assert rule.reads


def test_rules_are_chosen_by_id_letters_severity_and_profile() -> None:
    assert [rule.id for rule in choose(only="ck-01, AT")] == ["AT-01", "AT-02", "AT-03", "CK-01"]
    assert {rule.severity for rule in choose(severity="high", profile="strict")} == {"critical", "high"}
    assert not {rule.id for rule in choose(skip="CK,ED-01")} & {"CK-01", "ED-01"}
    assert len(choose(profile="strict")) == len(RULES) > len(choose())
    assert [rule.id for rule in choose(only="RL-09")] == ["RL-09"], "named ones count whatever the profile"


def _profiles(**given: object) -> tuple[AuditWords, None]:
    return build(AuditWords, {"profiles": given}), None


def test_a_profile_of_ones_own_extends_and_leaves_out() -> None:
    mine = {"extends": "baseline", "rules": ["RL-09", "SS"], "skip": ["FW", "ss-08"]}
    own = own_profiles([_profiles(mine=mine, bare={"rules": ["CK-01"]}), _profiles(mine=mine)])
    ids = {rule.id for rule in choose(profile="mine", own=own)}
    assert ids >= {"RL-09", "SS-09", "CK-01"}
    assert not {one for one in ids if one.startswith("FW") or one == "SS-08"}
    assert [rule.id for rule in choose(profile="bare", own=own)] == ["CK-01"]


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ([_profiles(strict={"rules": ["CK"]})], "strict is there already"),
        ([_profiles(mine={"rules": ["CK-99"]})], "there is no rule 'CK-99'"),
        ([_profiles(mine={"rules": ["CK"]}), _profiles(mine={"rules": ["ED"]})], "not the same for all hosts"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(hosts: list[tuple[AuditWords, None]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        own_profiles(hosts)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIx9yqGdXKcdf2eMO9Yc3n7mR1AYrzxv9r0yNn3HfHbK ana@laptop"
PRINT = f"SHA256:{b64encode(sha256(b64decode(KEY.split()[1])).digest()).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("declared", "letin", "answer"),
    [
        ([PRINT], f"root {KEY}", "PASS"),
        ([PRINT], f'root from="10.0.0.1",command="ssh-x y" {KEY}', "PASS"),
        ([], f"root {KEY}", "FAIL"),
        ([PRINT], "root hidden", "UNKNOWN"),
        ([PRINT], None, "UNKNOWN"),
        ([PRINT], "root # a comment", "PASS"),
    ],
)
def test_only_declared_keys_let_anybody_in(declared: list[str], letin: str | None, answer: str) -> None:
    words = build(AuditWords, {"authorized_keys": declared})
    found = facts({"login.letin": letin} if letin is not None else {}, words=words)
    finding = RULES["SS-07"].apply(found)
    assert finding.answer == answer, finding
    assert finding.answer != "FAIL" or PRINT in finding.reason


def test_only_declared_lines_of_sudo_ask_for_no_password() -> None:
    said = {"login.sudo": "deploy  ALL=(ALL) NOPASSWD: ALL\nops ALL=(root) NOPASSWD: /usr/bin/systemctl"}
    both = build(
        AuditWords, {"sudo": ["deploy ALL=(ALL) NOPASSWD: ALL", "ops ALL=(root) NOPASSWD: /usr/bin/systemctl"]}
    )
    assert RULES["SS-08"].apply(facts(said, words=both)).answer == "PASS"
    one = build(AuditWords, {"sudo": ["deploy ALL=(ALL) NOPASSWD: ALL"]})
    assert "/usr/bin/systemctl" in RULES["SS-08"].apply(facts(said, words=one)).reason
    assert "deploy can run any command as root" in RULES["SS-08"].apply(facts(said)).reason


def test_security_updates_that_wait_are_told() -> None:
    assert (
        "2 security updates are pending: curl, openssl"
        in RULES["OP-02"].apply(facts({"machine.pending": "curl\nopenssl"})).reason
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ({"only": "CK-11"}, "CK-1"),
        ({"skip": "KC"}, "CK"),
        ({"severity": "hihg"}, "high"),
        ({"profile": "strikt"}, "strict"),
    ],
)
def test_a_word_that_is_none_is_refused_with_the_nearest(words: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        choose(**words)
    assert hint in refused.value.hint


def test_libraries_are_known_once_the_environment_is() -> None:
    """ERL_LIBS may name more of them; whoever may not read it passes nothing, and still hears of what is seen."""
    hidden: dict[str, str | None] = {"node.environ": None}
    for name in ("SB-01", "SB-02", "ED-13", "RL-09"):
        good = RULES[name].apply(facts(hidden))
        assert (good.answer, "ERL_LIBS" in good.reason) == ("UNKNOWN", True)
        assert RULES[name].apply(facts(STATES[name][0] | hidden)).answer == "FAIL"


def test_a_limit_that_something_lowers_is_told_apart_from_a_units() -> None:
    lowered = STATES["UN-06"][0] | {"nodes.units": told(UNIT | {"LimitNOFILE": "65536"})}
    assert "allows 65536: its start script lowers that" in RULES["UN-06"].apply(facts(lowered)).reason
    by_half = lowered | {"nodes.units": told(UNIT | {"LimitNOFILE": "524288", "LimitNOFILESoft": "1024"})}
    assert "soft limit of shop.service; its hard limit is 524288" in RULES["UN-06"].apply(facts(by_half)).reason
    assert "allows" not in RULES["UN-06"].apply(facts(lowered | {"nodes.units": None})).reason


def test_logs_that_were_not_searched_to_the_end_are_not_clean() -> None:
    assert RULES["CK-09"].apply(facts({"node.leaks": "?\n"})).answer == "UNKNOWN"
    assert RULES["CK-09"].apply(facts({"node.leaks": "/var/log/shop/a\n?\n"})).answer == "FAIL"

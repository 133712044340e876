"""Advisories in the OSV format: which versions they hit, of Hex and of OTP, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.audit.advisories import read_advisories
from deployer.audit.catalog import RULES
from deployer.audit.versions import hex_key
from deployer.errors import ConfigError
from tests.unit.audit.audit_kit import facts


def osv(
    name: str, *events: dict[str, str], purl: str = "", ecosystem: str = "Hex", **more: object
) -> dict[str, object]:
    package = {"name": name, "ecosystem": ecosystem, "purl": purl}
    affected = [{"package": package, "ranges": [{"type": "SEMVER", "events": list(events)}], **more}]
    return {"id": f"EEF-{name}", "modified": "2026-11-01T10:00:00Z", "summary": "bad", "affected": affected}


def hits(tmp_path: Path, advisory: dict[str, object], package: str, version: str) -> bool:
    (tmp_path / "one.json").write_text(json.dumps(advisory))
    return bool(read_advisories(tmp_path / "one.json").of(package, version))


@pytest.mark.parametrize(
    ("version", "hit"),
    [("0.9.0", False), ("1.0.0-rc.1", False), ("1.0.0", True), ("1.15.3-rc.1", True), ("1.15.3-dev+build", True),
     ("1.15.3", False), ("1.16.0-rc.0", False), ("2.0.0", True), ("2.0.4", True), ("2.0.5", False), ("unknown", True)],
)  # fmt: skip
def test_a_range_of_hex(tmp_path: Path, version: str, hit: bool) -> None:
    events = ({"introduced": "1.0.0"}, {"fixed": "1.15.3"}, {"introduced": "2.0.0"}, {"last_affected": "2.0.4"})
    assert hits(tmp_path, osv("plug", *events), "plug", version) is hit, "what cannot be compared may be affected"


@pytest.mark.parametrize(
    ("version", "hit"), [("5.2.9", True), ("5.2.10", False), ("5.2.9.1", True), ("5.2", True), ("5.1.4.8", False)]
)
def test_a_range_of_otp(tmp_path: Path, version: str, hit: bool) -> None:
    events = ({"introduced": "5.2"}, {"fixed": "5.2.10"})
    advisory = osv("otp", *events, purl="pkg:otp/ssh?repository_url=x", ecosystem="")
    assert hits(tmp_path, advisory, "ssh", version) is hit


def test_an_open_range_a_list_of_versions_and_other_ecosystems(tmp_path: Path) -> None:
    assert hits(tmp_path, osv("plug", {"introduced": "0"}), "plug", "99.0.0")
    assert hits(tmp_path, osv("plug", versions=["1.2.3"]), "plug", "1.2.3")
    assert not hits(tmp_path, osv("plug", {"introduced": "0"}, ecosystem="npm"), "plug", "1.0.0")
    assert not hits(tmp_path, osv("plug", {"introduced": "0"}) | {"withdrawn": "2026-01-01T00:00:00Z"}, "plug", "1.0.0")


def test_an_end_that_is_no_version_never_lets_anything_off(tmp_path: Path) -> None:
    bogus = osv("plug", {"introduced": "0"}, {"fixed": "soon"})
    assert hits(tmp_path, bogus, "plug", "1.0.0")
    (tmp_path / "one.json").write_text(json.dumps(bogus))
    (one,) = read_advisories(tmp_path / "one.json").of("plug", "1.0.0")
    assert one.hits("1.0.0") is None


@pytest.mark.parametrize("affected", ["plug", {"package": {}}, ["plug"], 7])
def test_what_is_affected_has_to_be_a_list_of_packages(tmp_path: Path, affected: object) -> None:
    with pytest.raises(ConfigError, match="X-9: affected is not a list of packages") as refused:
        hits(tmp_path, {"id": "X-9", "affected": affected}, "plug", "1.0.0")
    assert str(tmp_path / "one.json") in str(refused.value.where)


def test_hex_orders_as_semantic_versions_do() -> None:
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"]
    assert sorted(order, key=hex_key) == order
    assert hex_key("1.0.0+a") == hex_key("1.0.0")


def test_a_directory_is_read_and_its_age_is_known(tmp_path: Path) -> None:
    for name in ("plug", "bandit"):
        (tmp_path / f"{name}.json").write_text(json.dumps(osv(name, {"introduced": "0"})))
    found = read_advisories(tmp_path)
    assert found.count == 2
    assert found.newest is not None
    assert found.newest.year == 2026


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"id": 7}'])
def test_what_is_no_advisory_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError):
        read_advisories(tmp_path)


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        read_advisories(tmp_path)


def record(name: str, introduced: str, *fixes: str, **more: object) -> dict[str, object]:
    changes = [{"at": fix, "status": "unaffected"} for fix in fixes]
    version = {"version": introduced, "lessThan": "*", "versionType": "otp", "status": "affected", "changes": changes}
    affected = {"packageURL": f"pkg:otp/{name}?vcs_url=x", "versions": [version | more]}
    about = {"cveId": f"CVE-{name}", "dateUpdated": "2026-07-24T14:15:28.298Z", "state": "PUBLISHED"}
    return {
        "dataType": "CVE_RECORD",
        "cveMetadata": about,
        "containers": {"cna": {"title": "bad", "affected": [affected]}},
    }


@pytest.mark.parametrize(
    ("version", "hit"),
    [("10.9.1", False), ("11.0", True), ("11.2.12", True), ("11.2.12.8", True), ("11.2.12.9", False),
     ("11.2.12.9.1", False), ("11.2.12.10", False), ("11.2.13", True), ("11.3", True), ("11.6.0.1", True),
     ("11.6.0.2", False), ("11.7", True), ("11.7.1.4", True), ("11.7.2", False), ("11.7.2.1", False), ("12.0", False)],
)  # fmt: skip
def test_a_record_ends_on_each_track_of_otp(tmp_path: Path, version: str, hit: bool) -> None:
    assert hits(tmp_path, record("ssl", "11.0", "11.7.2", "11.6.0.2", "11.2.12.9"), "ssl", version) is hit


def test_a_record_of_one_end_of_another_order_or_rejected(tmp_path: Path) -> None:
    assert hits(tmp_path, record("ssh", "6.0", lessThan="6.0.1"), "ssh", "6.0")
    assert not hits(tmp_path, record("ssh", "6.0", lessThan="6.0.1"), "ssh", "6.0.1")
    assert hits(tmp_path, record("elixir", "1.5.0", lessThan="1.20.1", versionType="semver"), "elixir", "1.14.0")
    assert not hits(tmp_path, record("ssh", "6.0", versionType="git"), "ssh", "6.0")
    rejected = record("ssh", "6.0")
    rejected["cveMetadata"] = {"cveId": "CVE-ssh", "state": "REJECTED"}
    assert not hits(tmp_path, rejected, "ssh", "6.0")
    with pytest.raises(ConfigError, match="no id"):
        hits(tmp_path, {"dataType": "CVE_RECORD", "containers": 7}, "ssh", "6.0")


def test_an_advisory_that_names_commits_is_not_taken_for_one_that_does_not_hit(tmp_path: Path) -> None:
    ranges = [{"type": "GIT", "repo": "https://github.com/erlang/otp", "events": [{"introduced": "7a08c550"}]}]
    bare = {"id": "EEF-CVE-ssl", "aliases": ["CVE-ssl"], "affected": [{"ranges": ranges}]}
    (tmp_path / "osv.json").write_text(json.dumps(bare))
    known = read_advisories(tmp_path)
    assert known.commits == ("EEF-CVE-ssl",)
    told = RULES["SB-01"].apply(replace(facts(), advisories=known))
    assert (told.answer, "EEF-CVE-ssl name commits" in told.reason) == ("UNKNOWN", True)
    (tmp_path / "record.json").write_text(json.dumps(record("ssl", "99.0")))
    known = read_advisories(tmp_path)
    assert known.commits == ()
    assert RULES["SB-01"].apply(replace(facts(), advisories=known)).answer == "PASS"


def bare(name: str, *aliases: str, **more: object) -> dict[str, object]:
    ranges = [{"type": "GIT", "repo": "https://github.com/erlang/otp", "events": [{"introduced": "7a08c550"}]}]
    return {"id": name, "aliases": list(aliases), "affected": [{"ranges": ranges} | more]}


def of_sources(*, purl: str = "", **more: object) -> dict[str, object]:
    found = record("ssl", "OTP 27.0", versionType="git")
    found["containers"] = {"cna": {"affected": [{"packageURL": purl, "versions": [{"status": "affected"}]} | more]}}
    return found


TELL_NO_VERSION = {
    "two advisories that are each other's alias": (bare("EEF-CVE-ssl", "CVE-ssl"), bare("CVE-ssl", "EEF-CVE-ssl")),
    "a package of OTP with commits": (bare("EEF-CVE-ssl", package={"purl": "pkg:otp/ssl"}),),
    "a record with commits": (bare("EEF-CVE-ssl", "CVE-ssl"), record("ssl", "7a08c550", versionType="git")),
    "a record about the sources": (of_sources(purl="pkg:github/erlang/otp?x=y"),),
    "a record without an address": (of_sources(vendor="erlang", product="otp"),),
    "versions of a package of Hex beside commits of OTP": (
        bare("EEF-CVE-ssl", "CVE-ssl"),
        osv("plug", {"introduced": "0"}, {"fixed": "1.0.0"}) | {"id": "CVE-ssl"},
    ),
    "a record that says where the sources are": (of_sources(repo="https://github.com/elixir-lang/elixir"),),
}


@pytest.mark.parametrize("kind", TELL_NO_VERSION)
def test_what_tells_no_version_is_never_a_pass_and_counts_once(tmp_path: Path, kind: str) -> None:
    for number, one in enumerate(TELL_NO_VERSION[kind]):
        (tmp_path / f"{number}.json").write_text(json.dumps(one))
    known = read_advisories(tmp_path)
    assert (known.count, len(known.commits)) == (1, 1)
    assert RULES["SB-01"].apply(replace(facts(), advisories=known)).answer == "UNKNOWN"


def test_a_package_of_hex_of_which_no_version_is_told_may_be_affected(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(bare("GHSA-x", package={"name": "plug", "ecosystem": "Hex"})))
    (one,) = read_advisories(tmp_path).of("plug", "1.0.0")
    assert one.hits("1.0.0") is None


ALL_BUT = {
    "nothing": ([], {"11.0": True}),
    "an end": ([{"version": "11.2", "lessThan": "*"}], {"11.1.9": True, "11.2": False, "12.0": False}),
    "another word for the end": ([{"version": "11.2", "lessThanOrEqual": "*"}], {"11.1.9": True, "11.2": False}),
    "both ends": (
        [{"version": "0", "lessThan": "11.0"}, {"version": "11.2", "lessThan": "*"}],
        {"10.9": False, "11.1": True, "11.2": False},
    ),
    "an end that is not certain": (
        [{"version": "11.2", "lessThan": "*", "status": "unknown"}],
        {"11.0": None, "11.2": None},
    ),
    "a hole": ([{"version": "11.2", "lessThan": "11.3"}], {"11.0": None, "11.2": None}),
}


@pytest.mark.parametrize("kind", ALL_BUT)
def test_a_record_may_list_what_is_not_affected(tmp_path: Path, kind: str) -> None:
    listed, expected = ALL_BUT[kind]
    some = record("ssl", "0")
    versions = [{"status": "unaffected", "versionType": "otp"} | one for one in listed]
    affected = {"packageURL": "pkg:otp/ssl", "defaultStatus": "affected", "versions": versions}
    some["containers"] = {"cna": {"affected": [affected]}}
    (tmp_path / "one.json").write_text(json.dumps(some))
    (one,) = read_advisories(tmp_path).by_package["ssl"]
    assert {version: one.hits(version) for version in expected} == expected

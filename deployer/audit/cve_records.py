"""CVE records of applications of OTP, read as advisories: their like in the OSV format names commits, and no versions.

The format: https://cveproject.github.io/cve-schema. Of packages ``pkg:otp/NAME`` the versions are taken; what is about
the sources of OTP or Elixir alone is passed on without any, so that it is not taken for what does not hit. Of packages
of Hex the advisories in the OSV format tell the versions themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_ORDERS = {"otp": "OTP", "semver": "SEMVER"}
RUNTIME_SOURCES = {
    "erlang/otp": "https://github.com/erlang/otp",
    "elixir-lang/elixir": "https://github.com/elixir-lang/elixir",
}
"""Repositories of what each host of ours runs, whose advisories may tell no version."""


def is_record(raw: object) -> bool:
    """Return whether JSON is a CVE record."""
    return isinstance(raw, dict) and raw.get("dataType") == "CVE_RECORD"


def as_advisory(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CVE record as an advisory in the OSV format, with ranges of a type of our own, ``OTP``.

    Such a range has an event ``fixed`` for each track of versions: what follows none of them is affected.
    """
    about, said = _part(record, "cveMetadata"), _part(_part(record, "containers"), "cna")
    affected = [found for one in dicts(said.get("affected")) for found in _affected(one)]
    gone = {"withdrawn": "yes"} if about.get("state") == "REJECTED" else {}
    told = {"id": about.get("cveId"), "modified": about.get("dateUpdated"), "summary": said.get("title", "")}
    return {**told, **gone, "affected": affected}


def _affected(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    purl = str(one.get("packageURL", ""))
    if purl.startswith("pkg:otp/"):
        yield {"package": {"purl": purl}, "ranges": list(_ranges(one))}
        return
    # Records of some years ago have neither packageURL nor repo.
    said = (purl, one.get("repo"), f"{one.get('vendor')}/{one.get('product')}")
    for name, repo in RUNTIME_SOURCES.items():
        if not purl.startswith("pkg:hex/") and any(name in str(word).lower() for word in said):
            yield {"ranges": [{"type": "GIT", "repo": repo}]}


def _ranges(affected: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    versions = dicts(affected.get("versions"))
    if affected.get("defaultStatus") == "affected" and not any(one.get("status") == "affected" for one in versions):
        yield from _all_but(versions)
    for one in versions:
        order = _ORDERS.get(str(one.get("versionType")))
        if order is None or one.get("status") != "affected":
            continue
        ends = [change.get("at") for change in dicts(one.get("changes")) if change.get("status") == "unaffected"]
        ends += [one.get("lessThan")] if one.get("lessThan") not in ("*", None) else []
        events = [{"introduced": str(one.get("version"))}, *({"fixed": str(end)} for end in ends)]
        if "lessThanOrEqual" in one:
            events.append({"last_affected": str(one["lessThanOrEqual"])})
        elif not ends and "lessThan" not in one:  # one version alone
            events.append({"last_affected": str(one.get("version"))})
        yield {"type": order, "events": events}


def _all_but(unaffected: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the range of what is not listed, where a record lists what is not affected."""
    told = [one for one in unaffected if str(one.get("versionType")) in _ORDERS]
    if unaffected and not told:
        return
    events = [{"introduced": "0"}]
    for one in told:
        version, end = str(one.get("version")), str(one.get("lessThan", ""))
        if one.get("status") != "unaffected":
            events[0] = {"introduced": "unknown"}
        elif "*" in (end, one.get("lessThanOrEqual")):
            events.append({"fixed": version})
        elif version == "0" and end and events[0] == {"introduced": "0"}:
            events[0] = {"introduced": end}
        else:  # a hole among those that are affected is none that can be compared
            events[0] = {"introduced": "unknown"}
    yield {"type": "OTP", "events": events}


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def dicts(some: object) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list, and none of what is no list."""
    return [one for one in some if isinstance(one, dict)] if isinstance(some, list) else []

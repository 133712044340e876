"""CVE records of applications of OTP, read as advisories: their like in the OSV format names commits, and no versions.

The format: https://cveproject.github.io/cve-schema. Only packages ``pkg:otp/NAME`` are taken: of those of Hex the
advisories in the OSV format tell the versions themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_ORDERS = {"otp": "OTP", "semver": "SEMVER"}


def is_record(raw: object) -> bool:
    """Return whether JSON is a CVE record."""
    return isinstance(raw, dict) and raw.get("dataType") == "CVE_RECORD"


def as_advisory(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CVE record as an advisory in the OSV format, with ranges of a type of our own, ``OTP``.

    Such a range has an event ``fixed`` for each track of versions: what follows none of them is affected.
    """
    about, said = _part(record, "cveMetadata"), _part(_part(record, "containers"), "cna")
    affected = [
        {"package": {"purl": str(one.get("packageURL"))}, "ranges": list(_ranges(one))}
        for one in _dicts(said.get("affected"))
        if str(one.get("packageURL")).startswith("pkg:otp/")
    ]
    gone = {"withdrawn": "yes"} if about.get("state") == "REJECTED" else {}
    told = {"id": about.get("cveId"), "modified": about.get("dateUpdated"), "summary": said.get("title", "")}
    return {**told, **gone, "affected": affected}


def _ranges(affected: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in _dicts(affected.get("versions")):
        order = _ORDERS.get(str(one.get("versionType")))
        if order is None or one.get("status") != "affected":
            continue
        ends = [change.get("at") for change in _dicts(one.get("changes")) if change.get("status") == "unaffected"]
        ends += [one.get("lessThan")] if one.get("lessThan") not in ("*", None) else []
        events = [{"introduced": str(one.get("version"))}, *({"fixed": str(end)} for end in ends)]
        if "lessThanOrEqual" in one:
            events.append({"last_affected": str(one["lessThanOrEqual"])})
        elif not ends and "lessThan" not in one:  # one version alone
            events.append({"last_affected": str(one.get("version"))})
        yield {"type": order, "events": events}


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _dicts(some: object) -> list[Mapping[str, Any]]:
    return [one for one in some if isinstance(one, dict)] if isinstance(some, list) else []

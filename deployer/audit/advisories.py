"""Known vulnerabilities in the OSV format, from a file or directory that a person has: offline, and only read.

OSV: https://ossf.github.io/osv-schema. Of a package of Hex the version of its application is compared as Hex orders
versions, of an application of OTP (``pkg:otp/ssh``) as OTP does. Advisories about OTP itself name commits alone; the
CVE records of those, which are read as well (`cve_records`), have the versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from deployer.audit.cve_records import RUNTIME_SOURCES, as_advisory, dicts, is_record
from deployer.audit.versions import follows, hex_key, numbers
from deployer.errors import At, ConfigError

_MOST, _LARGEST = 20_000, 4 * 2**20
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Versions from ``introduced`` on: before ``fixed``, or up to ``last``; either may be empty for no end.

    Of OTP, ``fixes`` may have one version for each track: what follows none of them is in the range.
    """

    introduced: str
    fixed: str = ""
    last: str = ""
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advisory:
    """One advisory about one package; ``otp`` tells an application of OTP from a package of Hex."""

    id: str
    package: str
    otp: bool
    ranges: tuple[Range, ...]
    versions: frozenset[str] = frozenset()
    summary: str = ""

    def hits(self, version: str) -> bool | None:
        """Return whether a version is affected; None where it, or an end of a range, is none that can be compared.

        Of a package of Hex of which no version is told nobody knows, either.
        """
        if not self.otp and not self.ranges and not self.versions:
            return None
        order = numbers if self.otp else hex_key
        told = {_within(order(version), one, order) for one in self.ranges}
        return True if version in self.versions or True in told else None if None in told else False


def _within(at: Key, one: Range, order: Any) -> bool | None:
    ends = [bound for bound in (one.introduced, one.fixed, one.last, *one.fixes) if bound not in ("", "0")]
    if not at or not all(order(bound) for bound in ends):
        return None
    if one.introduced not in ("", "0") and at < order(one.introduced):
        return False
    if one.fixes:
        return not any(follows(at, order(fix)) for fix in one.fixes)
    if one.fixed:
        return bool(at < order(one.fixed))
    return not one.last or bool(at <= order(one.last))


@dataclass(frozen=True, slots=True)
class Advisories:
    """All that a person has; ``newest`` is when the last of them was changed, None where none tells.

    What an advisory and a CVE record tell of one fault counts once. ``commits`` are those about Erlang/OTP and Elixir
    of which nothing tells a version, so that no host is held to them.
    """

    by_package: Mapping[str, tuple[Advisory, ...]] = field(default_factory=dict)
    count: int = 0
    newest: datetime | None = None
    commits: tuple[str, ...] = ()

    def of(self, package: str, version: str) -> tuple[Advisory, ...]:
        """Return the advisories that hit a version of a package, or of which that cannot be told."""
        return tuple(one for one in self.by_package.get(package, ()) if one.hits(version) is not False)


def read_advisories(path: Path) -> Advisories:
    """Read a file (an advisory, a CVE record, or a list) or every ``.json`` of a directory, but for what is withdrawn.

    Raises:
        ConfigError: nothing is there, or a file holds no advisory.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files or len(files) > _MOST:
        what = f"more than {_MOST} files" if files else "no file that ends with .json"
        raise ConfigError(f"holds {what}", where=path, hint="--advisories takes a file or directory in the OSV format")
    found: dict[str, list[Advisory]] = {}
    newest, faults, told, bare = None, set[str](), set[str](), dict[str, str]()
    for file in files:
        for raw in _read(file):
            faults.add(fault := _fault(raw))
            newest = max(filter(None, (newest, _moment(raw))), default=None)
            for one in _advisories(raw):
                found.setdefault(one.package, []).append(one)
                if one.otp and (one.ranges or one.versions):  # those of a package of Hex tell nothing of a runtime
                    told.add(fault)
            if _about_runtime(raw):
                bare[fault] = raw["id"]
    # An advisory and a record of the same fault may both name commits alone: then neither tells more than the other.
    commits = tuple(sorted(name for fault, name in bare.items() if fault not in told))
    return Advisories({name: tuple(some) for name, some in found.items()}, len(faults), newest, commits)


def _fault(raw: Mapping[str, Any]) -> str:
    """Return what an advisory and a CVE record of one fault have in common: the CVE's id, where they have one."""
    aliases = raw["aliases"] if isinstance(raw.get("aliases"), list) else ()
    return min(map(str, (raw["id"], *aliases)), key=lambda name: (not name.startswith("CVE-"), name))


def _about_runtime(raw: Mapping[str, Any]) -> bool:
    for part in dicts(raw.get("affected")):
        package = part.get("package")
        if isinstance(package, dict) and str(package.get("purl", "")).startswith("pkg:otp/"):
            return True
        if any(
            str(one.get("repo")).removesuffix(".git") in RUNTIME_SOURCES.values() for one in dicts(part.get("ranges"))
        ):
            return True
    return False


def _read(file: Path) -> list[dict[str, Any]]:
    with At(file):
        try:
            if file.stat().st_size > _LARGEST:
                raise ConfigError(f"is larger than {_LARGEST} bytes")
            told = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}") from None
        except ValueError:
            raise ConfigError("is not JSON") from None
        some = [as_advisory(one) if is_record(one) else one for one in (told if isinstance(told, list) else [told])]
        if not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in some):
            raise ConfigError("is not an advisory in the OSV format: it has no id")
        for one in some:
            parts = one.get("affected", [])
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise ConfigError(f"{one['id']}: affected is not a list of packages, as in the OSV format")
        return [one for one in some if not one.get("withdrawn")]


def _moment(raw: Mapping[str, Any]) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(raw.get("modified")))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _advisories(raw: Mapping[str, Any]) -> Iterator[Advisory]:
    for affected in dicts(raw.get("affected")):
        package = affected.get("package")
        told = package if isinstance(package, dict) else {}
        name, purl = str(told.get("name", "")), str(told.get("purl", ""))
        otp = purl.startswith("pkg:otp/")
        if otp:
            name = purl.removeprefix("pkg:otp/").partition("?")[0].partition("@")[0]
        elif told.get("ecosystem") != "Hex":
            continue
        listed = affected.get("versions")
        versions = frozenset(map(str, listed)) if isinstance(listed, list) else frozenset[str]()
        ranges = tuple(found for one in dicts(affected.get("ranges")) for found in _ranges(one))
        yield Advisory(raw["id"], name, otp, ranges, versions, str(raw.get("summary", ""))[:200])


def _ranges(raw: Mapping[str, Any]) -> Iterator[Range]:
    if raw.get("type") == "GIT":
        return
    if raw.get("type") == "OTP":
        told = [pair for one in dicts(raw.get("events")) for pair in one.items()]
        first, *_ = (str(version) for name, version in [*told, ("introduced", "0")] if name == "introduced")
        last = "".join(str(version) for name, version in told if name == "last_affected")
        yield Range(first, last=last, fixes=tuple(str(version) for name, version in told if name == "fixed"))
        return
    introduced: str | None = None
    for event in dicts(raw.get("events")):
        if "introduced" in event:
            introduced = str(event["introduced"])
        elif introduced is not None and ("fixed" in event or "last_affected" in event):
            yield Range(introduced, str(event.get("fixed", "")), str(event.get("last_affected", "")))
            introduced = None
    if introduced is not None:
        yield Range(introduced)

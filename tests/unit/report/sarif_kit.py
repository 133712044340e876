"""The part of SARIF's schema that an audit's report uses, and what holds a report against it.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, sections 3.13 to 3.58. Each object has the properties
that we write, their types, which are required, and the values of enumerations; the standard allows no others than its
own, and so nothing here that is not listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_LEVEL = {"none", "note", "warning", "error"}
_URI = re.compile(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")

OBJECTS: Mapping[str, Mapping[str, Any]] = {
    "sarifLog": {"$schema": _URI, "version!": {"2.1.0"}, "runs!": ["run"]},
    "run": {"tool!": "tool", "results": ["result"], "columnKind": {"utf16CodeUnits", "unicodeCodePoints"}},
    "tool": {"driver!": "toolComponent"},
    "toolComponent": {"name!": str, "version": str, "rules": ["reportingDescriptor"]},
    "reportingDescriptor": {
        "id!": str,
        "shortDescription": "multiformatMessageString",
        "defaultConfiguration": "reportingConfiguration",
        "properties": dict,
    },
    "multiformatMessageString": {"text!": str},
    "reportingConfiguration": {"level": _LEVEL},
    "result": {
        "ruleId": str,
        "ruleIndex": -1,
        "kind": {"notApplicable", "pass", "fail", "review", "open", "informational"},
        "level": _LEVEL,
        "message!": "message",
        "locations": ["location"],
        "partialFingerprints": {str: str},
        "suppressions": ["suppression"],
    },
    "message": {"text!": str},
    "location": {"physicalLocation": "physicalLocation", "logicalLocations": ["logicalLocation"]},
    "physicalLocation": {"artifactLocation!": "artifactLocation", "region": "region"},
    "artifactLocation": {"uri": _URI},
    "region": {"startLine!": 1},
    "logicalLocation": {"name": str, "kind": str},
    "suppression": {"kind!": {"inSource", "external"}, "status": {"accepted", "underReview", "rejected"}}
    | {"justification": str},
}
"""Object → property, with ``!`` where it is required (or the one that we write of several) → what it holds.

What it holds is the name of an object, a list of one, a type, the least integer, a pattern, the allowed words, or for
any name a text.
"""
_DISTINCT = {"rules", "logicalLocations", "suppressions"}


def errors_of(value: object, kind: Any = "sarifLog", at: str = "$") -> Iterator[str]:
    """Yield where a report is not as the standard has it."""
    if isinstance(kind, str):
        yield from _object(value, OBJECTS[kind], at)
    elif isinstance(kind, list):
        yield from _array(value, kind[0], at)
    elif not _fits(value, kind):
        yield f"{at} is {value!r}"


def _object(value: object, properties: Mapping[str, Any], at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} is no object"
        return
    kinds = {name.rstrip("!"): kind for name, kind in properties.items()}
    yield from (f"{at} has no {name[:-1]}" for name in properties if name.endswith("!") and name[:-1] not in value)
    yield from (f"{at} has {name}" for name in value if name not in kinds)
    for name in value.keys() & kinds.keys():
        yield from errors_of(value[name], kinds[name], f"{at}.{name}")


def _array(value: object, kind: str, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at} is no array"
        return
    for index, one in enumerate(value):
        yield from errors_of(one, kind, f"{at}[{index}]")
    if at.rpartition(".")[2] in _DISTINCT and any(one in value[:index] for index, one in enumerate(value)):
        yield f"{at} holds one thing twice"


def _fits(value: object, kind: Any) -> bool:
    match kind:
        case set():
            return value in kind
        case int():
            return type(value) is int and value >= kind
        case re.Pattern():
            return isinstance(value, str) and bool(kind.fullmatch(value))
        case dict():
            return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        case _:
            return isinstance(value, kind)

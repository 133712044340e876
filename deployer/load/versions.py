"""The test ``version``: which of two versions is the later one, as Ansible orders them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import TemplateRuntimeError

_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("==", "=", "eq"), operator.eq),
    **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
    **dict.fromkeys((">", "gt"), operator.gt),
    **dict.fromkeys(("<", "lt"), operator.lt),
    **dict.fromkeys((">=", "ge"), operator.ge),
    **dict.fromkeys(("<=", "le"), operator.le),
}
_SEMANTIC = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


def version(value: Any, other: Any, sign: str = "eq", strict: bool | None = None, version_type: str = "loose") -> bool:
    """Return whether ``value`` stands to ``other`` as ``sign`` says.

    Args:
        value: a version.
        other: the one it is held against.
        sign: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``eq``, ``ne``, ``lt``, ``le``, ``gt``, ``ge``.
        strict: not supported; say version_type instead.
        version_type: ``loose`` takes numbers and words in turn, and what goes on longer is the later one, so that
            ``1.0-rc1`` is later than ``1.0``. ``semver`` is the order of semver.org, where it is the earlier one.

    Raises:
        TemplateRuntimeError: they cannot be compared.
    """
    kinds: Mapping[str, Callable[[str], Any]] = {"loose": _loose, "semver": _semantic, "semantic": _semantic}
    if sign not in _SIGNS:
        raise TemplateRuntimeError(f"{sign!r} is no comparison of versions")
    if strict or version_type not in kinds:
        raise TemplateRuntimeError("version_type is loose or semver")
    try:
        return _SIGNS[sign](kinds[version_type](str(value)), kinds[version_type](str(other)))
    except TypeError:
        raise TemplateRuntimeError("these versions have a number where the other one has a word") from None


def _loose(text: str) -> list[int | str]:
    if not text:
        raise TemplateRuntimeError("an empty text is no version")
    parts = re.split(r"(\d+|[a-z]+|\.)", text)
    return [int(part) if part.isdecimal() else part for part in parts if part and part != "."]


def _semantic(text: str) -> tuple[Any, ...]:
    match = _SEMANTIC.fullmatch(text)
    if not match:
        raise TemplateRuntimeError("this is no semantic version: MAJOR.MINOR.PATCH")
    before = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in (match[4] or "").split(".") if part]
    return (int(match[1]), int(match[2]), int(match[3]), not before, before)

"""What has changed between two audits, by their answers; a number in a reason that moves is no change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError

AuditJson = Mapping[str, Any]
"""An audit as JSON has it; see `deployer.report.audited`."""
_HINT = "--against takes what --save, or --report FILE.json, has written"


def read_audit(path: Path, wanted: str) -> AuditJson:
    """Return an audit that was kept in a file; ``wanted`` is the name of the format.

    Raises:
        ConfigError: the file cannot be read, or is none.
    """
    with At(path):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", hint=_HINT) from None
        except ValueError:
            raise ConfigError("is no audit that was kept", hint=_HINT) from None
        if not isinstance(found, dict) or found.get("format") != wanted or not all(map(_is_list, _parts(found))):
            raise ConfigError("is no audit that was kept", hint=_HINT)
        return found


def _parts(found: AuditJson) -> tuple[object, object]:
    return found.get("findings"), found.get("drift")


def _is_list(part: object) -> bool:
    return isinstance(part, list) and all(isinstance(one, dict) for one in part)


def changed(before: AuditJson, after: AuditJson) -> Iterator[str]:
    """Yield a line for each answer that is another one now, and for each drift that has come or gone."""
    then, now = _answers(before), _answers(after)
    for key in sorted({*then, *now}):
        old, new = then.get(key, "not judged"), now.get(key, "not judged")
        if old != new:
            yield f"{key[0]}: {key[1]} {old} → {new}"
    had, has = _drift(before), _drift(after)
    yield from (f"{host}: drift is new: {task}" for host, task in sorted(has - had))
    yield from (f"{host}: drift is gone: {task}" for host, task in sorted(had - has))


def _answers(audit: AuditJson) -> dict[tuple[str, str], str]:
    return {(str(one.get("host")), str(one.get("rule"))): str(one.get("answer")) for one in audit["findings"]}


def _drift(audit: AuditJson) -> set[tuple[str, str]]:
    return {(str(one.get("host")), str(one.get("task"))) for one in audit["drift"]}

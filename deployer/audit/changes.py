"""What has changed between two audits, by their answers; another number in a reason is not a change."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError

AuditJson = Mapping[str, Any]
"""An audit as JSON has it; see `deployer.report.audited`."""
_HINT = "--against takes a file that --save or --report FILE.json has written"


def read_audit(path: Path, wanted: str) -> AuditJson:
    """Return an audit that was saved in a file; ``wanted`` is the name of the format.

    Raises:
        ConfigError: the file cannot be read, or is none.
    """
    with At(path):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", hint=_HINT) from None
        except ValueError:
            raise ConfigError("is not a saved audit", hint=_HINT) from None
        if not isinstance(found, dict) or found.get("format") != wanted or not all(map(_is_list, _parts(found))):
            raise ConfigError("is not a saved audit", hint=_HINT)
        return found


def _parts(found: AuditJson) -> tuple[object, ...]:
    return found.get("findings"), found.get("drift"), found.get("hosts", [])


def _is_list(part: object) -> bool:
    return isinstance(part, list) and all(isinstance(one, dict) for one in part)


def changed(before: AuditJson, after: AuditJson) -> Iterator[str]:
    """Yield a line for each answer that differs, and for each drift that is new or gone.

    Rules and hosts that are in only one of the two audits are not compared; one line lists them.
    """
    then, now = _answers(before), _answers(after)
    for host, rule in sorted(then.keys() & now.keys()):
        if then[host, rule] != now[host, rule]:
            yield f"{host}: {rule} {then[host, rule]} → {now[host, rule]}"
    asked, asked_now = _asked(before), _asked(after)
    judged, judged_now = ({host for host, _ in answers} for answers in (then, now))
    for host in sorted((judged ^ judged_now) & asked.keys() & asked_now.keys()):
        yield f"{host}: {_ended(asked, judged, host)} → {_ended(asked_now, judged_now, host)}"
    yield from _drifted(before, after)
    rules, rules_now = ({rule for _, rule in answers} for answers in (then, now))
    for what, old, new in (("hosts", asked.keys(), asked_now.keys()), ("rules", rules, rules_now)):
        for when, alone in (("this", new - old), ("the last", old - new)):
            if alone and old and new:
                yield f"not compared, because only {when} audit has them: {what} {', '.join(sorted(alone))}"
    for when, more in (("this", now.keys() - then.keys()), ("the last", then.keys() - now.keys())):
        for host in sorted(judged & judged_now):  # each by a profile of its own
            if own := sorted(rule for at, rule in more if at == host and rule in rules & rules_now):
                yield f"{host}: not compared, because only {when} audit has them: rules {', '.join(own)}"


def _drifted(before: AuditJson, after: AuditJson) -> Iterator[str]:
    """Drift of hosts that both audits checked for drift: an audit without a playbook, or of a lost host, finds none."""
    had, has = _drift(before), _drift(after)
    looked, looked_now = _looked(before), _looked(after)
    yield from (f"{host}: drift is new: {task}" for host, task in sorted(has - had) if host in looked)
    yield from (f"{host}: drift is gone: {task}" for host, task in sorted(had - has) if host in looked_now)


def _looked(audit: AuditJson) -> set[str]:
    """Hosts that were reached, and for which there were tasks."""
    return {host for host, _ in _answers(audit)} - {
        host for host, one in _asked(audit).items() if not one.get("total", 1)
    }


def _asked(audit: AuditJson) -> Mapping[str, Mapping[str, Any]]:
    """Host → how it ended, of every host that was asked about."""
    found: dict[str, Mapping[str, Any]] = {host: {} for host, _ in (*_answers(audit), *_drift(audit))}
    return found | {str(one.get("host")): one for one in audit.get("hosts", ())}


def _ended(asked: Mapping[str, Mapping[str, Any]], judged: Collection[str], host: str) -> str:
    return "audited" if host in judged else str(asked[host].get("ending", "not audited"))


def _answers(audit: AuditJson) -> dict[tuple[str, str], str]:
    return {(str(one.get("host")), str(one.get("rule"))): str(one.get("answer")) for one in audit["findings"]}


def _drift(audit: AuditJson) -> set[tuple[str, str]]:
    return {(str(one.get("host")), str(one.get("task"))) for one in audit["drift"]}

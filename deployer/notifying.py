"""Tell webhooks what was done: one message for each run that has changed or found something, and never an exit code.

Slack's format: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from deployer.errors import ConfigError
from deployer.events import Event, HostEnded, PlayStarted, RuleJudged, TaskPlanned
from deployer.fleet import NotifyWords
from deployer.model import Mark
from deployer.report.plain import safe

_TIMEOUT, _LONGEST, _HOSTS = 10.0, 3000, 200
_DRIFTED = ("change", "unknown", "refused")


def webhooks(words: Iterable[tuple[Sequence[NotifyWords], Mark]], what: str) -> tuple[NotifyWords, ...]:
    """Return the webhooks that are to be told, each once.

    Args:
        words: what each host says, and where.
        what: audit, deploy or rollback.

    Raises:
        ConfigError: an address is none.
    """
    found: dict[str, NotifyWords] = {}
    for some, where in words:
        for at, one in enumerate(some):
            url = one.webhook.reveal().strip()
            try:
                parts = urlsplit(url)
                good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
            except ValueError:
                good = False
            if not good or not url.isascii() or not url.isprintable() or " " in url:
                hint = "write http://… or https://…; the address itself is not shown, for it is a secret"
                raise ConfigError(f"notify[{at}].webhook is no address of a webhook", where=where, hint=hint)
            if what in one.on:
                found.setdefault(url, one)
    return tuple(found.values())


def tell(hooks: Iterable[NotifyWords], what: str, events: Sequence[Event], code: int) -> tuple[str, ...]:
    """Send one message to each webhook and return what went wrong, in sentences that hold no address.

    No redirection is followed: it could lead a message to somebody else.
    """
    message, failed = _message(what, events, code), []
    for hook in hooks:
        url = hook.webhook.reveal().strip()
        parts = urlsplit(url)
        slack = hook.format == "slack" or (hook.format is None and parts.hostname == "hooks.slack.com")
        body = {"text": _for_slack(message["text"])} if slack else message
        problem = _post(url, json.dumps(body).encode())
        if problem:
            failed.append(f"the webhook at {parts.hostname} was not told: {problem}")
    return tuple(failed)


def _post(url: str, body: bytes) -> str:
    """Return why it failed; nothing when it went well. The words of an error may hold the address, and are not used."""
    import urllib.error  # whoever has no webhook starts without them
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            """Follow none."""

    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except TimeoutError:
        return "it did not answer in time"
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not become the run's
        reason = getattr(error, "reason", error)
        return type(reason).__name__


def _message(what: str, events: Sequence[Event], code: int) -> dict[str, Any]:
    """Return the message: names, endings, numbers, and the first line of what is wrong; nothing that a file holds."""
    ends = [event for event in events if isinstance(event, HostEnded)]
    drift = [one for one in events if isinstance(one, TaskPlanned) and what == "audit" and one.verdict in _DRIFTED]
    failing = [one for one in events if isinstance(one, RuleJudged) and one.answer == "FAIL"]
    plays = [event.play for event in events if isinstance(event, PlayStarted)]
    counts = Counter(end.ending for end in ends)
    head = f"deployer {what}: exit code {code}; " + ", ".join(f"{count} {ending}" for ending, count in counts.items())
    lines = [head, *(f"{safe(end.host)}: {_said(end)}" for end in ends if end.ending != "ok")]
    if what == "audit":
        lines.insert(1, f"{len(drift)} of drift, {len(failing)} findings")
    text = "\n".join(lines)
    hosts = [
        {"host": safe(end.host), "ending": end.ending, "changed": end.changed, "release": safe(end.release),
         "problem": _first(end.problem)}
        for end in ends[:_HOSTS]
    ]  # fmt: skip
    return {
        "format": "deployer-notice/1", "event": what, "code": code, "plays": [safe(play) for play in plays],
        "text": text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…", "hosts": hosts, "drift": len(drift),
        "findings": [{"host": safe(one.host), "rule": one.rule, "severity": one.severity} for one in failing[:_HOSTS]],
    }  # fmt: skip


def _said(end: HostEnded) -> str:
    release = f", {safe(end.release)}" if end.release else ""
    return f"{end.ending}, {end.changed} changed{release}{': ' if end.problem else ''}{_first(end.problem)}"


def _first(problem: str) -> str:
    return safe(problem.splitlines()[0])[:300] if problem else ""


def _for_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

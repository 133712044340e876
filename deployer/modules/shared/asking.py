"""A request to an HTTP server as curl's options, and its answer as ``register`` gives it."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from deployer.errors import ConfigError, ProbeError
from deployer.model import Secret

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
"""What a quoted value of curl's options needs; they are JSON's, too."""


def without_secrets(value: Any) -> tuple[Any, bool]:
    """Return a value in Python's own types with secrets revealed, and whether there was one."""
    if isinstance(value, Secret):
        return value.reveal(), True
    if isinstance(value, Mapping):
        pairs = {str(key): without_secrets(item) for key, item in value.items()}
        return {key: item for key, (item, _) in pairs.items()}, any(secret for _, secret in pairs.values())
    if isinstance(value, list | tuple):
        items = [without_secrets(item) for item in value]
        return [item for item, _ in items], any(secret for _, secret in items)
    return (str(value) if isinstance(value, str) else value), False


def option(name: str, value: Any) -> str | Secret:
    """Return one line of a file of curl's options: a text, parts of one, or None for a word alone.

    Raises:
        ConfigError: the value is none that can be sent.
    """
    if value is None:
        return f"{name}\n"
    parts = value if isinstance(value, tuple) else (value,)
    texts = [part.reveal() if isinstance(part, Secret) else part for part in parts]
    if wrong := next((part for part in texts if isinstance(part, Mapping | list | tuple) or part is None), None):
        raise ConfigError(f"{wrong!r} is not a text", hint="body_format: json needs a mapping or a list")
    whole = "".join(str(part) for part in texts)
    if "\0" in whole or (name == "header" and ("\n" in whole or "\r" in whole)):
        raise ConfigError(f"a {name} must not contain control characters")
    line = f'{name} = "{whole.translate(_ESCAPES)}"\n'
    return Secret(line, name) if any(isinstance(part, Secret) for part in parts) else line


def answered(keys: Mapping[str, str], wanted: Sequence[int], asked: str, *, content: bool) -> dict[str, object]:
    """Return an answer as Ansible's ``uri`` does.

    Args:
        keys: what the host's program emitted: status, url, content and headers (both in base64), problem.
        wanted: the statuses that are no failure.
        asked: the address that was asked first.
        content: with the text of the answer.

    Raises:
        ProbeError: the answer is damaged.
    """
    try:
        status = int(keys["status"])
        raw = base64.b64decode(keys["content"], validate=True)
        reason, headers = _headers(base64.b64decode(keys["headers"], validate=True).decode("latin-1"))
        url = keys["url"]
    except (KeyError, ValueError):
        raise ProbeError("the server's answer could not be read") from None
    kind, _, rest = headers.get("content_type", "").partition(";")
    charset = rest.partition("charset=")[2].split(";")[0].strip(' "') or "utf-8"
    try:
        text = raw.decode(charset, "replace")
    except LookupError:
        text = raw.decode("utf-8", "replace")
    moved = url != "" and _whole(url) != _whole(asked)
    found: dict[str, object] = {**headers, "status": status, "url": url, "redirected": moved, "elapsed": 0}
    found["changed"] = False  # whatever a header of that name says
    told = f"OK ({headers.get('content_length', 'unknown')} bytes)"
    if "location" in headers:
        found["location"] = urljoin(url, headers["location"])
    if kind.strip().lower().partition("/")[2].rpartition("+")[2] in ("json", "javascript"):
        with contextlib.suppress(ValueError):
            found["json"] = json.loads(text)
    good = status in wanted
    why = keys.get("problem") or (f"HTTP Error {status}: {reason}" if status >= 400 else told)
    found["msg"] = told if good and status < 400 else why
    found["msg"] = found["msg"] if good else f"Status code was {status} and not {list(wanted)}: {why}"
    found["failed"] = not good
    return {**found, "content": text} if content else found


def _whole(url: str) -> str:
    """Return an address as curl says it: with the path that it has at least."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path or "/"))


def _headers(text: str) -> tuple[str, dict[str, str]]:
    """Return the reason and the headers of the last answer, named as variables are."""
    first, *rows = text.replace("\r\n", "\n").strip().split("\n\n")[-1].splitlines() or [""]
    pairs = (line.partition(":") for line in rows)
    named = {name.strip().replace("-", "_").lower(): value.strip() for name, colon, value in pairs if colon}
    return " ".join(first.split()[2:]), named

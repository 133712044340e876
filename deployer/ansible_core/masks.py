"""Secrets that may turn up in what ansible-core says: found where they are written, and masked in every text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml as pyyaml

from deployer.errors import SecretError
from deployer.load.marked import Encrypted
from deployer.load.secrets import Vaults
from deployer.model import MASK, Secret

_SHORTEST = 3
"""Characters of a secret that is masked; of a shorter one every text would be full."""
_LARGEST = 4 * 1024 * 1024
_VAULT = re.compile(r"(?m)^[ \t]*(\$ANSIBLE_VAULT;[^\n]*)\n((?:[ \t]*[0-9a-f]+[ \t]*\r?(?:\n|\Z))+)")


class Masks:
    """The secrets of a run; `mask` takes them out of a text, line by line where they have several."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        words = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
        self._found = re.compile("|".join(map(re.escape, words))) if words else None

    def mask(self, text: str) -> str:
        """Return a text with every secret as ``***``."""
        return self._found.sub(MASK, text) if self._found else text


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret may be written: as it is, its lines, quoted for JSON, in base64."""
    for text in (secret.strip("\n"), *(line.strip() for line in secret.splitlines())):
        yield text
        yield json.dumps(text)[1:-1]
    yield base64.b64encode(secret.encode()).decode()
    yield base64.b64encode(secret.rstrip("\n").encode()).decode()


def secrets_in(value: Any, vaults: Vaults) -> Iterator[str]:
    """Yield every secret inside of a value; what no password opens is nobody's to show."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, Encrypted):
        yield from _opened(value.text, vaults)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secrets_in(item, vaults)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets_in(item, vaults)


def secrets_below(directories: Iterable[Path], vaults: Vaults) -> Iterator[str]:
    """Yield what is encrypted in files below directories, whole files and single values: Ansible may read them."""
    if not vaults:
        return
    for file in sorted({file for one in directories if one.is_dir() for file in one.rglob("*") if file.is_file()}):
        try:
            text = file.read_text() if file.stat().st_size <= _LARGEST else ""
        except (OSError, UnicodeDecodeError):
            continue
        for header, body in _VAULT.findall(text) if "$ANSIBLE_VAULT;" in text else ():
            yield from _opened(f"{header}\n" + "\n".join(body.split()) + "\n", vaults)


def _opened(text: str, vaults: Vaults) -> Iterator[str]:
    try:
        plain = vaults.decrypt(text).decode()
    except (SecretError, UnicodeDecodeError):
        return
    try:
        found = pyyaml.safe_load(plain)
    except (pyyaml.YAMLError, ValueError):
        found = None
    if isinstance(found, Mapping | list):
        yield from _leaves(found)
    else:
        yield plain


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)

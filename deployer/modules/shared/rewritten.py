"""A text, a part of which is declared, at a place that only the host knows: a crontab, a user's keys."""

from __future__ import annotations

import base64
import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.errors import ConfigError, ProbeError
from deployer.modules.base import (
    Absent,
    Blob,
    Change,
    Changes,
    Observed,
    Present,
    Sh,
    State,
    Step,
    lines,
    records,
    sh,
)
from deployer.modules.shared.foreseen import ForeseenText

LARGEST_REWRITTEN = 1024 * 1024
"""Bytes that such a text may have."""

_READ = """emit content "$(old_text {0} | base64 -w 0)"
emit read yes"""

_WRITE = """old_text {0} >"$blobs/before"
now=$(digest "$blobs/before")
if [ "$now" = {1} ]; then {3}
elif [ "$now" != {2} ]; then echo "it has changed since it was read; run again"; exit 1
fi"""


@dataclass(frozen=True, kw_only=True)
class Rewritten(ForeseenText):
    """UTF-8 text, at most 1 MiB, a part of which is declared; the rest stays."""

    @abstractmethod
    def edited(self, text: str) -> str:
        """Return the text as it should be."""

    @abstractmethod
    def place(self) -> Sh:
        """Return sh with ``old_text LIMIT``, which prints the text, and ``new_text FILE``, which puts it in place."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What is done, in a few words."""

    def desired(self) -> State:
        """Return nothing: what the text should be depends on what it is."""
        return Present({})

    def probe(self) -> Sh:
        """Print the text."""
        return lines(self.place(), sh(_READ, LARGEST_REWRITTEN + 1))

    def parse(self, out: str) -> Observed:
        """Return it.

        Raises:
            ConfigError: it is no text, or a large one.
        """
        found = records(out, "content", "read")
        try:
            raw = base64.b64decode(found["content"], validate=True)
        except ValueError:
            raise ProbeError("the file could not be read to its end") from None
        if len(raw) > LARGEST_REWRITTEN:
            raise ConfigError(f"it is larger than {LARGEST_REWRITTEN} bytes", hint="remove lines that are not needed")
        try:
            return Present({"content": raw.decode()})
        except UnicodeDecodeError:
            raise ConfigError("it is not UTF-8 text") from None

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return how the text has to change."""
        if not isinstance(observed, Present | Absent):
            return {}
        keys: Mapping[str, str] = observed.keys if isinstance(observed, Present) else {"content": ""}
        if "content" not in keys or (new := self.edited(keys["content"])) == keys["content"]:
            return {}
        return {"content": Change("content", keys["content"] or None, new)}

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Put the new text in place of the one that was read, if it is still that."""
        if not changes:
            return ()
        before, after = changes["content"].before or "", changes["content"].after or ""
        blob = Blob.of(after)
        text = sh(
            _WRITE, LARGEST_REWRITTEN + 1, hashlib.sha256(before.encode()).hexdigest(), blob.sha256, sh('new_text "$1"')
        )
        return (Step(self.label, lines(self.place(), text), (blob,)),)

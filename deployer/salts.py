"""What digests of secrets are made with: fresh in each run, so that what leaks of one run says nothing about another's.

A plan that is kept in a file is the exception: the run that applies it has to get the same digests.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from functools import cache

_FRESH = secrets.token_bytes(32)
_pinned: list[bytes] = []


def pin_salts(key: bytes) -> None:
    """Make the digests of this run those of every run that is given the same key."""
    _pinned[:] = [key]


def salt() -> str:
    """Return what goes before a secret where a host tells a digest of it: 32 hex digits, which hosts get to see."""
    return _made("salt")[:32]


def fingerprint_key() -> bytes:
    """Return the key of fingerprints, which no host gets to see."""
    return _made("fingerprint").encode()


def shuffled(names: Iterable[str]) -> list[str]:
    """Return names in an order that is this run's: the same each time, and in the run of a saved plan, too."""
    return sorted(names, key=lambda name: _made(f"place of {name}"))


def _made(what: str) -> str:
    return _digest(_pinned[0] if _pinned else _FRESH, what)


@cache
def _digest(key: bytes, what: str) -> str:
    return hmac.digest(key, what.encode(), "sha256").hex()

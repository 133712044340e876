"""Which types can hold a secret: values of all others are not searched for one."""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args

from deployer.fields import describe
from deployer.model import Secret


@cache
def holds_secret(hint: Any) -> bool:
    """Return whether a value of this type, as `deployer.fields` has it, can have a secret in it, at any depth."""
    known = isinstance(hint, type) and is_dataclass(hint)
    return hint is Secret or any(map(holds_secret, [f.type for f in describe(hint)] if known else get_args(hint)))

"""What a person says of an audit: which finding is let off, until when, by whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from deployer.fields import Doc
from deployer.fleet import grammar


def _day(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return "write a day as 2027-03-01"
    return None if len(text) == 10 else "write a day as 2027-03-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverWords:
    """One finding that is let off, for a time."""

    rule: Annotated[
        str, Doc("the rule's id, as deployer audit --list shows it", check=grammar.single_line, example="CK-04")
    ]
    host: Annotated[str | None, Doc("inventory name; default: every host that has this word")] = None
    until: Annotated[str, Doc("the last day on which it is let off; after it the rule FAILs again", check=_day)]
    by: Annotated[str, Doc("who has decided it", check=grammar.single_line)]
    why: Annotated[str, Doc("why, in a sentence", check=grammar.single_line)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWords:
    """What an audit's rules are held to (docs/audit.md)."""

    waive: Annotated[tuple[WaiverWords, ...], Doc("findings that are let off, each until a day")] = ()

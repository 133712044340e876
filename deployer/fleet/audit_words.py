"""What a person says of an audit: which finding is let off, until when, by whom and why; and whom runs are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from deployer.fields import Doc
from deployer.fleet import grammar
from deployer.model import Secret


def _day(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return "write a day as 2027-03-01"
    return None if len(text) == 10 else "write a day as 2027-03-01"


def _prints(found: Iterable[str]) -> str | None:
    odd = next((one for one in found if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", one)), None)
    return f"{odd!r} is no fingerprint: write SHA256:…, as ssh-keygen -l prints it" if odd else None


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
class ProfileWords:
    """A set of rules of one's own, for ``--profile NAME``."""

    extends: Annotated[
        Literal["baseline", "strict", "nothing"], Doc("what it starts from; nothing: of rules alone")
    ] = "nothing"
    rules: Annotated[
        tuple[str, ...], Doc("rules that it has too: ids, or the letters before the dash", example=("CK", "ED-01"))
    ] = ()
    skip: Annotated[tuple[str, ...], Doc("rules that it does not have")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWords:
    """What an audit's rules are held to (docs/audit.md)."""

    waive: Annotated[tuple[WaiverWords, ...], Doc("findings that are let off, each until a day")] = ()
    profiles: Annotated[
        Mapping[str, ProfileWords], Doc("sets of rules of one's own, by name; the same for all hosts")
    ] = field(default_factory=dict)
    authorized_keys: Annotated[
        tuple[str, ...] | None,
        Doc(
            "fingerprints of all keys that let anybody in, as ssh-keygen -l prints them (SS-07)",
            check=_prints,
        ),
    ] = None
    sudo: Annotated[
        tuple[str, ...] | None,
        Doc("all lines of sudoers that are meant to ask for no password, for the rule SS-08"),
    ] = None
    signers: Annotated[
        str | None,
        Doc("file of the keys that may sign a release, as ssh-keygen(1) has ALLOWED SIGNERS, for the rule SB-03"),
    ] = None


Told = Literal["audit", "deploy", "rollback"]


def _url(secret: Secret | None) -> str | None:
    return "the address of a webhook is empty" if secret is None or not secret else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyWords:
    """One webhook; its address is a secret, because whoever knows it may write there."""

    webhook: Annotated[Secret, Doc("http:// or https:// address; {env: …}, {file: …}, {command: […]} or !vault")]
    on: Annotated[tuple[Told, ...], Doc("what is told of")] = ("audit", "deploy", "rollback")
    format: Annotated[Literal["generic", "slack"] | None, Doc("default: slack for hooks.slack.com, else generic")] = (
        None
    )

"""The settings of audits: waived findings, profiles, expected keys; and who is notified of runs."""

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
    return f"{odd!r} is not a fingerprint: write SHA256:…, as ssh-keygen -l prints it" if odd else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverWords:
    """One finding that is waived, for a time."""

    rule: Annotated[
        str, Doc("the rule's id, as deployer audit --list shows it", check=grammar.single_line, example="CK-04")
    ]
    host: Annotated[str | None, Doc("inventory name; default: every host with this setting")] = None
    until: Annotated[str, Doc("the last day on which it is waived; after it the rule FAILs again", check=_day)]
    by: Annotated[str, Doc("who decided it", check=grammar.single_line)]
    why: Annotated[str, Doc("why, in a sentence", check=grammar.single_line)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileWords:
    """Your own set of rules, for ``--profile NAME``."""

    extends: Annotated[
        Literal["baseline", "strict", "nothing"], Doc("the profile that it extends; nothing: only `rules`")
    ] = "nothing"
    rules: Annotated[
        tuple[str, ...], Doc("rules to add: ids, or the letters before the dash", example=("CK", "ED-01"))
    ] = ()
    skip: Annotated[tuple[str, ...], Doc("rules to leave out")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWords:
    """Settings of an audit's rules (docs/audit.md)."""

    waive: Annotated[tuple[WaiverWords, ...], Doc("findings that are waived, each until a day")] = ()
    profiles: Annotated[Mapping[str, ProfileWords], Doc("your own sets of rules, by name; the same for all hosts")] = (
        field(default_factory=dict)
    )
    authorized_keys: Annotated[
        tuple[str, ...] | None,
        Doc(
            "fingerprints of all keys that may log in, as ssh-keygen -l prints them (SS-07)",
            check=_prints,
        ),
    ] = None
    sudo: Annotated[
        tuple[str, ...] | None,
        Doc("all lines of sudoers that may allow sudo without a password, for the rule SS-08"),
    ] = None
    signers: Annotated[
        str | None,
        Doc("file of the keys that may sign a release (ssh-keygen(1), ALLOWED SIGNERS), for the rule SB-03"),
    ] = None


Told = Literal["audit", "deploy", "rollback"]


def _url(secret: Secret | None) -> str | None:
    return "the address of a webhook is empty" if secret is None or not secret else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyWords:
    """One webhook; its address is a secret, because whoever knows it can post there."""

    webhook: Annotated[Secret, Doc("http:// or https:// address; {env: …}, {file: …}, {command: […]} or !vault")]
    on: Annotated[tuple[Told, ...], Doc("the commands whose runs are reported")] = ("audit", "deploy", "rollback")
    format: Annotated[Literal["generic", "slack"] | None, Doc("default: slack for hooks.slack.com, else generic")] = (
        None
    )

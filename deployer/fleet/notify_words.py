"""Whom to tell of what was done: a webhook, and of which commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from deployer.fields import Doc
from deployer.model import Secret

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

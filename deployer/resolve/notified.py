"""The inventory's word ``notify`` (webhooks of a run), with its secrets read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deployer.fields import build
from deployer.fleet import NotifyWords
from deployer.load.marked import Map, folder_of
from deployer.load.secrets import Vaults, fill, read_secret
from deployer.load.template import Variables
from deployer.model import Mark, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notified:
    notify: tuple[NotifyWords, ...] = ()


def read_notify(variables: Variables, near: Mark, vaults: Vaults) -> tuple[tuple[NotifyWords, ...], Mark]:
    """Return the settings, with the webhooks' addresses, and their place; ``near``: a place to use if it is unknown.

    Raises:
        ConfigError: a word is wrong, or a secret cannot be read.
    """
    where = variables.place("notify", near)
    given = Map({"notify": variables["notify"]}, where)
    given.marks = {"notify": where}

    def read(value: Any, name: str) -> Secret:
        return read_secret(value, name, folder_of(value, where), vaults)

    return build(_Notified, fill(_Notified, given, "", read), where=where).notify, where

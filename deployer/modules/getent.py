"""getent: what a host's databases of names say. It changes nothing; the facts are what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Observed, Present, Sh, records, sh
from deployer.modules.shared.only_reads import OnlyReads
from deployer.sh.captured import captured, heard

LARGEST_ANSWER = 4 * 1024 * 1024
"""So many bytes at most."""
_COLONS = ("passwd", "shadow", "group", "gshadow")
_HIDDEN = ("shadow", "gshadow")
_MISSING = 2
_WRONG = {
    1: "the host has no such database",
    _MISSING: "the database has no such key",
    3: "the database cannot be listed: write a key",
}
_LOCKS = "!*x"
"""A password field of only these characters has no hash."""


def _word(value: str) -> str | None:
    return None if value.isascii() and value.isidentifier() else "write one word, such as passwd"


def _key(value: str) -> str | None:
    if value.startswith("-") or not value.isprintable():
        return "write a name or a number, on one line; it does not begin with -"
    return None


@dataclass(frozen=True, kw_only=True)
class Getent(OnlyReads):
    """The entries of a name database: accounts, groups, hosts, services. The fact is called ``getent_DATABASE``.

    It maps each key to the list of its values: ``getent_passwd.shop`` is
    ``[x, '1001', '1001', '', /srv/shop, /bin/sh]``. A key with several entries has a list of such lists. Hashes of
    passwords are secrets. The probe reads it before a plan is made, so ``when`` of a later task may use it
    (docs/playbooks.md).
    """

    EXAMPLE: ClassVar[str] = """\
- name: where the account of the shop lives
  getent:
    database: passwd
    key: shop
    fail_key: false
"""

    database: Annotated[str, Doc("its name", check=_word, example="passwd")]
    key: Annotated[str | None, Doc("this key alone; without it, all", check=_key, example="shop")] = None
    service: Annotated[str | None, Doc("ask this source alone, such as files", check=_word, example="files")] = None
    split: Annotated[
        str | None, Doc("what separates values; default: a colon in accounts and groups, otherwise blanks", example=":")
    ] = None
    fail_key: Annotated[bool, Doc("fail where the key is missing; with false, its value is null")] = True

    def __post_init__(self) -> None:
        if self.split == "":
            raise ConfigError("split is empty", hint="remove it, or write the separator of the values, such as ':'")
        if self.database in _HIDDEN and self.split not in (None, ":"):
            raise ConfigError(f"{self.database} separates its values with colons", hint="leave split out")

    @classmethod
    def facts_of(cls, args: Mapping[str, object]) -> tuple[str, ...]:
        """Return ``getent_DATABASE``."""
        return (f"getent_{args.get('database', '')}",)

    def probe(self) -> Sh:
        """Ask for it."""
        source = ["-s", self.service] if self.service is not None else []
        asked = [*source, self.database, *([self.key] if self.key is not None else [])]
        return captured(sh("getent {}", asked), LARGEST_ANSWER)

    def parse(self, out: str) -> Observed:
        """Return status and text.

        Raises:
            ConfigError: it says more than what is kept.
        """
        records(out, "rc", "stdout", "stderr")
        found = {key: str(value) for key, value in heard(out).items()}
        if len(found["stdout"].encode()) >= LARGEST_ANSWER:
            problem = f"{self.database} has more than {LARGEST_ANSWER} bytes"
            raise ConfigError(problem, hint="give a key")
        return Present(found)

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does."""
        keys = observed.keys if isinstance(observed, Present) else {"rc": "127", "stdout": ""}
        status, (name,) = int(keys["rc"]), self.facts_of(vars(self))
        if status == _MISSING and not self.fail_key:
            return {"ansible_facts": {name: {self.key: None}}, "msg": _WRONG[_MISSING]}
        if status:
            return {"failed": True, "msg": _WRONG.get(status, f"getent ended with status {status}")}
        return {"ansible_facts": {name: self._entries(keys["stdout"])}}

    @property
    def _between(self) -> str | None:
        return self.split or (":" if self.database in _COLONS else None)

    def _entries(self, told: str) -> dict[str, Any]:
        found: dict[str, list[list[Any]]] = {}
        for line in told.splitlines():
            key, *values = line.split(self._between) or [""]
            found.setdefault(key, []).append(self._guarded(values))
        return {key: rows if len(rows) > 1 else rows[0] for key, rows in found.items()}

    def _guarded(self, values: list[str]) -> list[Any]:
        """Return values, the first a secret where it is the hash of a password."""
        if self.database in _COLONS and self._between == ":" and values and values[0].strip(_LOCKS):
            return [Secret(values[0], "the hash of a password"), *values[1:]]
        return list(values)


MODULE = Getent

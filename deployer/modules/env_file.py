"""A file of environment variables that systemd and sh read alike, whatever the values hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, ClassVar

from deployer.checks import absolute
from deployer.fields import Doc
from deployer.model import MASK, Secret
from deployer.modules.base import Change, Observed, Present, Sh, lines, sh
from deployer.modules.shared.private_file import PrivateFile, salted
from deployer.releases.generations import BELONGS
from deployer.salts import salt
from deployer.sh import script
from deployer.syntax import VARIABLE

_PLAIN = "# plain: "
"""How the first line of a file begins that names its variables with no secret in them, for the next run to show."""
_CONTENT = """\
taste "$path" {0} | variables
sum=$({{ printf %s "$salt"; taste "$path" {0} | whole; }} | sha256sum)
emit content "${{sum%"${{sum#????????????????}}"}}"
"""
_TOLD = re.compile(r"[ph]\d+_\w*", re.ASCII)
_SPECIAL = re.compile(r'[\\"$`]')


def _variables(given: Mapping[str, str | Secret]) -> str | None:
    for key, value in given.items():
        if not VARIABLE.fullmatch(key):
            return f"{key!r} is not the name of a variable"
        if "\0" in _plain(value):
            return f"{key}: a value cannot hold a NUL byte"
    return None


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def quoted(value: str) -> str:
    r"""Return a value as one literal word of an environment file.

    Within double quotes systemd.exec(5) and POSIX sh agree: ``\`` escapes ``"``, ``\``, ``$`` and backtick, all else
    stands for itself, line breaks included.
    """
    return '"' + _SPECIAL.sub(r"\\\g<0>", value) + '"'


@dataclass(frozen=True, kw_only=True)
class EnvFile(PrivateFile):
    """A file for EnvironmentFile=. Values may be secrets; only root can read the file, and its secrets are never shown.

    ``plan --diff`` names each variable that changes: plain values in clear, secrets as ``***``, and whether the host
    has another value. A value that was written as a secret stays hidden when it is a secret no longer.
    """

    EXAMPLE: ClassVar[str] = """\
- name: environment of the node
  env_file:
    path: /etc/beam/shop/private/shop.env
    values: {PORT: "4000", PRICE: 'in $, "quoted"'}
"""

    values: Annotated[Mapping[str, str | Secret], Doc("the variables", check=_variables, example={"PRICE": "5 $"})] = (
        field(default_factory=dict)
    )
    defaults: Annotated[
        Mapping[str, str | Secret], Doc("variables that those of values may replace", check=_variables)
    ] = field(default_factory=dict)

    generations: Annotated[str | None, Doc(BELONGS, check=absolute, example="/etc/beam/generations.d/opt/shop")] = None

    @property
    def _generations(self) -> str:
        return self.generations or ""

    def text(self) -> Secret:
        """Return the file, sorted, because a mapping has no order; its first line lists what is not secret."""
        return Secret(f"{_PLAIN}{' '.join(self._plain())}\n{''.join(self._lines.values())}", self.path)

    def desired(self) -> Present:
        """Return also the variables by name: plain values in clear, secrets as ``***``."""
        plain, written = self._plain(), self._lines
        shown = (_shown(text) if name in plain else f"{name}={MASK}" for name, text in written.items())
        return Present(
            {
                **super().desired().keys,
                "content": salted("".join(written.values())),
                "variables": "".join(f"{line}\n" for line in shown),
            }
        )

    def tell(self) -> Sh:
        """Return text that prints each variable, and a digest of all of them."""
        told = sh("salt={} plain={}", salt(), f" {' '.join(self._plain())} ")
        return lines(told, script("env_file.sh"), sh(_CONTENT, self.most()))

    def parse(self, out: str) -> Observed:
        """Return the variables in the words of `desired`: a secret that differs is said to, and nothing else of it."""
        found = super().parse(out)
        if not isinstance(found, Present) or "content" not in found.keys:
            return found
        told = {key: value for key, value in found.keys.items() if _TOLD.fullmatch(key)}
        seen = "".join(f"{self._seen(key, value)}\n" for key, value in told.items())
        wanted = self.desired().keys
        if not told and found.keys["content"] == wanted["content"]:  # a host on which all is as declared says no more
            seen = wanted["variables"]
        return Present({key: value for key, value in found.keys.items() if key not in told} | {"variables": seen})

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Leave the digest out where the variables say more."""
        found = super().differences(observed)
        if "variables" in found:
            found.pop("content", None)
        return found

    def _seen(self, key: str, value: str) -> str:
        kind, name = key[0], key.partition("_")[2]
        mine = self._lines.get(name)
        if mine is not None and value == (mine if kind == "p" else salted(mine)):
            return _shown(mine) if name in self._plain() else f"{name}={MASK}"
        if kind == "p":
            line = _shown(value)
            return f"{line} (written in another way)" if mine is not None and line == _shown(mine) else line
        about = "another value" if mine is not None else "not declared"
        return f"{name}={MASK} ({about})" if name else f"{MASK} (no variable)"

    def _merged(self) -> Mapping[str, str | Secret]:
        return {**self.defaults, **self.values}

    def _plain(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, value in self._merged().items() if not isinstance(value, Secret)))

    @cached_property
    def _lines(self) -> dict[str, str]:
        """Return the line of each variable, by name."""
        merged = self._merged()
        return {name: f"{name}={quoted(_plain(merged[name]))}\n" for name in sorted(merged)}


def _shown(text: str) -> str:
    return text.removesuffix("\n").replace("\n", "\\n")


MODULE = EnvFile

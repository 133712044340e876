"""A file of environment variables that systemd and sh read alike, whatever the values hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules._checks import absolute
from deployer.modules._private_file import PrivateFile
from deployer.releases.generations import BELONGS

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SPECIAL = re.compile(r'[\\"$`]')


def _variables(given: Mapping[str, str | Secret]) -> str | None:
    for key, value in given.items():
        if not _KEY.fullmatch(key):
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
    """A file for EnvironmentFile=. Values may be secrets; the file is root's alone and is compared by digest."""

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
        """Return the file, sorted, because the order of a mapping means nothing."""
        merged = {**self.defaults, **self.values}
        return Secret("".join(f"{key}={quoted(_plain(merged[key]))}\n" for key in sorted(merged)), self.path)


MODULE = EnvFile

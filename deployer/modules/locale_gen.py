"""locale_gen: which locales a Debian host has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.sh.text import script


def _locale(value: str) -> str | None:
    good = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,40}(\.[A-Za-z0-9-]{1,40})?(@[A-Za-z0-9]{1,20})?", value)
    return None if good else "write a name of /usr/share/i18n/SUPPORTED, such as de_AT.UTF-8"


@dataclass(frozen=True, kw_only=True)
class LocaleGen(Module):
    """Locales: their lines in /etc/locale.gen, and what ``locale-gen`` makes of them.

    The package ``locales`` has to be installed. Running programs keep the locale that they were started with.
    """

    EXAMPLE: ClassVar[str] = """\
- name: how dates and money look
  locale_gen:
    name: [de_AT.UTF-8, en_US.UTF-8]
"""

    name: Annotated[tuple[str, ...], Doc("one locale or several", check=check.every(_locale), example=("de_AT.UTF-8",))]
    state: Annotated[Literal["present", "absent"], Doc("whether they are there")] = "present"

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("locale_gen needs name")

    def desired(self) -> State:
        """Return one key for each locale."""
        return Present(dict.fromkeys(self.name, self.state))

    def probe(self) -> Sh:
        """Print the locales that exist, and those that the host cannot generate."""
        return lines(self._given(), sh("locales_seen"))

    def parse(self, out: str) -> Observed:
        """Return which of them are there.

        Raises:
            ConfigError: one is neither there nor can be made.
        """
        found = records(out, "found", "unheard")
        there = {_plain(line) for line in found["found"].split()}
        seen = {name: "present" if _plain(name) in there else "absent" for name in self.name}
        if odd := [one for one in found["unheard"].split() if seen.get(one) == "absent"]:
            raise ConfigError(f"this host has no locale {', '.join(odd)}", hint="/usr/share/i18n/SUPPORTED has them")
        return Present(seen)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Add or comment out their lines, and generate the locales."""
        names = [name for name in self.name if name in changes]
        if not names:
            return ()
        # All of them have a line: locale-gen may drop those that were made without one.
        verb = "make" if self.state == "present" else "forget"
        text = lines(self._given(), sh("locales_written {}", self.name), sh("locale-gen >/dev/null"))
        return (Step(f"{verb} {' '.join(names)}", text),)

    def _given(self) -> Sh:
        return lines(sh("wanted={} names={}", self.state, " ".join(self.name)), script("locale_gen.sh"))

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return ("/etc/locale.gen",)


def _plain(name: str) -> str:
    """Return a locale's name as ``locale -a`` would print it: a codeset has small letters and no hyphens there."""
    place, dot, rest = name.partition(".")
    codeset, at, variant = rest.partition("@")
    return f"{place}{dot}{codeset.replace('-', '').lower()}{at}{variant}"


MODULE = LocaleGen

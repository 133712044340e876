"""ini_file: one option of a file with [sections]."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.shared.edited import Edited

_TOP = "[\0]"
"""The key of options outside of any section."""
_QUIET = re.compile(r"[ \t]*([#;].*)?\n?")


def _wanting(values: tuple[Mapping[str, Any], ...]) -> str | None:
    known = {"option", "value", "values"}
    good = all(isinstance(one.get("option"), str) and set(one) <= known for one in values)
    return None if good else "write option, and value or values"


@dataclass(frozen=True, kw_only=True)
class IniFile(Edited):
    """An option in a section of an ini file, a section itself, or the absence of one.

    The file is edited as Ansible's community.general does it: a commented option is activated in its place, a new
    option goes after the section's last one, and a new section to the end. Without ``section`` it edits the part before
    the first one. Unlike there, ``allow_no_value`` adds nothing beside an existing value, and ``absent`` removes all
    sections of a name. A missing file is made, but not its directory.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the agent talks to our server
  ini_file:
    path: /etc/agent.ini
    section: server
    option: url
    value: https://metrics.example.org
    mode: "0644"
"""

    create: Annotated[bool, Doc("make the file if it is missing")] = True
    section: Annotated[str | None, Doc("the section's name", check=check.one_line, example="server")] = None
    section_has_values: Annotated[
        tuple[Mapping[str, Any], ...],
        Doc("of several sections of one name, the one that has these options", check=_wanting),
    ] = ()
    option: Annotated[str | None, Doc("the option's name", check=check.one_line, example="url")] = None
    value: Annotated[str | None, Doc("its value", check=check.one_line, example="1")] = None
    values: Annotated[
        tuple[str, ...], Doc("its values, a line each", check=check.every(check.one_line), example=("1", "2"))
    ] = ()
    exclusive: Annotated[bool, Doc("these values and no others")] = True
    no_extra_spaces: Annotated[bool, Doc("no spaces around =")] = False
    ignore_spaces: Annotated[bool, Doc("a line that differs only in spaces stays")] = False
    allow_no_value: Annotated[bool, Doc("an option may stand without = and value")] = False
    modify_inactive_option: Annotated[bool, Doc("activate a commented line")] = True
    follow: Annotated[bool, Doc("refused when true: name the file itself")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.value is not None and self.values:
            raise ConfigError("ini_file takes value or values, not both")
        if self.section_has_values and not self.section:
            raise ConfigError("section_has_values needs section")
        told = [value for one in self.section_has_values if one["option"] == self.option for value in _values(one)]
        gone = (self.exclusive or not self._wanted) and not set(told) & set(self._wanted)
        if told and self.state == "present" and gone:
            hint = "write another option in section_has_values, or exclusive: false"
            raise ConfigError(f"after this, no section would have {self.option} = {told[0]}", hint=hint)
        if self.follow:
            raise ConfigError("follow is not supported", hint="write the path of the file itself")
        if self.state == "present" and not self.allow_no_value and self.value is None and not self.values:
            raise ConfigError("ini_file needs value", hint="value: TEXT, or allow_no_value: true")

    @property
    def _wanted(self) -> list[str]:
        told = self.values if self.value is None else (self.value,)
        return list(dict.fromkeys(one.lstrip(" \t") for one in told))  # a file tells no blanks before a value

    @property
    def _sep(self) -> str:
        return "=" if self.no_extra_spaces else " = "

    def edited(self, text: str) -> str:
        """Return the text with the option in it, or without."""
        rows = [row for row in re.split(r"(?<=\n)", text.removeprefix("\ufeff")) if row] or ["\n"]
        if not rows[-1].endswith("\n"):
            rows[-1] += "\n"
        rows.insert(0, _TOP)
        found = self._bounds(rows)
        if found is None and self.state == "present":
            rows += self._new_section()
        while found:
            begin, end = found
            rows[begin:end] = kept = self._changed(rows[begin:end])
            found = None if kept else self._bounds(rows)
        made = "".join(rows[1:] if rows[:1] == [_TOP] else rows)
        return text if made == "\n" and not text else made

    def _changed(self, rows: list[str]) -> list[str]:
        if self.state == "present":
            return self._with_option(rows)
        return [] if self.option is None else [row for row in rows if not self._unwanted(row)]

    def _bounds(self, rows: list[str]) -> tuple[int, int] | None:
        """Return where the section begins, with its heading, and where the next one does; None: it is not there."""
        heads = [i for i, row in enumerate(rows) if row.startswith("[")]
        name = (
            re.compile(rf"\[\s*{re.escape(self.section.strip())}\s*]") if self.section else re.compile(re.escape(_TOP))
        )
        for begin, end in pairwise([*heads, len(rows)]):
            if name.match(rows[begin]) and self._has_values(rows[begin:end]):
                return begin, end
        return None

    def _has_values(self, rows: list[str]) -> bool:
        return all(
            self._has(_matcher(str(one["option"]), commented=True), one, rows) for one in self.section_has_values
        )

    @staticmethod
    def _has(match: _Matcher, wanted: Mapping[str, Any], rows: list[str]) -> bool:
        values = _values(wanted)
        found = [one["value"] for row in rows if (one := match(row))]
        return bool(found) and (not values or any(value in values for value in found))

    def _unwanted(self, row: str) -> bool:
        found = _matcher(self.option or "", commented=False)(row)
        return found is not None and (self.exclusive or found["value"] in self._wanted)

    def _line(self, value: str) -> str:
        return f"{self.option}\n" if not value and self.allow_no_value else f"{self.option}{self._sep}{value}\n"

    def _new_section(self) -> list[str]:
        rows, values = [f"[{self.section}]\n"], self._wanted
        for one in self.section_has_values:
            if one["option"] != self.option:
                told = _values(one)
                rows += [f"{one['option']}{self._sep}{value}\n" for value in told]
                rows += [f"{one['option']}\n"] if not told and self.allow_no_value else []
            elif not self.exclusive:
                values += [value for value in _values(one) if value not in values]
        if self.option is not None:
            rows += [self._line(value) for value in values]
            rows += [f"{self.option}\n"] if not values and self.allow_no_value else []
        return rows

    def _with_option(self, rows: list[str]) -> list[str]:
        if self.option is None:
            return rows
        match = _matcher(self.option, commented=self.modify_inactive_option)
        rows, left, done, bare = list(rows), self._wanted, set[int](), False
        for i, row in enumerate(rows):
            found = match(row)
            if found and found["value"] in left:
                value = found["value"]
                bare = bare or (not value and self.allow_no_value)
                self._put(rows, i, self._line(value), done)
                left.remove(value)
            elif found and not self._wanted and self.allow_no_value:
                self._put(rows, i, f"{self.option}\n", done)
                bare = True
                break
        if self.exclusive and not self.allow_no_value:
            rows = self._only(rows, left, done, match)
        return self._added(rows, left, bare=bare)

    def _only(self, rows: list[str], left: list[str], done: set[int], match: _Matcher) -> list[str]:
        """Give lines of the option that are left over the values that are, and take out the rest of them."""
        over = [
            i for i, row in enumerate(rows)
            if i not in done and (found := match(row)) and not (found["comment"] and not found["sep"])
        ]  # fmt: skip
        gone = {i for i in over[len(left) :] if i}
        for i in over[: len(left)]:
            self._put(rows, i, self._line(left.pop(0)), done)
        return [row for i, row in enumerate(rows) if i not in gone]

    def _put(self, rows: list[str], i: int, new: str, done: set[int]) -> None:
        match = _matcher(self.option or "", commented=True)
        old, made = match(rows[i]), match(new)
        same = self.ignore_spaces and old and made and not old["comment"] and old["value"] == made["value"]
        rows[i] = rows[i] if same else new
        done.add(i)

    def _added(self, rows: list[str], left: list[str], *, bare: bool) -> list[str]:
        """Put the missing lines after the section's last line with content."""
        at = next(i for i in range(len(rows), 0, -1) if not _QUIET.fullmatch(rows[i - 1]))
        new = [self._line(value) for value in left]
        if not left and self.allow_no_value and not (bare or self._wanted):
            new = [f"{self.option}\n"]
        return [*rows[:at], *new, *rows[at:]]


_Matcher = Callable[[str], re.Match[str] | None]


def _matcher(option: str, *, commented: bool) -> _Matcher:
    """Return what recognises an option's line; one that is commented out, too, or not."""
    hidden = "[#;]?" if commented else ""
    return re.compile(
        rf"[ \t]*(?P<comment>{hidden})[ \t]*{re.escape(option)}[ \t]*(?P<sep>=|$)[ \t]*(?P<value>.*)"
    ).match


def _values(wanted: Mapping[str, Any]) -> list[str]:
    if wanted.get("value") is not None:
        return [str(wanted["value"])]
    given = wanted.get("values") or []
    return [str(one) for one in (given if isinstance(given, list | tuple) else [given])]


MODULE = IniFile

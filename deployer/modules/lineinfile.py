"""lineinfile: one line of a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.shared.edited import Edited


@dataclass(frozen=True, kw_only=True)
class Lineinfile(Edited):
    """A line that is in a file, or is not.

    The last line that ``regexp`` (or ``search_string``) finds becomes ``line``. If none is found, and the line is not
    there yet, ``insertafter`` or ``insertbefore`` says where it goes; the default is the end. Regular expressions are
    Python's, as in Ansible. Several tasks may edit one file, also after a task that writes all of it: a plan knows what
    each will find. The file may have at most one MiB of UTF-8.
    """

    EXAMPLE: ClassVar[str] = """\
- name: who looks after this host
  lineinfile:
    path: /etc/motd
    regexp: ^Ask
    line: Ask the shop's team
    create: true
    mode: "0644"
"""

    line: Annotated[str | None, Doc("the line", check=check.row, example="a line", alias="value")] = None
    regexp: Annotated[
        str | None,
        Doc("matches the line that is replaced or removed", check=check.pattern, example="^a", alias="regex"),
    ] = None
    search_string: Annotated[str | None, Doc("text in that line, instead of regexp", check=check.filled)] = None
    insertafter: Annotated[
        str | None, Doc("a new line goes after the last one that this matches; EOF", check=check.pattern, example="EOF")
    ] = None
    insertbefore: Annotated[
        str | None,
        Doc("a new line goes before the last one that this matches; BOF", check=check.pattern, example="BOF"),
    ] = None
    backrefs: Annotated[bool, Doc(r"\1 in line are groups of regexp; nothing is added where it finds nothing")] = False
    firstmatch: Annotated[bool, Doc("the first matching line counts, instead of the last")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        found = self.regexp is not None or self.search_string is not None
        if self.regexp is not None and self.search_string is not None:
            raise ConfigError("lineinfile takes regexp or search_string, not both")
        if self.state == "present" and self.line is None:
            raise ConfigError("lineinfile needs line", hint="line: TEXT, or state: absent with regexp")
        if self.state == "absent" and self.line is None and not found:
            raise ConfigError("state: absent needs to know which lines", hint="regexp, search_string or line")
        if self.backrefs and self.regexp is None:
            raise ConfigError("backrefs needs regexp")
        if self.insertafter and self.insertbefore:
            raise ConfigError("lineinfile takes insertafter or insertbefore, not both")
        if "" in (self.regexp, self.search_string):
            raise ConfigError("an empty text matches every line")
        if self.backrefs and self.line:
            try:
                re.sub(self.regexp or "", self.line, "")
            except (re.error, IndexError) as error:
                raise ConfigError(f"line {self.line!r} does not fit regexp: {error}") from None

    def edited(self, text: str) -> str:
        """Return the text with the line in it, or without."""
        rows = text.splitlines(keepends=True) if "\r" not in text and "\f" not in text else re.split(r"(?<=\n)", text)
        rows = [row for row in rows if row]
        if self.state == "absent":
            return "".join(row for row in rows if not self._finds(row))
        self._put(rows, self.line or "")
        return "".join(rows)

    def _finds(self, row: str) -> bool:
        if self.regexp is not None:
            return re.search(self.regexp, row) is not None
        if self.search_string is not None:
            return self.search_string in row
        return row.rstrip("\r\n") == self.line

    def _put(self, rows: list[str], line: str) -> None:
        """Change the rows in place."""
        marked = self.regexp is not None or self.search_string is not None
        at = self._place(rows, self._finds) if marked else None
        if at is not None:
            match = re.search(self.regexp, rows[at]) if self.backrefs and self.regexp else None
            rows[at] = (match.expand(line) if match else line).removesuffix("\n") + "\n"
        elif any(row.rstrip("\r\n") == line for row in rows):
            last = max(i for i, row in enumerate(rows) if row.rstrip("\r\n") == line)
            rows[last] = f"{line}\n"
        elif not self.backrefs:
            self._add(rows, line)

    def _add(self, rows: list[str], line: str) -> None:
        if "BOF" in (self.insertbefore, self.insertafter):
            rows.insert(0, f"{line}\n")
            return
        beside = self.insertafter if self.insertafter not in (None, "EOF") else self.insertbefore
        at = self._place(rows, lambda row: re.search(beside, row) is not None) if beside else None
        if at is None:
            if rows and not rows[-1].endswith("\n"):
                rows[-1] += "\n"
            rows.append(f"{line}\n")
            return
        at += 1 if self.insertafter else 0
        if at == len(rows) and not rows[-1].endswith("\n"):
            rows[-1] += "\n"
        rows.insert(at, f"{line}\n")

    def _place(self, rows: list[str], finds: Callable[[str], bool]) -> int | None:
        found = [i for i, row in enumerate(rows) if finds(row)]
        return None if not found else found[0] if self.firstmatch else found[-1]


MODULE = Lineinfile

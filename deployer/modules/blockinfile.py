"""blockinfile: some lines of a file, between two that mark them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.shared.edited import Edited


@dataclass(frozen=True, kw_only=True)
class Blockinfile(Edited):
    """Lines in a file between two marking lines; the rest of the file stays.

    ``insertafter`` or ``insertbefore`` (regular expressions of Python) say where a new block goes; the default is the
    end. Without a block, or with ``state: absent``, the lines and their marks are removed.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the shop's hosts, for whoever logs in
  blockinfile:
    path: /etc/motd
    create: true
    marker: "# {mark} the shop"
    block: |
      192.0.2.10 shop1
      192.0.2.11 shop2
"""

    block: Annotated[str, Doc("the lines", example="a line", alias="content")] = ""
    marker: Annotated[str, Doc("the marking line; {mark} is BEGIN and END", check=check.one_line)] = (
        "# {mark} ANSIBLE MANAGED BLOCK"
    )
    marker_begin: Annotated[str, Doc("what {mark} is before the block", check=check.one_line)] = "BEGIN"
    marker_end: Annotated[str, Doc("what {mark} is after the block", check=check.one_line)] = "END"
    insertafter: Annotated[
        str | None,
        Doc("a new block goes after the last line that this matches; EOF", check=check.pattern, example="EOF"),
    ] = None
    insertbefore: Annotated[
        str | None,
        Doc("a new block goes before the last line that this matches; BOF", check=check.pattern, example="BOF"),
    ] = None
    append_newline: Annotated[bool, Doc("an empty line after it")] = False
    prepend_newline: Annotated[bool, Doc("an empty line before it")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{mark}" not in self.marker:
            raise ConfigError("marker must contain {mark}", hint='marker: "# {mark} NAME"')
        if self.marker_begin == self.marker_end:
            raise ConfigError("marker_begin and marker_end must differ")
        if self.insertafter and self.insertbefore:
            raise ConfigError("blockinfile takes insertafter or insertbefore, not both")

    def edited(self, text: str) -> str:
        """Return the text with the block in it, or without."""
        rows = [row for row in re.split(r"(?<=\n)", text) if row]
        marks = [self.marker.replace("{mark}", word) + "\n" for word in (self.marker_begin, self.marker_end)]
        ends = [max((i for i, row in enumerate(rows) if row == mark), default=None) for mark in marks]
        if ends[0] is None or ends[1] is None:
            at = self._place(rows)
        else:
            at, last = min(ends[0], ends[1]), max(ends[0], ends[1])
            del rows[at : last + 1]
        there = self.state == "present" and bool(self.block)
        if at and not rows[at - 1].endswith("\n"):
            rows[at - 1] += "\n"
        if self.prepend_newline and self.state == "present" and at and rows[at - 1] != "\n":
            rows.insert(at, "\n")
            at += 1
        block = [marks[0], *re.split(r"(?<=\n)", self.block.removesuffix("\n")), "\n", marks[1]] if there else []
        rows[at:at] = block
        behind = at + len(block)
        if self.append_newline and self.state == "present" and behind < len(rows) and rows[behind] != "\n":
            rows.insert(behind, "\n")
        return "".join(rows)

    def _place(self, rows: list[str]) -> int:
        beside = self.insertafter if self.insertafter not in (None, "EOF") else self.insertbefore
        if beside in (None, "EOF"):
            return len(rows)
        if self.insertbefore == "BOF":
            return 0
        found = [i for i, row in enumerate(rows) if re.search(str(beside), row)]
        return len(rows) if not found else found[-1] + (1 if self.insertafter else 0)


MODULE = Blockinfile

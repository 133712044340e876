"""pam_limits: one limit of a user's, a group's or everybody's login."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.shared.edited import Edited

_UNLIMITED = ("unlimited", "infinity", "-1")


def _domain(value: str) -> str | None:
    return None if re.fullmatch(r"[^\s#]+", value) else "write a user, @GROUP, * or the like (limits.conf(5))"


@dataclass(frozen=True, kw_only=True)
class PamLimits(Edited):
    """One line of /etc/security/limits.conf, or of a file beside it.

    As in Ansible's community.general, an existing line for the same domain, type and item gets the value; otherwise a
    new line goes to the end. It applies to logins that begin afterwards, but not to systemd units: a unit has
    ``LimitNOFILE=`` and so on.
    """

    EXAMPLE: ClassVar[str] = """\
- name: who works for the shop may open many files
  pam_limits:
    dest: /etc/security/limits.d/shop.conf
    domain: "@shop"
    limit_type: "-"
    limit_item: nofile
    value: "65536"
"""

    path: Annotated[str, Doc("the file on the host", check=check.absolute, example="/etc/security/limits.d/a.conf",
                             alias="dest")] = "/etc/security/limits.conf"  # fmt: skip
    create: Annotated[bool, Doc("make the file if it is missing")] = True
    state: Annotated[Literal["present"], Doc("no line is taken out")] = "present"
    domain: Annotated[str, Doc("whom it limits", check=_domain, example="@shop")]
    limit_type: Annotated[Literal["soft", "hard", "-"], Doc("which limit; - is both")]
    limit_item: Annotated[
        Literal[
            "core", "data", "fsize", "memlock", "nofile", "rss", "stack", "cpu", "nproc", "as", "maxlogins",
            "maxsyslogins", "priority", "locks", "sigpending", "msgqueue", "nice", "rtprio", "chroot",
        ],
        Doc("what is limited"),
    ]  # fmt: skip
    value: Annotated[str, Doc("a number, or unlimited", check=check.one_line, example="65536")]
    use_max: Annotated[bool, Doc("an existing higher value stays")] = False
    use_min: Annotated[bool, Doc("an existing lower value stays")] = False
    comment: Annotated[str, Doc("a comment after the value", check=check.one_line, example="for the shop")] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.use_max and self.use_min:
            raise ConfigError("pam_limits takes use_max or use_min, not both")
        if not _fits(self.limit_item, self.value):
            kinds = "-20 to 19" if self.limit_item in ("nice", "priority") else "a number, or unlimited"
            raise ConfigError(f"value {self.value!r} is not a limit of {self.limit_item}", hint=f"value: {kinds}")

    def edited(self, text: str) -> str:
        """Return the text with the limit in it."""
        made, comment, there = [], self.comment, False
        for row in text.splitlines(keepends=True):
            fields = re.sub(r"\s+", " ", row).strip().split("#", 1)[0].rstrip().split(" ")
            if row.startswith("#") or fields == [""]:
                made.append(row)
                continue
            comment = comment or row.partition("#")[2]
            ours = tuple(fields[:3]) == (self.domain, self.limit_type, self.limit_item) and len(fields) == 4
            made.append(self._replaced(row, fields[3], comment) if ours else row)
            there = there or ours
        if not there:
            if made and not made[-1].endswith("\n"):
                made[-1] += "\n"
            made.append(self._line(self.value, comment))
        return "".join(made)

    def _replaced(self, row: str, had: str, comment: str) -> str:
        if had == self.value:
            return row
        if not _fits(self.limit_item, had):
            raise ConfigError(f"{self.path} has the value {had!r} for {self.limit_item}, which is not a limit")
        value = self._chosen(had)
        return row if value == had else self._line(value, comment)

    def _line(self, value: str, comment: str) -> str:
        told = f"\t#{comment}" if comment else ""
        return f"{self.domain}\t{self.limit_type}\t{self.limit_item}\t{value}{told}\n"

    def _chosen(self, there: str) -> str:
        if not (self.use_max or self.use_min):
            return self.value
        free = [one for one in (there, self.value) if one in _UNLIMITED]
        if self.use_max:
            return free[0] if free else str(max(int(self.value), int(there)))
        limited = [one for one in (there, self.value) if one not in _UNLIMITED]
        return str(min(map(int, limited))) if len(limited) == 2 else (limited or [there])[0]


def _fits(item: str, value: str) -> bool:
    if item in ("nice", "priority"):
        return bool(re.fullmatch("-?[0-9]+", value)) and -20 <= int(value) <= 19
    return value in _UNLIMITED or value.isdecimal()


MODULE = PamLimits

"""replace: every text of a file that a regular expression finds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.shared.edited import Edited


@dataclass(frozen=True, kw_only=True)
class Replace(Edited):
    r"""Every text in a file that ``regexp`` finds becomes ``replace``; ``\1`` is its first group.

    The regular expression is Python's with ``MULTILINE``, as in Ansible. What is put in has to be such that it is not
    found again, or the second reading says that it is not done.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the old name of the database
  replace:
    path: /etc/hosts
    regexp: \\bdb-old\\b
    replace: db-new
"""

    state: Annotated[Literal["present"], Doc("nothing else")] = "present"
    create: Annotated[Literal[False], Doc("a file that is not there holds nothing to replace")] = False
    regexp: Annotated[str, Doc("finds what is replaced", check=check.pattern, example="a b")]
    replace: Annotated[str, Doc("what is put in its place; without it, nothing", example="c d")] = ""
    after: Annotated[str | None, Doc("only after what this matches", check=check.pattern, example="x")] = None
    before: Annotated[str | None, Doc("only before what this matches", check=check.pattern, example="y")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            re.sub(self.regexp, self.replace, "")
        except (re.error, IndexError) as error:
            raise ConfigError(f"replace {self.replace!r} does not fit regexp: {error}") from None

    def edited(self, text: str) -> str:
        """Return the text with all of it replaced."""
        begin, end = 0, len(text)
        if self.after is not None or self.before is not None:
            inner = "(?P<part>.*?)" if self.after is not None and self.before is not None else "(?P<part>.*)"
            match = re.search(f"{self.after or ''}{inner}{self.before or ''}", text, re.DOTALL)
            if not match:
                return text
            begin, end = match.span("part")
        return text[:begin] + re.sub(self.regexp, self.replace, text[begin:end], flags=re.MULTILINE) + text[end:]


MODULE = Replace

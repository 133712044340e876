"""template: a file rendered from a Jinja2 template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.fields import Doc
from deployer.modules.base import Blob
from deployer.modules.shared.content import Content
from deployer.modules.shared.written import Written
from deployer.releases.generations import BELONGS


@dataclass(frozen=True, kw_only=True)
class Template(Written):
    """A file on the host, rendered here from a Jinja2 template with the variables of the play.

    Everything else is as with copy. A template with a secret makes the whole file secret: mode 0600 unless set
    otherwise, and none of its text in any plan. A first line such as ``#jinja2: trim_blocks: False`` sets how it is
    written, and overrides the task's arguments.
    """

    SOURCES: ClassVar[Mapping[str, str]] = {"src": "templates"}
    EXAMPLE: ClassVar[str] = """\
- name: the shop's limits
  template:
    src: limits.conf.j2
    dest: /etc/shop.conf
    owner: root
    group: root
    mode: "0644"
"""

    src: Annotated[Blob, Doc("a template here, looked up in the role's templates/")]
    generations: Annotated[
        str | None, Doc(BELONGS, check=check.absolute, example="/etc/beam/generations.d/opt/shop")
    ] = None
    trim_blocks: Annotated[bool, Doc("remove the newline after a block")] = True
    lstrip_blocks: Annotated[bool, Doc("remove blanks before a block that begins its line")] = False
    variable_start_string: Annotated[str, Doc("how a variable begins", check=check.one_line, example="[[")] = "{{"
    variable_end_string: Annotated[str, Doc("and how it ends", check=check.one_line, example="]]")] = "}}"
    block_start_string: Annotated[str, Doc("how a block begins", check=check.one_line, example="[%")] = "{%"
    block_end_string: Annotated[str, Doc("and how it ends", check=check.one_line, example="%]")] = "%}"
    comment_start_string: Annotated[str, Doc("how a comment begins", check=check.one_line, example="[#")] = "{#"
    comment_end_string: Annotated[str, Doc("and how it ends", check=check.one_line, example="#]")] = "#}"

    @property
    def _content(self) -> Content:
        return Content(path=self.dest, blob=self.src, owner=self.owner, group=self.group, mode=self.mode,
                       generations=self.generations or "")  # fmt: skip


MODULE = Template

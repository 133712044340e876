"""copy: a file with given content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Blob
from deployer.modules.shared.content import Content
from deployer.modules.shared.owned import FileGroup, Mode, Owner
from deployer.modules.shared.written import Written


@dataclass(frozen=True, kw_only=True)
class Copy(Written):
    """A file on the host with the content of a file here, or with content written in the playbook.

    The file is written beside its place, synced and renamed, so a reader sees the old or the new one, never a part.
    A new file belongs to root and has mode 0644 unless said otherwise; of an existing one, what is not named stays.
    Secret content gets 0600 and never appears in a plan. A symbolic link at ``dest`` is replaced by the file; a
    directory never is.
    """

    SOURCES: ClassVar[Mapping[str, str]] = {"src": "files"}
    EXAMPLE: ClassVar[str] = """\
- name: greet whoever logs in
  copy:
    dest: /etc/motd
    content: |
      This host runs the shop.
    mode: "0644"
- name: who may do what
  copy:
    src: shop.sudoers
    dest: /etc/sudoers.d/shop
    mode: "0440"
    validate: test -s %s
"""

    dest: Annotated[str, Doc("the file's path on the host", check=check.absolute, example="/etc/motd")]
    src: Annotated[Blob | None, Doc("a file here, looked up in the role's files/")] = None
    content: Annotated[str | Secret | None, Doc("the content itself, instead of src")] = None
    owner: Owner = None
    group: FileGroup = None
    mode: Mode = None

    def __post_init__(self) -> None:
        if (self.src is None) == (self.content is None):
            raise ConfigError("copy needs either src or content")
        super().__post_init__()

    @property
    def _content(self) -> Content:
        blob = self.src or Blob.of(self.content or "")
        return Content(path=self.dest, blob=blob, owner=self.owner, group=self.group, mode=self.mode)


MODULE = Copy

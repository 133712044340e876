"""copy: a file with given content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret, Unknown
from deployer.modules.base import Blob, Changes, Known, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import Content
from deployer.modules.shared.owned import FileGroup, Mode, Owner
from deployer.modules.shared.written import Written, validation
from deployer.sh.text import script


@dataclass(frozen=True, kw_only=True)
class Copy(Written):
    """A file on the host with the content of a file here, of another file there, or written in the playbook.

    The file is written beside its place, synced and renamed, so a reader sees the old or the new file, never a part. A
    new file belongs to root and has mode 0644 unless set otherwise; an existing one keeps what is not set. Secret
    content gets 0600 and never appears in a plan. The file replaces a symbolic link at ``dest``, but never a directory.
    With ``remote_src`` a plan says that the content differs, but not how; ``dest`` may then be a directory, which has
    to exist. If ``src`` is a directory here, all its files are copied, and missing directories are made with
    ``directory_mode``; with a slash at the end of ``src`` only its content, otherwise the directory itself.
    """

    SOURCES: ClassVar[Mapping[str, str]] = {"src": "files"}
    ON_HOST: ClassVar[str] = "remote_src"
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

    dest: Annotated[str, Doc("the file's path on the host", check=check.file_or_folder, example="/etc/motd")]
    src: Annotated[
        Blob | str | None, Doc("a file here, looked up in the role's files/, or with remote_src one on the host")
    ] = None
    content: Annotated[str | Secret | None, Doc("the content itself, instead of src")] = None
    remote_src: Annotated[bool, Doc("src is on the host")] = False
    owner: Owner = None
    group: FileGroup = None
    mode: Mode = None

    def __post_init__(self) -> None:
        if (self.src is None) == (self.content is None):
            raise ConfigError("copy needs either src or content")
        if isinstance(self.src, str) != self.remote_src:
            raise ConfigError("src is a file on this machine", hint="remote_src: true, if it is on the host")
        if isinstance(self.src, str) and (why := check.absolute(self.src)):
            hint = "a directory: command: {cmd: cp -r SRC DEST, creates: DEST}"
            raise ConfigError(f"src {self.src!r}: {why}", hint=hint)
        if not self.remote_src and (why := check.absolute(self.dest)):
            raise ConfigError(f"dest {self.dest!r}: {why}")
        super().__post_init__()

    def _there(self, *text: Sh) -> Sh:
        return lines(sh("src={} dest={}", str(self.src), self.dest), script("copy.sh"), *text)

    def desired(self) -> State:
        """Return type, content and what else is declared."""
        if not self.remote_src:
            return super().desired()
        return Present({"type": "file", "content": "same", **self._content.attributes.desired()})

    def known(self) -> Known | None:
        """Return the file as declared, where that is known here."""
        return None if self.remote_src else super().known()

    def probe(self) -> Sh:
        """Look at it; with remote_src, whether its content is the source's."""
        return self._there(sh("copy_seen")) if self.remote_src else super().probe()

    def parse(self, out: str) -> Observed:
        """Return the present state, under the keys of `desired`."""
        if not self.remote_src or not out:
            return super().parse(out)
        found = records(out, "type", "at")
        if found["type"] == "directory":
            raise ConfigError(f"{self.dest} is a directory on this host", hint="write the path of the file in it")
        if found["type"] != "file":
            return Present({"type": found["type"]})
        found = records(out, "content")
        return Present({"type": "file", "content": found["content"], **self._content.attributes.observed(found["at"])})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write the file, or set owner and mode when only those differ."""
        if not self.remote_src or not changes:
            return super().fix(changes)
        given = [self._content.attributes.desired().get(key, "") for key in ("mode", "owner", "group")]
        parts = [sh("copied {} {} {} {}", *given, "keep" if self.backup else "")]
        parts += [test] if (test := validation(self.validate)) else []
        return (Step(f"copy {self.src}", self._there(*parts, sh('settle "$dest"'))),)

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """Return unknown when an earlier task changes the source."""
        ways = [path for path in touched if path == self.src or str(self.src).startswith(f"{path.rstrip('/')}/")]
        return Unknown(f"an earlier task changes {ways[0]}") if self.remote_src and ways else observed

    def touches(self) -> tuple[str, ...]:
        """Return the file; with remote_src also the one that it is where ``dest`` turns out to be a directory."""
        if not self.remote_src:
            return super().touches()
        within = f"{self.dest.rstrip('/')}/{PurePosixPath(str(self.src)).name}"
        return (within,) if self.dest.endswith("/") else (self.dest, within)

    def writes(self, changes: Changes) -> Mapping[str, str]:
        """Return the text, where it is known here."""
        return {} if self.remote_src else super().writes(changes)

    @property
    def _content(self) -> Content:
        blob = self.src if isinstance(self.src, Blob) else Blob.of(self.content or "")
        return Content(path=self.dest, blob=blob, owner=self.owner, group=self.group, mode=self.mode)


MODULE = Copy

"""unarchive: the unpacked content of an archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import octal
from deployer.modules.shared.fetching import fetchable, fetching
from deployer.modules.shared.owned import FileGroup, Owner
from deployer.sh.text import script


@dataclass(frozen=True, kw_only=True)
class Unarchive(Module):
    """An archive (tar, also compressed; zip if the host has unzip), unpacked into an existing directory.

    The archive is in the role's files/, or with ``remote_src`` on the host, or at an address. With ``creates`` a plan
    knows whether it is needed. Without it, a tar file on the host is compared with the directory (owner, mode, time and
    content, by tar itself), and any other archive is unpacked in every run.

    It is first unpacked beside its place, and then put in place whole. Into a directory of another user it is put as
    that user, who then owns everything: root writes nothing where somebody else could redirect the path. Elsewhere
    ``owner``, ``group`` and ``mode`` are set on everything from the archive; the default is what the archive says.
    """

    SOURCES: ClassVar[dict[str, str]] = {"src": "files"}
    ON_HOST: ClassVar[str] = "remote_src"
    INSTEAD: ClassVar[str] = "write creates: PATH, a path that exists when the archive is unpacked"
    EXAMPLE: ClassVar[str] = """\
- name: the pages for when the shop is closed
  unarchive:
    src: pages.tar.gz
    dest: /srv/shop
    creates: /srv/shop/pages
"""

    src: Annotated[Blob | str, Doc("the archive: a file here, or with remote_src one on the host or an address")]
    dest: Annotated[str, Doc("the directory, which is there", check=check.file_or_folder, example="/srv/shop")]
    remote_src: Annotated[bool, Doc("src is on the host, or at an address")] = False
    creates: Annotated[
        str | None, Doc("needed until this path exists", check=check.absolute, example="/srv/shop/pages")
    ] = None
    owner: Owner = None
    group: FileGroup = None
    mode: Annotated[
        str | None, Doc("octal permissions of all of it", check=check.mode, example="0755", quoted=True)
    ] = None
    exclude: Annotated[tuple[str, ...], Doc("what is left out", check=check.every(check.filled), example=("doc",))] = ()
    include: Annotated[tuple[str, ...], Doc("only these", check=check.every(check.filled), example=("bin",))] = ()
    extra_opts: Annotated[
        tuple[str, ...],
        Doc("options of tar or unzip", check=check.every(check.filled), example=("--strip-components=1",)),
    ] = ()
    list_files: Annotated[bool, Doc("accepted")] = False
    validate_certs: Annotated[bool, Doc("refused when false: anyone in between could send anything")] = True

    def __post_init__(self) -> None:
        if self.remote_src and isinstance(self.src, str):
            if "://" in self.src:
                if why := fetchable(self.src):
                    raise ConfigError(f"src {why}", hint="https://HOST/FILE")
            elif why := check.absolute(self.src):
                raise ConfigError(f"src {self.src!r}: {why}")
        elif not isinstance(self.src, Blob):
            raise ConfigError("src is a file on this machine", hint="remote_src: true, if it is on the host")
        if not self.validate_certs:
            raise ConfigError(
                "certificates are checked",
                hint="put the CA certificate into /usr/local/share/ca-certificates/ and run update-ca-certificates",
            )
        if self.exclude and self.include:
            raise ConfigError("unarchive takes exclude or include, not both")
        runs = (
            "-I",
            "--use-compress-program",
            "--to-command",
            "--checkpoint-action",
            "-C",
            "--directory",
            "--rsh-command",
        )
        if any(word.startswith(runs) or word.startswith(("-P", "--absolute-names")) for word in self.extra_opts):
            raise ConfigError("extra_opts would run a program or unpack to another place", hint="use command instead")

    @property
    def _compared(self) -> bool:
        """Whether tar can tell what differs."""
        on_host = isinstance(self.src, str) and "://" not in self.src and not self.src.endswith(".zip")
        return on_host and not (self.creates or self.owner or self.group or self.mode)

    @property
    def handler_only(self) -> bool:
        """Whether nothing says when it is needed."""
        return not (self.creates or self._compared)

    def _given(self) -> Sh:
        place = self.src if isinstance(self.src, str) else ""
        words = (place, self.dest.rstrip("/") or "/", self.owner or "", self.group or "", octal(self.mode) or "")
        options = [*self.extra_opts, *(f"--exclude={word}" for word in self.exclude)]
        return lines(
            sh("src={} dest={} owner={} group={} mode={}", *words),
            sh('untar() {{ tar {} "$@" {}; }}', options, ["--", *self.include] if self.include else []),
            sh(
                'unzipped() {{ unzip -q -o {} "$1" {} {} -d "$2"; }}',
                self.extra_opts,
                list(self.include),
                ["-x", *self.exclude] if self.exclude else [],
            ),
            script("unarchive.sh"),
        )

    def desired(self) -> State:
        """Return that it is not needed (any more)."""
        return Present({} if self.handler_only else {"unpacked": "yes"})

    def probe(self) -> Sh:
        """Print whether what it creates is there, or whether tar finds a difference."""
        if self.creates:
            return sh("if [ -e {0} ]; then emit unpacked yes; else hidden {0}; emit unpacked no; fi", self.creates)
        if self._compared:
            return lines(self._given(), sh("compared"))
        return sh("emit unpacked unknown")

    def parse(self, out: str) -> Observed:
        """Return it."""
        found = records(out, "unpacked")
        return Absent() if found["unpacked"] == "no" else Present({"unpacked": found["unpacked"]})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Unpack it."""
        return (self._step(),) if changes else ()

    def act(self) -> tuple[Step, ...]:
        """Unpack it."""
        return (self._step(),) if self.handler_only else ()

    def _step(self) -> Step:
        blobs = (self.src,) if isinstance(self.src, Blob) else ()
        taken = sh('unpack "$1"') if blobs else sh("unpack ''")
        return Step(f"unpack into {self.dest}", lines(self._given(), fetching(), taken), blobs)

    def touches(self) -> tuple[str, ...]:
        """Return the directory."""
        return (self.dest.rstrip("/") or "/",)


MODULE = Unarchive

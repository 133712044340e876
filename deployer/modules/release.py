"""A release on a host: unpacked beside all others and marked complete; beam_nodes makes it current."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from deployer.beam.names import check_release_name, check_release_version
from deployer.errors import ConfigError, ProbeError, StepError
from deployer.fields import Doc
from deployer.modules._checks import absolute, told_by
from deployer.modules._unpack import TREE, unpack
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Step, records
from deployer.sh import Sh, lines, sh

_PROBE = """
root={} release={}
real=$(realpath -m -- "$root")
[ "$real" = "$root" ] || emit detour "$real"
emit machine "$(uname -m)"
emit glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null || :)"
if [ -f "$release/.complete" ]; then
  emit complete "$(cat -- "$release/.complete")"
  emit tree "$(tree "$release")"
else
  place=$root
  while [ ! -d "$place" ]; do place=${{place%/*}}; place=${{place:-/}}; done
  emit free "$(df --output=avail,iavail -B1 -- "$place" | tail -n 1)"
  [ ! -f "$home/part."{} ] || emit sent "$(wc -c <"$home/part."{})"
fi"""

_SENT = re.compile(r"(\d+) of \d+ bytes are there")


@dataclass(frozen=True, kw_only=True)
class Release(Module):
    """A release's directory.

    ``ROOT/versions/VERSION-SHA8`` is unpacked in a fresh directory and renamed, never written into; ``.complete`` in it
    holds the tarball's digest and one of the whole tree.
    """

    SOURCES: ClassVar[dict[str, str]] = {"tarball": "tarball"}
    EXAMPLE: ClassVar[str] = """\
- name: the release
  release:
    name: shop
    tarball: dist/shop-1.4.2.tar.gz
    version: "1.4.2"
    root: /opt/shop
"""

    name: Annotated[str, Doc("the OTP release's name", check=told_by(check_release_name), example="shop")]
    tarball: Annotated[Blob, Doc("its .tar.gz on the controller; sent only when the host lacks it")]
    version: Annotated[str, Doc("the version inside", check=told_by(check_release_version), example="1.4.2")]
    root: Annotated[str, Doc("directory on the host", check=absolute, example="/opt/shop")]
    machine: Annotated[str, Doc("uname -m it is built for; empty: not checked")] = ""
    glibc: Annotated[str, Doc("the newest glibc it needs, such as 2.34; empty: not checked")] = ""
    unpacked: Annotated[int, Doc("bytes it has unpacked; 0: room is not checked")] = 0
    files: Annotated[int, Doc("files it has")] = 0

    @property
    def id(self) -> str:
        """Version and content in one word."""
        return f"{self.version}-{self.tarball.sha256[:8]}"

    @property
    def path(self) -> str:
        """Where it is unpacked."""
        return f"{self.root}/versions/{self.id}"

    def desired(self) -> Present:
        """Return that it is installed."""
        return Present({"installed": self.id})

    def probe(self) -> Sh:
        """Print what is there, what the host can run, and the room it has."""
        sha256 = self.tarball.sha256
        return lines(TREE, sh(_PROBE, self.root, self.path, sha256, sha256))

    def parse(self, out: str) -> Observed:
        """Judge it.

        Raises:
            ConfigError: the release cannot run on this host, or ``root`` is a detour.
            StepError: there is no room for it.
        """
        found = records(out)
        if not {"machine", "glibc"} <= found.keys():
            raise ProbeError(f"the probe of {self.root} is incomplete")
        self._check_host(found)
        mark, _, tree = found.get("complete", "").partition("\n")
        if not mark:
            self._check_room(found.get("free", ""))
            sent, size = found.get("sent", ""), self.tarball.size
            return Present({"installed": f"{sent} of {size} bytes are there"}) if sent.isdecimal() else Absent()
        whole = (mark, tree) == (self.tarball.sha256, found.get("tree"))
        return Present({"installed": self.id if whole else "altered"})

    def _check_host(self, found: dict[str, str]) -> None:
        release = f"{self.name} {self.version}"
        if "detour" in found:
            hint = "write the real directory: what is deleted below it must be certain"
            raise ConfigError(f"release.root {self.root} leads to {found['detour']} on this host", hint=hint)
        if self.machine and found["machine"] != self.machine:
            hint = "build the release on a machine like the host"
            raise ConfigError(f"{release} is built for {self.machine}, this host is {found['machine']}", hint=hint)
        has = found["glibc"].rpartition(" ")[2]
        if self.glibc and _pair(has) < _pair(self.glibc):
            hint = "build the release on the oldest system it has to run on"
            raise ConfigError(f"{release} needs glibc {self.glibc}, this host has {has or 'none'}", hint=hint)

    def _check_room(self, free: str) -> None:
        words = free.split()
        if len(words) != 2:
            raise ProbeError(f"df does not tell the room at {self.root}")
        need = {"bytes": self.unpacked * 22 // 10, "inodes": self.files * 2}  # twice, and a tenth on top
        for (kind, wanted), have in zip(need.items(), words, strict=True):
            if have.isdecimal() and int(have) < wanted and not (kind == "inodes" and have == "0"):
                hint = "make room, or lower release.keep"
                raise StepError(f"no room at {self.root}: {have} {kind} are free, {wanted} are needed", hint=hint)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Unpack it. What takes the place of an altered tree disturbs who runs from it, and waits for its turn."""
        if not changes:
            return ()
        text = unpack(self.root, self.path, self.name, self.version, self.tarball.sha256)
        before = changes["installed"].before or ""
        sent = _SENT.fullmatch(before)
        rest = replace(self.tarball, offset=min(int(sent[1]), self.tarball.size)) if sent else self.tarball
        return (Step(f"unpack {self.name} {self.version}", text, (rest,), ahead=before != "altered"),)

    def touches(self) -> tuple[str, ...]:
        """Return the release's directory."""
        return (self.path,)


def _pair(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


MODULE = Release

"""A release on a host, unpacked in its own directory and marked complete; beam_nodes makes it current."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from deployer.beam.names import check_release_name, check_release_version
from deployer.beam.remembered import learn
from deployer.checks import absolute, as_check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Reads, Step, records
from deployer.releases.generations import PLACES, above, check_secure, declared
from deployer.releases.unpack import TREE, unpack
from deployer.sh import Sh, lines, script, sh

_SENT = re.compile(r"(\d+) of \d+ bytes are uploaded")


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

    name: Annotated[str, Doc("the OTP release's name", check=as_check(check_release_name), example="shop")]
    tarball: Annotated[Blob, Doc("its .tar.gz on the controller; sent only when the host lacks it")]
    version: Annotated[str, Doc("the version inside", check=as_check(check_release_version), example="1.4.2")]
    root: Annotated[str, Doc("directory on the host", check=absolute, example="/opt/shop")]
    manifest: Annotated[
        str,
        Doc("digest of what has to come out of it, as release.manifest has it; left out, the tarball is read for it"),
    ] = ""

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
        """Print what is there."""
        given = sh("release={} sha256={}\nset -- {}", self.path, self.tarball.sha256, above(self.root))
        return lines(TREE, declared(self.root, ""), PLACES, given, script("release.sh"))

    def reads(self) -> Reads:
        """Return the directories above it."""
        return Reads(places=above(self.root))

    def parse(self, out: str) -> Observed:
        """Judge it.

        Raises:
            ConfigError: ``root`` is a detour, is not root's alone, or holds something else.
        """
        found = records(out, "root")
        if found["root"] != self.root:
            hint = "write the real directory, because deployer deletes below it"
            raise ConfigError(f"release.root {self.root} is a link to {found['root']} on this host", hint=hint)
        check_secure(self.root, found.get("insecure", ""))
        if closed := found.get("closed"):
            raise ConfigError(f"the nodes' user cannot enter {closed}", hint=f"chmod o+x {closed}")
        if others := found.get("others"):
            hint = "write a directory that is only for the release, such as /opt/NAME"
            raise ConfigError(
                f"{self.root} contains files that are not part of a release: {', '.join(others.splitlines())}",
                hint=hint,
            )
        mark, _, tree = found.get("complete", "").partition("\n")
        if not mark:
            sent, size = found.get("sent", ""), self.tarball.size
            return Present({"installed": f"{sent} of {size} bytes are uploaded"}) if sent.isdecimal() else Absent()
        whole = (mark, tree) == (self.tarball.sha256, found.get("tree", "").rstrip())
        return Present({"installed": self.id if whole else "altered"})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Unpack it. What takes the place of an altered tree disturbs who runs from it, and waits for its turn."""
        if not changes:
            return ()
        text = unpack(self.root, self.path, self.name, self.version, self.tarball.sha256, self._manifest())
        before = changes["installed"].before or ""
        sent = _SENT.fullmatch(before)
        rest = replace(self.tarball, offset=min(int(sent[1]), self.tarball.size)) if sent else self.tarball
        return (Step(f"unpack {self.name} {self.version}", text, (rest,), ahead=before != "altered"),)

    def _manifest(self) -> str:
        path = self.tarball.path
        return self.manifest or (learn(path, name=self.name, version=self.version).manifest if path else "")

    def touches(self) -> tuple[str, ...]:
        """Return the release's directory."""
        return (self.path,)


MODULE = Release

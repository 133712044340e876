"""get_url: a file that a server gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import Attributes
from deployer.modules.shared.fetching import fetchable, fetching
from deployer.modules.shared.owned import FileGroup, Mode, Owner
from deployer.sh.text import script

_PROBE = """dest={0} kind={2}
[ ! -d "$dest" ] || dest=${{dest%/}}/{1}
look "$dest"
if [ "$type" = file ] && [ -n "$kind" ]; then
  readable "$dest"
  sum=$("${{kind}}sum" <"$dest")
  emit sum "${{sum%% *}}"
fi"""

_GIVEN = "url={} dest={} name={} kind={} sum={} patience={} mode={} owner={} group={} keeps={}"
_SUMS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True, kw_only=True)
class GetUrl(Module):
    """A file from a server, fetched by the host itself with curl, wget or python3, whichever it has.

    With ``checksum`` a plan knows whether the file is the right one. Without it an existing file stays; with ``force``
    and no checksum it is fetched in every run. It is put in place only when it is complete. Everybody on the host could
    read a password in a URL, so such a URL is refused.
    """

    INSTEAD: ClassVar[str] = "set checksum, and remove force"
    EXAMPLE: ClassVar[str] = """\
- name: the monitoring agent
  get_url:
    url: https://example.org/agent-1.4.tar.gz
    dest: /usr/local/src/agent-1.4.tar.gz
    checksum: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    mode: "0644"
"""

    url: Annotated[
        str, Doc("where it is: http, https, ftp or file", check=check.one_line, example="https://a.example/b")
    ]
    dest: Annotated[str, Doc("the file on the host, or its directory", check=check.file_or_folder, example="/srv/b")]
    checksum: Annotated[
        str,
        Doc("KIND:DIGEST in hex; KIND is sha256 or another one", check=check.one_line, example=f"sha256:{64 * '0'}"),
    ] = ""
    force: Annotated[bool, Doc("fetch it even if it exists", alias="thirsty")] = False
    backup: Annotated[bool, Doc("keep the old file beside the new one")] = False
    timeout: Annotated[int, Doc("seconds in which the server has to answer")] = 10
    validate_certs: Annotated[bool, Doc("refused when false: anyone in between could send anything")] = True
    owner: Owner = None
    group: FileGroup = None
    mode: Mode = None

    def __post_init__(self) -> None:
        if why := fetchable(self.url):
            raise ConfigError(f"url {why}", hint="https://HOST/FILE")
        if not self.validate_certs:
            raise ConfigError(
                "certificates are checked",
                hint="put the CA certificate into /usr/local/share/ca-certificates/ and run update-ca-certificates",
            )
        if self.checksum and _SUMS.get(self._kind) != len(self._sum):
            hint = "KIND:DIGEST, KIND one of " + ", ".join(_SUMS)
            raise ConfigError(f"checksum {self.checksum!r} is not a checksum", hint=hint)
        if not 1 <= self.timeout <= 3600:
            raise ConfigError(f"timeout is {self.timeout}", hint="write seconds, from 1 to 3600")

    @property
    def _name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def _kind(self) -> str:
        return self.checksum.partition(":")[0].lower()

    @property
    def _sum(self) -> str:
        found = self.checksum.partition(":")[2].strip().lower()
        return found if re.fullmatch("[0-9a-f]*", found) else ""

    @property
    def _attributes(self) -> Attributes:
        return Attributes(owner=self.owner, group=self.group, mode=self.mode)

    @property
    def handler_only(self) -> bool:
        """Whether it is fetched in every run."""
        return self.force and not self.checksum

    def desired(self) -> State:
        """Return a file, its digest where one is given, and the attributes."""
        digest = {"checksum": self._sum} if self.checksum else {}
        return Present({"type": "file", **digest, **self._attributes.desired()})

    def probe(self) -> Sh:
        """Print type and attributes, and a digest where one is given."""
        return sh(_PROBE, self.dest, self._name, self._kind if self.checksum else "")

    def parse(self, out: str) -> Observed:
        """Return them under the keys of `desired`.

        Raises:
            ConfigError: something else is in its place.
        """
        if not out:
            return Absent()
        found = records(out, "type", "at")
        if found["type"] != "file":
            raise ConfigError(f"{self.dest} is a link to a {found['type']} on this host", hint="name the file")
        if self.checksum and "sum" not in found:
            raise ProbeError(f"{self.dest} has no digest")
        digest = {"checksum": found["sum"]} if self.checksum else {}
        return Present({"type": "file", **digest, **self._attributes.observed(found["at"])})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Fetch it and put it in place, or set its attributes."""
        if not changes:
            return ()
        if {"state", "type", "checksum"} & set(changes):
            return (self._fetch(),)
        place = sh('dest={}; [ ! -d "$dest" ] || dest=${{dest%/}}/{}', self.dest, self._name)
        return (Step(f"set owner and mode of {self._name}", lines(place, self._attributes.fix(Sh('"$dest"')))),)

    def act(self) -> tuple[Step, ...]:
        """Fetch it."""
        return (self._fetch(),) if self.handler_only else ()

    def _fetch(self) -> Step:
        kept = self._attributes.desired()
        words: list[str | int] = [self.url, self.dest, self._name, self._kind if self.checksum else "", self._sum]
        words += [self.timeout]
        words += [kept.get(key, "") for key in ("mode", "owner", "group")]
        given = sh(_GIVEN, *words, "yes" if self.backup else "no")
        return Step(f"fetch {self._name}", lines(given, fetching(), script("get_url.sh")))

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.dest,)


MODULE = GetUrl

"""deb822_repository: a repository of apt, in a .sources file of its own."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc, describe
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import Content
from deployer.modules.shared.fetching import fetchable, fetching
from deployer.sh.text import script

_OURS = ("mode", "state", "install_python_debian")
_PLACE = "/etc/apt/{}/{}.{}"
_KEY = """if [ -s "$ring" ] && [ -f "$ring" ]; then emit key there; else emit key none; fi
"""
_GONE = """for file in {}; do
  if [ -e "$file" ] || [ -L "$file" ]; then emit file "$file"; break; fi
done
emit read yes"""


@dataclass(frozen=True, kw_only=True)
class Deb822Repository(Module):
    """A repository of apt, in /etc/apt/sources.list.d/NAME.sources as Ansible writes it.

    ``signed_by`` is a file on the host, a fingerprint, a key in ASCII armor, or an address. A key from an address is
    fetched once, into /etc/apt/keyrings/NAME.gpg, without its armor (Ansible keeps an armored one as NAME.asc, and
    checks it in every run). As in Ansible, the lists of packages are not refreshed: that is apt's ``update_cache``.
    ``absent`` deletes the file, and the key of its name.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the repository of the message broker
  deb822_repository:
    name: broker
    uris: https://apt.example.org/debian
    suites: bookworm
    components: main
    signed_by: /etc/apt/keyrings/broker.gpg
"""

    name: Annotated[str, Doc("what it is called", check=check.one_line, example="broker")]
    types: Annotated[tuple[Literal["deb", "deb-src"], ...], Doc("packages, sources, or both")] = ("deb",)
    uris: Annotated[
        tuple[str, ...], Doc("addresses", check=check.every(check.one_line), example=("https://a.example/debian",))
    ] = ()
    suites: Annotated[tuple[str, ...], Doc("suites", check=check.every(check.one_line), example=("bookworm",))] = ()
    components: Annotated[
        tuple[str, ...] | None, Doc("components", check=check.every(check.one_line), example=("main",))
    ] = None
    architectures: Annotated[
        tuple[str, ...] | None, Doc("only for these", check=check.every(check.one_line), example=("amd64",))
    ] = None
    signed_by: Annotated[str | None, Doc("the key that has to sign it", check=check.filled)] = None
    enabled: Annotated[bool | None, Doc("whether apt uses it")] = None
    trusted: Annotated[bool | None, Doc("trust it without a signature")] = None
    allow_insecure: Annotated[bool | None, Doc("apt's option of this name")] = None
    allow_weak: Annotated[bool | None, Doc("apt's option of this name")] = None
    allow_downgrade_to_insecure: Annotated[bool | None, Doc("apt's option of this name")] = None
    by_hash: Annotated[bool | None, Doc("apt's option of this name")] = None
    check_date: Annotated[bool | None, Doc("apt's option of this name")] = None
    check_valid_until: Annotated[bool | None, Doc("apt's option of this name")] = None
    date_max_future: Annotated[int | None, Doc("seconds that a list may be from the future")] = None
    inrelease_path: Annotated[
        str | None, Doc("apt's option of this name", check=check.one_line, example="InRelease")
    ] = None
    languages: Annotated[
        tuple[str, ...] | None, Doc("languages of descriptions", check=check.every(check.one_line), example=("en",))
    ] = None
    pdiffs: Annotated[bool | None, Doc("apt's option of this name")] = None
    targets: Annotated[
        tuple[str, ...] | None, Doc("the lists to fetch", check=check.every(check.one_line), example=("Packages",))
    ] = None
    mode: Annotated[str, Doc("octal permissions", check=check.mode, example="0644", quoted=True)] = "0644"
    state: Annotated[Literal["present", "absent"], Doc("whether it is there")] = "present"
    install_python_debian: Annotated[bool, Doc("accepted; deployer needs no Python on the host")] = False

    def __post_init__(self) -> None:
        if not self._slug:
            raise ConfigError(
                f"name {self.name!r} does not give a valid file name", hint="write lower-case letters, digits and -"
            )
        if self.state == "present" and not (self.uris and self.suites):
            raise ConfigError("deb822_repository needs uris and suites", hint="uris: https://HOST/PATH, suites: SUITE")
        if any(urlsplit(uri).password for uri in self.uris):
            hint = "write it into /etc/apt/auth.conf.d/NAME.conf with mode 0600"
            raise ConfigError("uris contain a password, which every user of the host could read", hint=hint)
        if self._fetched and (why := fetchable(self._fetched)):
            raise ConfigError(f"signed_by {why}", hint="https://HOST/FILE")

    @property
    def _slug(self) -> str:
        return re.sub("[^a-z0-9-]+", "", re.sub(r"[_\s]+", "-", self.name.lower()))

    @property
    def _fetched(self) -> str:
        """The address that the key is fetched from."""
        given = self.signed_by or ""
        return given if "\n" not in given and urlsplit(given).scheme else ""

    @property
    def _ring(self) -> str:
        return _PLACE.format("keyrings", self._slug, "gpg")

    @property
    def path(self) -> str:
        """The file of the repository."""
        return _PLACE.format("sources.list.d", self._slug, "sources")

    @property
    def text(self) -> str:
        """What the file holds: the arguments in the order of their names."""
        said: dict[str, object] = {field.name: getattr(self, field.name) for field in describe(type(self))}
        said["signed_by"] = self._ring if self._fetched else self.signed_by
        given = {key: _said(value) for key, value in sorted(said.items()) if value is not None and key not in _OURS}
        return "".join(f"{_field(key)}: {value}\n".replace(": \n", ":\n") for key, value in given.items())

    @property
    def _content(self) -> Content:
        return Content(path=self.path, blob=Blob.of(self.text), mode=self.mode)

    def desired(self) -> State:
        """Return the file, and that its key is there where it is fetched."""
        if self.state == "absent":
            return Absent()
        return Present(({"key": "there"} if self._fetched else {}) | self._content.desired())

    def probe(self) -> Sh:
        """Print both; of what should be absent, any file of its name."""
        if self.state == "absent":
            return sh(_GONE, self._all)
        key = [sh("ring={}", self._ring), sh(_KEY)] if self._fetched else []
        return lines(*key, self._content.probe())

    def parse(self, out: str) -> Observed:
        """Return them."""
        if self.state == "absent":
            return Present({}) if "file" in records(out, "read") else Absent()
        if not self._fetched:
            return self._content.parse(out)
        key, _, rest = out.partition("\x1e")
        seen = self._content.parse(rest)
        found: Mapping[str, str] = seen.keys if isinstance(seen, Present) else {}
        return Present({"key": records(f"{key}\x1e", "key")["key"], **found})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Fetch the key first, and write the file; or delete both."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete {self.path}", sh("rm -f -- {}", self._all)),)
        steps = []
        if "key" in changes:
            given = sh("ring={} id= url={} file=", self._ring, self._fetched)
            steps.append(Step(f"write {self._ring}", lines(given, script("apt_key.sh"), fetching(), sh("take_key ''"))))
        return (*steps, *self._content.fix({key: value for key, value in changes.items() if key != "key"}))

    @property
    def _all(self) -> list[str]:
        return [self.path, self._ring, _PLACE.format("keyrings", self._slug, "asc")]

    def touches(self) -> tuple[str, ...]:
        """Return the files."""
        return (self.path, self._ring) if self._fetched else (self.path,)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value)
    text = str(value)
    if "\n" not in text:
        return text
    return "\n" + textwrap.indent("\n".join(line.strip() or "." for line in text.strip().splitlines()), "    ")


def _field(key: str) -> str:
    return {"name": "X-Repolib-Name", "uris": "URIs"}.get(key, key.replace("_", "-").title())


MODULE = Deb822Repository

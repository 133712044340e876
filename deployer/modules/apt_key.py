"""apt_key: a key that apt takes a repository's signature from."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.fetching import fetchable, fetching
from deployer.sh.text import script

_ID = re.compile(r"(?:0x)?([0-9A-Fa-f]{8}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})")
_PROBE = """if [ -s "$ring" ] && [ -f "$ring" ]; then
  emit key there
  emit ids "$(key_ids "$ring")"
fi
emit read yes"""


@dataclass(frozen=True, kw_only=True)
class AptKey(Module):
    """The key that signs a repository of apt, in a file of its own.

    Best set ``keyring`` to a file below /etc/apt/keyrings/ and name that file in the repository's line
    (``[signed-by=…]``); then the key counts only for that repository. Without ``keyring`` the key becomes a file in
    /etc/apt/trusted.gpg.d/, named after the id, the address or the content, and counts for all repositories, like a key
    that Ansible's apt_key adds. The common file /etc/apt/trusted.gpg, which newer systems do not read any more, is
    neither written nor read. A keyring holds only this key, which replaces the old content.

    The key comes from ``url``, ``data``, ``file`` (on the host) or a ``keyserver``. ASCII armor is removed without any
    program. With ``id``, the host's gpg has to confirm that it is the right key before anything is written. An existing
    key is not fetched again; if its owner has renewed it, delete the file.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the key of the broker's repository
  apt_key:
    url: https://apt.example.org/key.asc
    keyring: /etc/apt/keyrings/broker.gpg
"""

    url: Annotated[str, Doc("where the key is", check=check.one_line, example="https://a.example/key.asc")] = ""
    data: Annotated[str, Doc("the key itself, in ASCII armor", check=check.filled)] = ""
    file: Annotated[str | None, Doc("a file on the host", check=check.absolute, example="/srv/key.asc")] = None
    keyserver: Annotated[
        str, Doc("a key server, which is asked for id", check=check.one_line, example="keyserver.example.org")
    ] = ""
    id: Annotated[str, Doc("the key's id or fingerprint", check=check.one_line, example="0x0123456789ABCDEF")] = ""
    keyring: Annotated[
        str | None, Doc("the file of the key on the host", check=check.absolute, example="/etc/apt/keyrings/a.gpg")
    ] = None
    state: Annotated[Literal["present", "absent"], Doc("whether the file is there")] = "present"
    validate_certs: Annotated[bool, Doc("refused when false: anyone in between could send anything")] = True

    def __post_init__(self) -> None:
        given = [word for word in ("url", "data", "file", "keyserver") if getattr(self, word)]
        if self.state == "present" and len(given) != 1:
            raise ConfigError(
                "apt_key takes only one of url, data, file and keyserver", hint="url: https://HOST/KEY.asc"
            )
        if not given and not self.id and not self.keyring:
            raise ConfigError("apt_key needs a key", hint="id, url, data, file or keyring")
        if self.keyserver and not self.id:
            raise ConfigError("keyserver needs id", hint="id: FINGERPRINT")
        if self.id and not _ID.fullmatch(self.id):
            raise ConfigError(f"id {self.id!r} is not a key id", hint="8, 16 or 40 hex digits")
        if self.url and (why := fetchable(self.url)):
            raise ConfigError(f"url {why}", hint="https://HOST/FILE")
        if self.keyserver and not re.fullmatch(r"((hkp|hkps|https?)://)?[A-Za-z0-9.:\[\]-]+/?", self.keyserver):
            raise ConfigError(
                f"keyserver {self.keyserver!r} is not an address", hint="HOST, hkp://HOST:80 or https://HOST"
            )
        if self.data and "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in self.data:
            raise ConfigError("data is not a public key in ASCII armor", hint="-----BEGIN PGP PUBLIC KEY BLOCK----- …")
        if not self.validate_certs:
            raise ConfigError(
                "certificates are checked",
                hint="put the CA certificate into /usr/local/share/ca-certificates/ and run update-ca-certificates",
            )

    @property
    def _key(self) -> str:
        found = _ID.fullmatch(self.id)
        return found[1].upper() if found else ""

    @property
    def _ring(self) -> str:
        if self.keyring:
            return self.keyring
        place = f"{urlsplit(self.url).hostname}{urlsplit(self.url).path}" if self.url else self.file or ""
        named = "_".join(re.findall("[A-Za-z0-9]+", place)) or hashlib.sha256(self.data.encode()).hexdigest()[:16]
        return f"/etc/apt/trusted.gpg.d/{self._key or named[-100:]}.gpg"

    @property
    def _address(self) -> str:
        if not self.keyserver:
            return self.url
        scheme, _, host = self.keyserver.rstrip("/").rpartition("://")
        secure = scheme in ("", "hkps", "https")
        port = ":11371" if scheme == "hkp" and ":" not in host else ""
        return f"http{'s' if secure else ''}://{host}{port}/pks/lookup?op=get&options=mr&search=0x{self._key}"

    def _given(self) -> Sh:
        words = (self._ring, self._key, self._address, self.file or "")
        return lines(sh("ring={} id={} url={} file={}", *words), script("apt_key.sh"))

    def desired(self) -> State:
        """Return that the key's file is there, or is not; with id, that the key is in it."""
        if self.state == "absent":
            return Absent()
        return Present({"key": "there"} | ({"id": self._key} if self._key else {}))

    def probe(self) -> Sh:
        """Print whether it is, and whose ids it has where gpg is there to tell."""
        return lines(self._given(), sh(_PROBE))

    def parse(self, out: str) -> Observed:
        """Return it; where no gpg can tell, a file counts for the key that it was written for."""
        found = records(out, "read")
        if "key" not in found:
            return Absent()
        ids = records(out, "read", "ids")["ids"].split()
        said = not ids or any(one.endswith(self._key) for one in ids)
        return Present({"key": "there"} | ({"id": self._key if said else ids[0]} if self._key else {}))

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Fetch the key, look at it, and write it; or delete the file."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete {self._ring}", sh("rm -f -- {}", self._ring)),)
        taken = sh('take_key "$1"') if self.data else sh("take_key ''")
        blobs = (Blob.of(self.data),) if self.data else ()
        return (Step(f"write {self._ring}", lines(self._given(), fetching(), taken), blobs),)

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self._ring,)


MODULE = AptKey

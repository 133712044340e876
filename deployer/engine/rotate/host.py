"""The sh part of a rotation: reads a host's cookies, keeps the old one beside the new one, renews a node's copy.

Every text may run twice, so that a rotation that was killed can be continued.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.errors import ProbeError
from deployer.model import Blob, Secret
from deployer.releases.node_unit import NodeUnit
from deployer.sh import Program, Sh, lines, sh

_RECORD = re.compile(r"(current|retained|copy:\S+) ([A-Za-z0-9+/]*={0,2})")
_LONGEST = 4096

_TELL = Sh(
    """
tell() {
  hidden "$2"
  [ -f "$2" ] && [ ! -L "$2" ] || return 0
  readable "$2"
  printf '%s %s\\n' "$1" "$(theirs "$2" 4096 | base64 -w 0)"
}
"""
)

_WRITE = """
path={}
if [ "$(digest "$1")" != "$(digest "$path")" ]; then
  draft "$path" "$path.old" 0400 '' ''
  settle "$path.old"
  draft "$1" "$path" 0400 '' ''
  settle "$path"
fi
"""

# A file newer than the stamp means that a restart is due. If any other file is newer, the stamp must stay as it is.
_RENEW = """
unit={} copy={} stamp={}
if [ ! -f "$copy" ] || [ -L "$copy" ]; then echo "$copy is gone: did $unit stop?"; exit 1; fi
draft "$1" "$copy" 0400 '' ''
settle "$copy"
# shellcheck disable=SC2046
newer=$(find -L {} $(systemctl show -p DropInPaths --value -- "$unit") -cnewer "$stamp" -print)
[ -n "$newer" ] || touch -ch -- "$stamp"
"""


@dataclass(frozen=True, slots=True)
class HostCookies:
    """The cookies on a host.

    Attributes:
        current: the cookie in the cluster's file, which nodes get at their start; None when there is none.
        retained: the old cookie that an unfinished rotation has kept beside it; None when there is none.
        copies: unit → the cookie in the running node's HOME.
    """

    current: Secret | None
    retained: Secret | None
    copies: Mapping[str, Secret]

    def candidates(self, unit: str, new: Secret) -> tuple[Secret, ...]:
        """Return the cookies that a node may accept, the likeliest first: a wrong one causes a line in its log."""
        found = (self.copies.get(unit), new, self.current, self.retained)
        return tuple(dict.fromkeys(secret for secret in found if secret is not None))


def read_cookies(path: str, nodes: Sequence[NodeUnit]) -> Sh:
    """Return the fragment that prints a host's cookies. Its answer is a secret: only `parse_cookies` may see it."""
    asked = [("current", path), ("retained", f"{path}.old"), *((f"copy:{node.unit}", _copy(node)) for node in nodes)]
    return lines(_TELL, *(sh("tell {} {}", word, place) for word, place in asked))


def parse_cookies(out: str, rc: int = 0) -> HostCookies:
    """Turn the answer of `read_cookies` into secrets.

    Raises:
        ProbeError: the answer is malformed; the message does not quote it.
    """
    found: dict[str, Secret] = {}
    if rc:
        raise ProbeError(f"the cookies cannot be read (status {rc})", hint="root is needed: set ansible_become: true")
    for line in out.splitlines():
        match = _RECORD.fullmatch(line)
        if not match:
            raise ProbeError("the host's answer about its cookies cannot be understood")
        found[match[1]] = _secret(match[1], match[2])
    copies = {word.removeprefix("copy:"): secret for word, secret in found.items() if word.startswith("copy:")}
    return HostCookies(found.get("current"), found.get("retained"), copies)


def write_cookies(path: str) -> Sh:
    """Return the step that keeps the cookie file as ``.old`` and writes the new cookie in its place."""
    return sh(_WRITE, path)


def renew(node: NodeUnit) -> Sh:
    """Return the step that writes the new cookie to a running node's HOME, as if the node had started with it."""
    return sh(_RENEW, node.unit, _copy(node), node.started, node.reads)


def forget(path: str, dumps: Sequence[str] = ()) -> Sh:
    """Return the step that removes the old cookie, and crash dumps, which contain it."""
    return lines(*(sh("drop {} || :", dump) for dump in dumps), sh("rm -f -- {}", f"{path}.old"))


def cookie_program(step: Sh, new: Secret, *, become: bool) -> Program:
    """Return the program of one step, which gets the new cookie's file as ``$1``."""
    text = lines(Sh('set -- "$blobs/0"'), step)
    return Program((text,), writes=True, blobs=(Blob.of(new),), become=become)


def _copy(node: NodeUnit) -> str:
    return f"{node.runtime}/.erlang.cookie"


def _secret(word: str, encoded: str) -> Secret:
    """Return a cookie as auth.erl reads it from its file: without white space at the end."""
    try:
        text = binascii.a2b_base64(encoded, strict_mode=bool(encoded)).decode("ascii").rstrip()
    except ValueError:
        raise ProbeError(f"the host's {word.partition(':')[0]} cookie file contains no cookie") from None
    return Secret(text, f"{word} cookie")

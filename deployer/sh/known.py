"""Readings that are made once for all tasks of a host, and the part that each fragment gets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from deployer.sh.text import Sh, script, sh

_ACCOUNTS = ("/etc/nsswitch.conf", "/etc/passwd", "/etc/group")
"""What pool.sh reads of users and groups."""
_NO_PATTERN = re.compile(r"/[\w./-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Known:
    """What a fragment would answer where a file or directory is as declared.

    Attributes:
        path: the file, or the directory.
        sha256: digest of the file's content; empty for a directory.
        size: of the file, in bytes.
        held: where the file belongs to a release, the directory of its generations; ``path`` is a link then.
        salt: of a secret file instead of digest and size.
        proof: of a secret file: ``salt``, its digest in hex and a newline. It stays here: a host is sent one digest of
            those of all its secret files together.
        said: the record that stands for its content in the answer.
    """

    path: str
    sha256: str = ""
    size: int = 0
    held: str = ""
    salt: str = ""
    proof: str = field(default="", repr=False)
    said: str = ""

    @property
    def place(self) -> str:
        """The path of the file itself."""
        return f"{self.held}/current{self.path}" if self.held else self.path

    def call(self, index: int) -> Sh:
        """Return the line that answers a fragment, or has it ask."""
        reached = self.path if self.held else ""
        if self.proof:
            return sh("known_secret {} {} {} {} || ask {}", index, self.place, reached, self.said, index)
        return sh("known {} {} {} {} || ask {}", index, self.place, self.sha256, reached, index)


@dataclass(frozen=True, slots=True)
class Pooled:
    """A fragment that is answered, whatever there is, from what was read once for all of them.

    Attributes:
        kind: ``user``, ``group``, ``packages``, ``there`` or ``pending``: which function of pool.sh answers. It leaves
            to the fragment what it cannot tell for certain.
        words: its arguments.
    """

    kind: str
    words: tuple[str, ...] = ()

    def call(self, index: int) -> Sh:
        """Return the line that answers a fragment, or has it ask."""
        return sh("known_{} {} {} || ask {}", Sh(self.kind), index, self.words, index)


@dataclass(frozen=True, slots=True)
class Reads:
    """What a fragment wants to have read before it runs, together with what all others want.

    Attributes:
        places: files and directories whose kind, owners and mode it asks for with ``place``.
        sums: small files of root's whose digest it asks for with ``sum_of``.
        within: directories of root's; it asks so for whatever is in them.
        drop_ins: it asks so for the drop-ins of all units that deployer has written.
        walk: a directory of root's; it asks with ``own_tree`` whether all in it is root's own.
    """

    places: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    drop_ins: bool = False
    walk: str = ""


def read_together(known: Iterable[Known | Pooled], reads: Iterable[Reads]) -> Iterator[str]:
    """Yield the lines that read all of it, each kind with one process or with none."""
    known, reads = [one for one in known if isinstance(one, Pooled) or is_plain(one.place)], list(reads)
    if not known and not reads:
        return
    files = [one for one in known if isinstance(one, Known)]
    pooled = [one for one in known if isinstance(one, Pooled)]
    secret = [one for one in files if one.proof]
    sizes = {one.place: str(one.size) for one in files if one.sha256}
    sizes |= dict.fromkeys((*(one.place for one in secret), *(place for one in reads for place in one.sums)), "-")
    places = {*sizes, *(p for one in files for p in (one.place, one.path)), *(p for one in reads for p in one.places)}
    places |= {one.walk for one in reads if one.walk}
    if any(one.kind in ("user", "group") for one in pooled):
        places.update(_ACCOUNTS)
    yield sh("rs={}", "\x1e").text
    yield from (script(name, "deployer.sh").text for name in ("known.sh", "pool.sh"))
    if ways := {way for place in places if is_plain(place) for way in _ways(place)}:
        if walk := next((one.walk for one in reads if _NO_PATTERN.fullmatch(one.walk)), ""):
            yield sh("walked={}", walk).text
        within = sorted({place for one in reads for place in one.within})
        globs = [f"{sh('{}', place)}/*" for place in within]
        globs += ["/etc/systemd/system/*/00-deployer.conf"] if any(one.drop_ins for one in reads) else []
        yield " ".join([sh("places_read {}", sorted(ways)).text, *globs])
    if pairs := [word for pair in sizes.items() if is_plain(pair[0]) for word in pair]:
        yield sh("sums_read {}", pairs).text
    if secret:
        together = hashlib.sha256("".join(one.proof for one in secret).encode()).hexdigest()
        yield sh("secrets_read {} {}", together, [word for one in secret for word in (one.place, one.salt)]).text
    if places.issuperset(_ACCOUNTS):
        yield "accounts_read"
    names = [word.partition("=")[0] for one in pooled if one.kind == "packages" for word in one.words]
    if names:
        yield sh("packages_read {}", list(dict.fromkeys(names))).text


@lru_cache(maxsize=4096)
def _ways(place: str) -> tuple[str, ...]:
    """Return a place and the directories above it; hosts alike have the same."""
    return place, *map(str, PurePosixPath(place).parents)


def is_plain(place: str) -> bool:
    """Return whether a name can be separated from the rest of a line of find and sha256sum."""
    return not {"\n", "\\", "|"} & set(place) and not place.startswith("/proc/")

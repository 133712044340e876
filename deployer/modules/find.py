"""find: which files are in a directory. It changes nothing; ``register`` is what it is for."""

from __future__ import annotations

import base64
import fnmatch
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Observed, Present, Sh, lines, records, sh
from deployer.modules.shared.only_reads import OnlyReads
from deployer.modules.shared.permissions import kinds, permissions
from deployer.sh import script

LARGEST_LIST = 4 * 1024 * 1024
"""So many bytes of names and numbers at most."""
_KINDS = {"f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK, "b": stat.S_IFBLK, "c": stat.S_IFCHR}
_KINDS |= {"p": stat.S_IFIFO, "s": stat.S_IFSOCK}
_BOTTOMLESS = 1_000_000
_AGE = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_NUMBERS = ("uid", "gid", "size", "nlink", "inode", "dev")
_TIMES = ("atime", "mtime", "ctime")


@dataclass(frozen=True, kw_only=True)
class Find(OnlyReads):
    """The files in directories: ``files``, each with ``path``, ``mode``, ``size`` and so on, sorted; and ``matched``.

    It finds only files directly in the directory, unless ``recurse``; only regular files, unless ``file_type``; and
    only names that do not begin with a dot, unless ``hidden``. Patterns match a name without its directory. The probe
    reads it before a plan is made, so later tasks may use it (docs/playbooks.md). Ansible's ``contains`` and
    ``get_checksum`` are not supported.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the logs that are older than a month
  find:
    paths: /var/log/shop
    patterns: "*.log"
    age: 30d
  register: old_logs
"""

    paths: Annotated[
        tuple[str, ...],
        Doc(
            "directories on the host",
            check=check.every(check.file_or_folder),
            example=("/srv/shop",),
            alias="path name",
        ),
    ]
    patterns: Annotated[
        tuple[str, ...],
        Doc("names, with wildcards", check=check.every(check.one_line), example=("*.log",), alias="pattern"),
    ] = ()
    excludes: Annotated[
        tuple[str, ...],
        Doc("names to ignore", check=check.every(check.one_line), example=("new*",), alias="exclude"),
    ] = ()
    use_regex: Annotated[bool, Doc("patterns are regular expressions, which match from the name's begin")] = False
    file_type: Annotated[Literal["file", "directory", "link", "any"], Doc("of what kind")] = "file"
    recurse: Annotated[bool, Doc("also in subdirectories")] = False
    depth: Annotated[int | None, Doc("with recurse: how many directories deep", example=2)] = None
    hidden: Annotated[bool, Doc("also names that begin with a dot")] = False
    follow: Annotated[bool, Doc("go into directories that links lead to")] = False
    age: Annotated[str | None, Doc("at least so old, with - at most; s, m, h, d, w", example="2d")] = None
    age_stamp: Annotated[Literal["mtime", "atime", "ctime"], Doc("by which time")] = "mtime"
    size: Annotated[str | None, Doc("at least so large, with - at most; b, k, m, g, t", example="1m")] = None

    def __post_init__(self) -> None:
        for name, value, units in (("age", self.age, _AGE), ("size", self.size, _SIZE)):
            if value is not None and not re.fullmatch(f"-?[0-9]+[{''.join(units)}]?", value.lower()):
                hint = f"a number and one of {', '.join(units)}, such as 2{list(units)[2]}"
                raise ConfigError(f"{name} {value!r} is not a number with a unit", hint=hint)
        if (self.depth or 0) < 0:
            raise ConfigError("depth is a number of directories", hint="1 means the files directly in the directory")
        for pattern in (*self.patterns, *self.excludes) if self.use_regex else ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"{pattern!r} is not a regular expression: {error}") from None

    def probe(self) -> Sh:
        """Print what find says of all that is there."""
        deepest = self.depth or _BOTTOMLESS if self.recurse else 1
        given = sh("set -- {}\nfollow={}", list(self.paths), "yes" if self.follow else "no")
        return lines(given, sh("deep={} most={}", deepest, LARGEST_LIST + 1), script("find.sh"))

    def parse(self, out: str) -> Observed:
        """Return it as keys.

        Raises:
            ConfigError: there are more files than can be told.
        """
        found = records(out, "now", "rows", "missing")
        if len(found["rows"]) > LARGEST_LIST * 4 // 3:
            raise ConfigError(f"there are too many files in {', '.join(self.paths)}", hint="name a smaller directory")
        return Present(found)

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does."""
        keys = observed.keys if isinstance(observed, Present) else {}
        try:
            rows = base64.b64decode(keys["rows"]).decode("utf-8", "replace").split("\0")
            found = [_file(row) for row in dict.fromkeys(rows) if row]
            now = int(keys["now"])
        except (KeyError, ValueError):
            raise ProbeError(f"the files in {', '.join(self.paths)} cannot be read") from None
        files = sorted((one for one in found if self._counts(one, now)), key=lambda one: str(one["path"]))
        said = "Not all paths examined, check warnings for details" if keys["missing"] else "All paths examined"
        return {"files": files, "matched": len(files), "examined": len(found), "msg": said}

    def _counts(self, one: Mapping[str, Any], now: int) -> bool:
        name = one["path"].rpartition("/")[2]
        wanted = {"file": "isreg", "directory": "isdir", "link": "islnk"}.get(self.file_type)
        return (
            (self.hidden or not name.startswith("."))
            and (wanted is None or one[wanted])
            and (not self.patterns or any(self._named(name, pattern) for pattern in self.patterns))
            and not any(self._named(name, pattern) for pattern in self.excludes)
            and _beyond(now - one[self.age_stamp], self.age, _AGE)
            and (not one["isreg"] or _beyond(one["size"], self.size, _SIZE))
        )

    def _named(self, name: str, pattern: str) -> bool:
        return bool(re.match(pattern, name)) if self.use_regex else fnmatch.fnmatch(name, pattern)


def _beyond(value: float, limit: str | None, units: Mapping[str, int]) -> bool:
    if limit is None:
        return True
    number, unit = re.fullmatch(r"(-?\d+)([a-z]?)", limit.lower()).groups()  # type: ignore[union-attr]
    bound = int(number) * units.get(unit, 1)
    return value >= bound if bound >= 0 else value <= -bound


def _file(row: str) -> dict[str, Any]:
    bits, kind, *rest = row.split(":", 13)
    numbers, times, (owner, group, path) = rest[:6], rest[6:9], rest[9:]
    mode = int(bits, 8) | _KINDS.get(kind, 0)
    return {
        "path": path,
        "mode": f"{stat.S_IMODE(mode):04o}",
        "pw_name": owner,
        "gr_name": group,
        **dict(zip(_NUMBERS, map(int, numbers), strict=True)),
        **{name: int(float(value)) for name, value in zip(_TIMES, times, strict=True)},
        **kinds(mode),
        **permissions(mode),
    }


MODULE = Find

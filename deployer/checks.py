"""Grammars of what a person may write; each check returns a complaint, or None when the value is fine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from functools import lru_cache

from deployer.errors import ConfigError
from deployer.syntax import CONTROL

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_OWNER = re.compile(r"[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}")
_MODE = re.compile(r"0?[0-7]{3,4}")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,127}(:[a-z0-9]+)?(=[A-Za-z0-9][A-Za-z0-9.+:~-]*)?")
_SYSCTL = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_.:-]*[A-Za-z0-9_-])+")
_KINDS = "service|socket|target|timer|path|mount|automount|swap|slice|scope|device"
_UNIT = re.compile(rf"[A-Za-z0-9:_.\\][A-Za-z0-9:_.\\-]*(@[A-Za-z0-9:_.\\-]*)?\.({_KINDS})")
SYSTEM_PLACES = frozenset({
    "/etc/ssh", "/etc/systemd", "/etc/systemd/system", "/run/systemd", "/usr/bin", "/usr/lib", "/usr/local",
    "/usr/sbin", "/usr/share", "/var/cache", "/var/lib", "/var/lib/dpkg", "/var/log", "/var/spool", "/var/tmp",  # noqa: S108
})  # fmt: skip
"""Directories that the system itself lives in: no task may delete them, and no task may delete a top directory."""


def one_line(value: str) -> str | None:
    """Complain about control characters, such as a newline."""
    return "it may not hold control characters" if CONTROL.search(value) else None


def row(value: str) -> str | None:
    """Complain about control characters, but for tabs."""
    return one_line(value.replace("\t", " "))


def absolute(value: str) -> str | None:
    """Complain about a path that is not absolute and plain."""
    if not value.startswith("/"):
        return "it must be an absolute path"
    if CONTROL.search(value):
        return "it may not hold control characters"
    if value != "/" and (value.endswith("/") or "//" in value):
        return "write the path itself, without a doubled slash or one at the end"
    if {".", ".."} & set(value.split("/")):
        return "it may not hold . or .. as a part"
    return None


def file_or_folder(path: str) -> str | None:
    """Complain as `absolute`; a slash at the end says that it is a directory."""
    return absolute(path.removesuffix("/") or "/")


def file_stem(value: str) -> str | None:
    """Complain about what is not the name of a file that starts with a letter or digit."""
    good = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}", value)
    return None if good else "write letters, digits and _.+-, first a letter or digit"


def cron_file(value: str) -> str | None:
    """Complain about what is neither the name of a file in /etc/cron.d/ that cron reads, nor a path."""
    if "/" in value:
        return (
            "it has words of its own: write a line of it with lineinfile"
            if value == "/etc/crontab"
            else absolute(value)
        )
    good = re.fullmatch("[A-Za-z0-9_.-]+", value) and value.strip(".")
    return None if good else "write letters, digits, _ and -"


def cron_time(value: str) -> str | None:
    """Complain about what is no field of a crontab's line (crontab(5))."""
    return None if re.fullmatch("[A-Za-z0-9*,/~-]+", value) else "write what crontab(5) knows, such as 5, */10 or 1-5"


def host_name(value: str) -> str | None:
    """Complain about what is not the name of a host (hostname(7))."""
    label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    good = len(value) <= 64 and re.fullmatch(rf"{label}(\.{label})*", value)
    return None if good else "write letters, digits and -, with dots between parts, at most 64 in all"


def timezone(value: str) -> str | None:
    """Complain about what cannot be a name in /usr/share/zoneinfo."""
    good = re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", value)
    return None if good else "write a name of /usr/share/zoneinfo, such as Europe/Vienna or UTC"


def revision(value: str) -> str | None:
    """Complain about what git would not take as the name of a branch, a tag or a commit."""
    good = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,200}", value) and ".." not in value and "@{" not in value
    return None if good else "write a branch, a tag or a commit"


def pip_word(value: str) -> str | None:
    """Complain about what pip would take for an option."""
    return "it is empty, or an option" if not value.strip() or value.startswith("-") else one_line(value)


def deletable(path: str) -> str | None:
    """Complain about deleting what the system lives in."""
    kept = path in SYSTEM_PLACES or path.count("/") < 2
    return "the system lives there; it is never deleted" if kept else None


def mode(value: str) -> str | None:
    """Complain about anything but an octal mode."""
    good = _MODE.fullmatch(value)
    return None if good else 'write octal digits in quotes, such as "0644"'


def name(value: str) -> str | None:
    """Complain about what useradd would not take as the name of a user or group (shadow's NAME_REGEX)."""
    good = _NAME.fullmatch(value)
    return None if good else "write small letters, digits, _ and -, first a letter or _, at most 32 in all"


def owner(value: str) -> str | None:
    """Complain about what is neither a name nor a number of a user or group."""
    return None if _OWNER.fullmatch(value) else name(value)


def unit(value: str) -> str | None:
    """Complain about what is not a unit's name with its suffix (systemd.unit(5))."""
    good = _UNIT.fullmatch(value) and len(value) <= 255
    return None if good else "write a unit's name: letters, digits and :_.\\-@, then .service, .socket or the like"


def unit_or_service(value: str) -> str | None:
    """Complain about what is not a unit's name, where ``.service`` may be left out."""
    return unit(unit_name(value))


def unit_name(value: str) -> str:
    """Return the full name of a unit; as with systemctl, one without a suffix is a service."""
    return value if re.search(rf"\.({_KINDS})$", value) else f"{value}.service"


def sysctl(value: str) -> str | None:
    """Complain about what is not a kernel parameter (sysctl.d(5))."""
    good = _SYSCTL.fullmatch(value) and ".." not in value
    return None if good else "write a kernel parameter, such as net.core.somaxconn"


def package(value: str) -> str | None:
    """Complain about what is not a package's bare name, or one with ``=VERSION``."""
    good = _PACKAGE.fullmatch(value)
    return None if good else "write a package's bare name, or NAME=VERSION with the whole version"


def dpkg_options(value: str) -> str | None:
    """Complain about what are no words of dpkg between commas."""
    good = all(word.strip().replace("-", "").isalnum() for word in value.split(","))
    return None if good else "write words of dpkg, such as force-confdef,force-confold"


def pattern(value: str) -> str | None:
    """Complain about what is no regular expression of Python's."""
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        return f"it is no regular expression ({error})"
    return None


def gecos(value: str) -> str | None:
    """Complain about what the passwd file cannot hold in one of its fields."""
    return "it may not hold : or control characters" if ":" in value or CONTROL.search(value) else None


def home_directory(value: str) -> str | None:
    """Complain about a path that cannot be in the passwd file."""
    return absolute(value) or gecos(value)


@lru_cache(maxsize=256)
def word_list(value: str) -> str | None:
    """Complain about what does not split into words as sh quotes them."""
    try:
        split = shlex.split(value)
    except ValueError as error:
        return f"its quotes do not match ({error})"
    return program_path(split)


def program_path(argv: Sequence[str]) -> str | None:
    """Complain about an argument list that names no program."""
    first = argv[0] if argv else ""
    if not first or first.startswith("-"):
        return "it must begin with a program's name"
    return "it may not hold a NUL" if any("\0" in word for word in argv) else None


def filled(value: str) -> str | None:
    """Complain about text with nothing in it."""
    return None if value.strip() else "it is empty"


def sh_script(value: str) -> str | None:
    """Complain about an empty program. A field with this check is sh text by definition: it runs."""
    if "\0" in value:
        return "it may not hold a NUL"
    return filled(value)


def identity(value: int) -> str | None:
    """Complain about what is not a user's or group's number (the highest one means "none" to the kernel)."""
    return None if 0 <= value < 2**32 - 1 else "it must be a number from 0 to 4294967294"


def every(check: Callable[[str], str | None]) -> Callable[[tuple[str, ...]], str | None]:
    """Return a check of a list that holds ``check`` for every item; an empty list is fine."""
    return lambda values: next((f"{value!r}: {why}" for value in values if (why := check(value))), None)


def but(word: str, why: str) -> Callable[[str], str | None]:
    """Return a check that refuses one word of Ansible's and says what to do instead."""
    return lambda value: why if value == word else None


def as_check(parse: Callable[[str], object]) -> Callable[[str], str | None]:
    """Return a check that complains in the words of a function that raises `ConfigError`."""

    def complaint(text: str) -> str | None:
        try:
            parse(text)
        except ConfigError as error:
            return f"{error.message}; {error.hint}" if error.hint else error.message
        return None

    return complaint

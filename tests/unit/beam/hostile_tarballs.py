"""Tarballs that no host may unpack, and what a host says of each; some would leave a canary."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable, Mapping, Sequence

from tests.unit.beam.beam_tarballs import LOADER, Recipe, elf, release

Made = Callable[[str], bytes]
"""Takes the absolute path of a directory that nothing may reach, and gives a .tar.gz."""

_MEMBER, _TWO = "no release has a member such as", "two different members of the same name"


def _zipped(recipe: Recipe) -> bytes:
    return gzip.compress(recipe.tar(), 1, mtime=0)


def _release(change: Callable[[Recipe, str], Recipe]) -> Made:
    return lambda outside: _zipped(change(release(), outside))


def _member(name: str = "lib/odd", data: bytes = b"x", **more: object) -> Made:
    def made(recipe: Recipe, outside: str) -> Recipe:
        told = {key: value.replace("OUT", outside) if isinstance(value, str) else value for key, value in more.items()}
        return recipe.add(name.replace("OUT", outside), data, **told)  # type: ignore[arg-type]

    return _release(made)


def _through_a_link(recipe: Recipe, outside: str) -> Recipe:
    return recipe.add("lib/way", kind=tarfile.SYMTYPE, linkname=outside).add("lib/way/canary", b"x")


def _instead(name: str, data: bytes | None = None, mode: int = 0o755) -> Made:
    def made(recipe: Recipe, _: str) -> Recipe:
        without = recipe.without(name)
        return without if data is None else without.add(name, data, mode=mode)

    return _release(made)


def _pax(recipe: Recipe, _: str) -> Recipe:
    recipe.format = tarfile.PAX_FORMAT
    return recipe.add("lib/plain", b"x", pax_headers={"path": "../../../../canary"})  # type: ignore[arg-type]


def _third(recipe: Recipe, _: str) -> Recipe:
    first = recipe.members[0][1]
    return recipe.add("bin/demo", first, mode=0o755).add("bin/demo", first[::-1], mode=0o755)


def _many(count: int) -> bytes:
    one = Recipe().add("lib/a").tar()
    return gzip.compress(one[:512] * count + bytes(1024), 1, mtime=0)


def _emulator(needs: Mapping[str, Sequence[str]]) -> Made:
    return _instead(_BEAM, elf(needs, loader=LOADER))


_BEAM = "erts-13.1.5/bin/beam.smp"
_WHOLE = _zipped(release())
HOSTILE: Mapping[str, tuple[Made, str]] = {
    "a way up": (_member("../canary"), _MEMBER),
    "a way up in the middle": (_member("lib/../../canary"), _MEMBER),
    "an absolute name": (_member("OUT/canary"), _MEMBER),
    "a pax header with a way up": (_release(_pax), _MEMBER),
    "a symbolic link": (_member(data=b"", kind=tarfile.SYMTYPE, linkname="OUT"), _MEMBER),
    "a file through a symbolic link": (_release(_through_a_link), _MEMBER),
    "a hard link": (_member(data=b"", kind=tarfile.LNKTYPE, linkname="/etc/passwd"), _MEMBER),
    "a fifo": (_member(data=b"", kind=tarfile.FIFOTYPE), _MEMBER),
    "a character device": (_member(data=b"", kind=tarfile.CHRTYPE), _MEMBER),
    "a block device": (_member(data=b"", kind=tarfile.BLKTYPE), _MEMBER),
    "a setuid file": (_member(mode=0o4755), _MEMBER),
    "a setgid directory": (_member(data=b"", mode=0o2755, kind=tarfile.DIRTYPE), _MEMBER),
    "a sticky directory": (_member(data=b"", mode=0o1777, kind=tarfile.DIRTYPE), _MEMBER),
    "a file that everybody writes": (_member(mode=0o666), _MEMBER),
    "a name of two lines": (_member("lib/a\n-rw-r--r-- 0/0 1 2026-01-01 10:00 b"), _MEMBER),
    "a name with an escape": (_member("lib/a\x1b[2J"), _MEMBER),
    "two of a name that differ in size": (_member("bin/demo"), f"{_TWO}: bin/demo"),
    "two of a name that differ": (_member("./bin/demo", b"#!/bin/ed\n"), f"{_TWO}: ./bin/demo"),
    "a third of a name that differs": (_release(_third), f"{_TWO}: bin/demo"),
    "a file below a file": (_member("bin/demo/canary"), "cannot be unpacked"),
    "more members than a release has": (lambda _: _many(200_001), "more than 200000 members"),
    "a cut gzip stream": (lambda _: _WHOLE[:-30], "damaged"),
    "a cut tar": (lambda _: gzip.compress(release().tar()[:2000], mtime=0), "damaged"),
    "garbage behind it": (lambda _: _WHOLE + b"canary", "damaged"),
    "a second archive behind it": (
        lambda _: _WHOLE + _zipped(Recipe().add("lib/canary", b"x")), "has data after its end"
    ),
    "an archive of the same names behind it": (
        lambda _: _WHOLE + _zipped(Recipe().add("bin/demo", b"x", mode=0o755)), _TWO
    ),
    "no gzip": (lambda _: release().tar(), "damaged"),
    "nothing": (lambda _: b"", "damaged"),
    "no start script": (_instead("bin/demo"), "has no bin/demo"),
    "a directory as start script": (
        _release(lambda recipe, _: recipe.without("bin/demo").add("bin/demo/x", b"x")), "has no bin/demo"
    ),
    "no versions": (_instead("releases/start_erl.data"), "start_erl.data"),
    "another version": (_instead("releases/start_erl.data", b"13.1.5 0.2.0"), "contains version 0.2.0, not 0.1.0"),
    "a version of ERTS that is a path": (
        _instead("releases/start_erl.data", b"../../../x 0.1.0"), "its version of ERTS is"
    ),
    "no emulator": (_instead(_BEAM), f"has no {_BEAM}"),
    "an emulator for another machine": (_instead(_BEAM, elf(machine=183)), "for another kind of machine"),
    "an emulator for a newer glibc": (_emulator({"libc.so.6": ("GLIBC_2.99",)}), "GLIBC_2.99"),
    "an emulator for a library of nobody": (_emulator({"libnobody.so.7": ()}), "libnobody.so.7"),
}  # fmt: skip
RUNS_ELSEWHERE = frozenset(name for name in HOSTILE if name.startswith("an emulator for"))
"""Sound releases for another host: only a host can refuse them."""

"""The judge of the preflight: what a host said, turned into every reason why it cannot take a release. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from deployer.beam.names import check_alive
from deployer.checks import absolute, as_check, unit
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.releases.libraries import LOADER_KINDS, Need
from deployer.sh.sockets import parse_sockets

_MIB = 1 << 20
_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_NAME = re.compile(r"name (\S+) at port (\d{1,5})")
_PACKAGES = {
    "libcrypto.so.3": "libssl3",
    "libgcc_s.so.1": "libgcc-s1",
    "libncurses.so.6": "libncurses6",
    "libodbc.so.2": "libodbc2",
    "libsctp.so.1": "libsctp1",
    "libssl.so.3": "libssl3",
    "libstdc++.so.6": "libstdc++6",
    "libsystemd.so.0": "libsystemd0",
    "libtinfo.so.6": "libtinfo6",
    "libz.so.1": "zlib1g",
}
"""Where Debian has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a node wants for itself on its host."""

    name: Annotated[str, Doc("its name in EPMD", check=as_check(check_alive), example="shop")]
    unit: Annotated[str, Doc("its unit", check=unit, example="shop.service")]
    runtime: Annotated[str, Doc("a directory that exists while it runs", check=absolute, example="/run/beam/shop")]
    port_min: Annotated[int, Doc("first port it may listen on", example=9100)]
    port_max: Annotated[int, Doc("last port it may listen on", example=9100)]


def machine(release: str, wanted: str, have: str) -> Iterator[ConfigError]:
    """Yield that the release is for another processor."""
    same = wanted in (have, {"armv7l": "arm", "armv6l": "arm"}.get(have))
    if not same:
        hint = "build the release on a machine like the host"
        yield ConfigError(f"{release} is built for {wanted}, this host is {have}", hint=hint)


def libraries(needs: Sequence[Need], may_lack: Collection[str], machine: str, said: str) -> Iterator[ConfigError]:
    """Yield which libraries are missing and which are too old, each kind in one sentence.

    Raises:
        ProbeError: the host's answer is damaged.
    """
    *rows, last = [line.split("|") for line in said.splitlines()] or [[]]
    without_cache = last == ["nothing"]
    rows = rows if without_cache or not last else [*rows, last]
    if any(len(row) != 4 for row in rows):
        raise ProbeError("the host's list of libraries cannot be understood")
    missing: list[Need] = []
    unknown: list[Need] = []
    old: list[tuple[Need, set[str]]] = []
    for need in needs:
        kind = LOADER_KINDS.get(machine, "")
        fit = [row for row in rows if row[0] == need.library and (not row[1] or kind in row[1])]
        lacks = [set(need.versions) - set(has.split()) for *_, has in fit if "?" not in has]
        if need.library in may_lack or any(not lack for lack in lacks):
            continue
        if not fit:
            (unknown if without_cache else missing).append(need)
        elif lacks:
            old.append((need, min(lacks, key=len)))
        else:
            unknown.append(need)
    yield from _missing(missing)
    yield from _old(old)
    yield from _unknown(unknown, "ldconfig does not list any" if without_cache else "their files cannot be read")


def _missing(needs: Sequence[Need]) -> Iterator[ConfigError]:
    if needs:
        named = ", ".join(f"{need.library} ({_some(need.files)})" for need in needs)
        packages = sorted({_PACKAGES[need.library] for need in needs if need.library in _PACKAGES})
        install = (
            f"on Debian: apt-get install {' '.join(packages)}" if packages else "install the packages that contain them"
        )
        yield ConfigError(f"this host lacks libraries that the release needs: {named}", hint=install)


def _old(needs: Sequence[tuple[Need, set[str]]]) -> Iterator[ConfigError]:
    if needs:
        named = ", ".join(f"{need.library} lacks {_newest(need, lack)} ({_some(need.files)})" for need, lack in needs)
        hint = "build the release on the oldest system that it must run on, or upgrade this host"
        yield ConfigError(f"the release is built for a newer system than this host: {named}", hint=hint)


def _unknown(needs: Sequence[Need], why: str) -> Iterator[ConfigError]:
    if needs:
        named = ", ".join(need.library for need in needs)
        hint = "if you know that the host has them, list them in release_may_lack, or set release_preflight: false"
        yield ConfigError(
            f"deployer cannot find out whether this host has {named} as the release needs: {why}", hint=hint
        )


def room(wanted: Sequence[tuple[str, int, int]]) -> Iterator[ConfigError]:
    """Yield where bytes or inodes do not suffice.

    Args:
        wanted: what ``df`` said of a place, bytes, inodes; what lies on one file system is added up.

    Raises:
        ProbeError: df's answer is damaged.
    """
    places: dict[str, tuple[int, int, int, int]] = {}
    for said, size, count in wanted:
        words = said.split(None, 3)
        if len(words) != 4 or not words[0].isdecimal():
            raise ProbeError("df did not print the free space of this host")
        inodes = int(words[1]) if words[1].isdecimal() and words[2] != "0" else -1  # some file systems have none
        room, nodes, before, files = places.get(words[3], (int(words[0]), inodes, 0, 0))
        places[words[3]] = min(room, int(words[0])), min(nodes, inodes), before + size, files + count
    for place, (size, inodes, need_size, need_inodes) in places.items():
        hint = "free some space, or lower release.keep"
        if size < need_size:
            told = f"{_mib(size)} are free, {_mib(need_size + _MIB - 1)} are needed"
            yield ConfigError(f"not enough space on {place}: {told}", hint=hint)
        if 0 <= inodes < need_inodes:
            yield ConfigError(
                f"not enough space on {place}: {inodes} inodes are free, {need_inodes} are needed", hint=hint
            )


def memory(said: str, idle: int, least: int) -> Iterator[ConfigError]:
    """Yield that the nodes which do not run yet would find too little memory."""
    words = said.split()
    if len(words) < 2 or not words[1].isdecimal():
        return  # a kernel older than 3.14 does not say what is available
    have, wanted = int(words[1]) * 1024, idle * least * _MIB
    if have < wanted:
        nodes = f"{idle} nodes need" if idle > 1 else "a node needs"
        hint = "stop other programs, or lower release_memory if the nodes need less"
        yield ConfigError(f"not enough memory: {_mib(have)} are available, {nodes} {_mib(wanted)}", hint=hint)


def claims(
    wanted: Sequence[Claim], idle: Sequence[int], found: Mapping[str, str], bind: str, old: str | None = None
) -> Iterator[ConfigError]:
    """Yield which ports, names and units of nodes that do not run yet are taken by something else.

    What ``old``, the unit that is taken over, has of them is free when it stops. So is the port of a node of the same
    release that is declared no more: it is called otherwise now, or it goes.
    """
    units = {claim.unit for claim in wanted}
    sockets = parse_sockets(found.get("listening", ""))
    taken = {port for protocol, place, port, _ in sockets if protocol == "tcp" and place in {*_ANY, bind}}
    names = dict(_NAME.findall(found.get("names", "")))
    ranges: dict[tuple[int, int], int] = {}
    for i in idle:
        claim = wanted[i]
        if claim.port_min == claim.port_max:
            holder = found.get(f"holder_{i}", "")
            by = holder.rpartition("/")[2]
            stops = by == old or (f"ours_{i}" in found and by not in units)
            if claim.port_min in taken and not stops:
                yield _held(claim, holder)
        else:
            ranges[claim.port_min, claim.port_max] = ranges.get((claim.port_min, claim.port_max), 0) + 1
        if claim.name in names and "old" not in found:
            hint = "it is a node that deployer does not know: stop it, or give this one another nodes[].name"
            yield ConfigError(
                f"the name {claim.name} is already registered in EPMD, by a node at port {names[claim.name]}", hint=hint
            )
        if f"unit_{i}" in found and claim.unit != old:
            hint = "give the node another name (its unit has the same name), or remove the unit"
            yield ConfigError(f"{claim.unit} already exists, and deployer did not write it", hint=hint)
    for (first, last), count in ranges.items():
        free = last - first + 1 - len(taken & set(range(first, last + 1)))
        if free < count:
            problem = f"only {free} of the ports {first}-{last} are free, but {count} are needed"
            yield ConfigError(problem, hint="stop the programs that listen there, or widen cluster.ports")
    if "names_unknown" in found:
        hint = "install bash, or set release_preflight: false if you know that they are free"
        yield ConfigError("deployer needs bash on the host to find out which names are registered in EPMD", hint=hint)


def _held(claim: Claim, holder: str) -> ConfigError:
    pid, program, group = [*holder.split(" ", 2), "", "", ""][:3]
    by = f"{program} (pid {pid} of {group.rpartition('/')[2] or 'no unit'})" if pid else "another process"
    hint = "stop it, or choose another nodes[].port"
    return ConfigError(f"port {claim.port_min} of {claim.name} is used by {by}", hint=hint)


def _newest(need: Need, lack: Collection[str]) -> str:
    """Return the versions that are lacking; of many the newest one of each family says it."""
    families = {version.rpartition("_")[0]: version for version in need.versions if version in lack}
    return " and ".join(families.values())


def _some(files: Sequence[str]) -> str:
    first = next((file for file in files if file.endswith("/beam.smp")), files[0] if files else "the release")
    return f"{first} and {len(files) - 1} more" if len(files) > 1 else first


def _mib(size: int) -> str:
    return f"{size // _MIB} MiB"

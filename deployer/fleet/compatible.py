"""Checks that the runtimes of a cluster's members are compatible, from their tarballs and from vm_args."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping

from deployer.beam.names import Naming
from deployer.beam.tarball import Tarball
from deployer.errors import ConfigError
from deployer.fleet.declaration import Declaration
from deployer.fleet.node import Node
from deployer.fleet.places import Problem

OTP_DISTANCE = 2
"""OTP keeps the distribution compatible over two releases (system principles, "Compatibility")."""
_NET: Mapping[str, str] = {"net_ticktime": "60", "net_tickintensity": "4", "prevent_overlapping_partitions": "true"}
"""Settings of the kernel application that must be equal on all nodes, with their defaults (since OTP 25)."""
_NET_SETTING = re.compile(rf"\b({'|'.join(_NET)})\s+(\S+)")
_EPMDLESS_ERTS, _EPMDLESS_ELIXIR = (11, 1), (1, 12)


def net_problems(declared: Declaration) -> Iterator[Problem]:
    """Yield the settings in which the nodes of one host differ."""
    differing = _differing(declared)
    if differing:
        yield Problem("nodes", f"the nodes differ in {differing}", "set it for all nodes alike")


def same_net(one: Declaration, other: Declaration) -> Problem | None:
    """Compare these settings, from ``vm_args`` and from the vm.args and sys.config of the releases."""
    differing = _differing(one, other)
    hint = "set it for all nodes alike, in nodes[].vm_args"
    return Problem("nodes", f"they differ in {differing}", hint) if differing else None


def net_key(one: Declaration) -> Hashable:
    """Return everything that `same_net` compares."""
    if one.release and not one.release.archive.erts:
        return None
    return frozenset(tuple(_net_settings(one, node).values()) for node in one.nodes)


def _differing(*declared: Declaration) -> str:
    known = [each for each in declared if not each.release or each.release.archive.erts]  # only if its tarball is here
    found = [_net_settings(each, node) for each in known for node in each.nodes]
    said = [
        f"{key} ({' and '.join(sorted(values))})"
        for key in _NET
        if len(values := {settings[key] for settings in found}) > 1
    ]
    return ", ".join(said)


def _net_settings(declared: Declaration, node: Node) -> dict[str, str]:
    """Return a node's settings: if one is given twice, the first counts, and ours come before the release's own."""
    own = dict(reversed(_NET_SETTING.findall(" ".join(node.vm_args))))
    return {**_NET, **(declared.release.archive.kernel if declared.release else {}), **own}


def near_otp(one: Declaration, other: Declaration) -> Problem | None:
    """Compare OTP releases: nodes may be incompatible if they are too far apart."""
    mine, theirs = (each.release.archive.otp if each.release else None for each in (one, other))
    if mine is None or theirs is None or abs(mine - theirs) <= OTP_DISTANCE:
        return None
    problem = f"their releases bring OTP {mine} and OTP {theirs}, and nodes understand each other over two releases"
    hint = "build them for OTP releases that are at most two apart; a longer way takes a deploy in between"
    return Problem("release", problem, hint)


def epmdless_problems(declared: Declaration) -> Iterator[Problem]:
    """Yield why a release cannot run without EPMD."""
    if declared.cluster.epmd or not declared.release:
        return
    archive = declared.release.archive
    if archive.erts and _version(archive.erts) < _EPMDLESS_ERTS:
        hint = "leave out cluster.epmd: false, or build it for a newer OTP"
        problem = f"cluster.epmd: false needs OTP 23.1 (ERTS 11.1); the release brings ERTS {archive.erts}"
        yield Problem("cluster.epmd", problem, hint)
    if archive.elixir and _version(archive.elixir) < _EPMDLESS_ELIXIR:
        hint = "its rpc and remote would start an EPMD: leave out cluster.epmd: false, or build it with a newer Elixir"
        problem = f"cluster.epmd: false needs Elixir 1.12; the release brings {archive.elixir}"
        yield Problem("cluster.epmd", problem, hint)


def same_epmdless(one: Declaration, other: Declaration) -> Problem | None:
    """Compare nodes without EPMD: OTP 25.0 to 25.2 rejects those of OTP 23 and 24; 25.3 accepts them."""
    pair = [each.release.archive for each in (one, other) if each.release and not each.cluster.epmd]
    erts = sorted(_version(archive.erts) for archive in pair if archive.erts)
    if len(erts) < 2 or not (erts[0] < (13,) and (13,) <= erts[1] < (13, 2)):
        return None
    problem = "without EPMD, OTP 25.0 to 25.2 (ERTS 13.0 and 13.1) turns away nodes of OTP 23 and 24"
    return Problem("cluster.epmd", problem, "build for OTP 25.3 or newer, or leave out cluster.epmd: false")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def clash_errors(archive: Tarball, names: Naming) -> Iterator[ConfigError]:
    """Yield errors for the lines inside a release that would keep its nodes from starting as declared."""
    for clash in archive.clashes:
        if clash.breaks(names):
            where = f"{archive.path}:{clash.file}:{clash.line}"
            problem = f"{clash.what} clashes with what the fleet declares: {clash.text}"
            yield ConfigError(problem, where=where, hint=clash.advice)

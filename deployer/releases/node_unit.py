"""A node as a service, and what a host says of it: which release it runs, and whether it has read its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from deployer.beam.names import check_alive
from deployer.checks import absolute, as_check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.model import Changes
from deployer.releases import generations
from deployer.releases.doors import check_outside
from deployer.sh import Reads, Sh, lines, script, sh
from deployer.sh.units import properties
from deployer.syntax import NODE_LABEL

_EXE = re.compile(r"(/.+)/erts-[^/]+/bin/[^/ ]+( \(deleted\))?")
_UNIT = re.compile(rf"{NODE_LABEL}\.service", re.ASCII)

PROBE_RELEASE = """
id={}
current_id
[ -z "$now" ] || emit current "versions/$now"
if [ -d "$root/current" ] && [ ! -L "$root/current" ]; then emit directory yes; fi
[ ! -e "$root/ledger/bad/$id" ] || emit bad "$(cat -- "$root/ledger/bad/$id")"
loose {}
emit loose "$apart"
old={} state=''
[ -z "$old" ] || state=$(old_state)
[ -z "$state" ] || emit old "$state"
left_behind {}
[ -z "$left" ] || emit left "$left"
astray {}
[ -z "$other" ] || emit other "$other"
insecure {}
emit insecure "$odd"
"""
"""What `beam_nodes` asks of the release; after `PLACES`."""


def _unit(text: str) -> str | None:
    return None if _UNIT.fullmatch(text) else "write the node's name followed by .service"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUnit:
    """One node as a service."""

    name: Annotated[str, Doc("the part of its name before the @", check=as_check(check_alive), example="shop")]
    unit: Annotated[str, Doc("its unit, in /etc/systemd/system", check=_unit, example="shop.service")]
    runtime: Annotated[str, Doc("the unit's RuntimeDirectory", check=absolute, example="/run/beam/shop")]
    configs: Annotated[
        tuple[str, ...], Doc("files it reads at start that belong to its release: written with generations, below")
    ] = ()
    shared: Annotated[
        tuple[str, ...], Doc("files of its cluster that it reads at start too; they stay when a release goes back")
    ] = ()
    node: Annotated[
        str, Doc("its full name; with it, and the release's name, its start is rehearsed", example="shop@10.0.0.2")
    ] = ""
    user: Annotated[str, Doc("who it runs as", example="shop")] = ""
    env_file: Annotated[str, Doc("its environment, one of configs")] = ""
    vm_args_file: Annotated[str, Doc("its flags, one of configs")] = ""
    start: Annotated[
        str, Doc("what starts it, one of configs; left out: the release's script", example="/etc/beam/shop/shop.start")
    ] = ""
    ctl: Annotated[str, Doc("its command, with which its start is rehearsed as the unit starts it")] = ""
    start_seconds: Annotated[int, Doc("how long its unit lets a start take: TimeoutStartSec")] = 90
    stop_seconds: Annotated[int, Doc("how long its unit lets a stop take: TimeoutStopSec")] = 60

    @property
    def file(self) -> str:
        """The unit's file, which is the same for all releases."""
        return f"{generations.UNITS}/{self.unit}"

    @property
    def files(self) -> tuple[str, ...]:
        """What of it belongs to its release: the unit's drop-in, and every file that it reads at start."""
        return (generations.drop_in(self.unit), *self.configs)

    @property
    def reads(self) -> tuple[str, ...]:
        """Its unit's files, and every file that it reads at start but for the cookie."""
        return (*self.files, *self.shared)

    @property
    def started(self) -> str:
        """The file that the unit touches before each start: the node has not read newer files."""
        return f"{self.runtime}/started"


def named(node: NodeUnit, **keys: str) -> dict[str, str]:
    """Return keys of a state, each with the node's name before it."""
    return {f"{node.name} {key}": value for key, value in keys.items()}


def judged(node: NodeUnit, found: Mapping[str, str], i: str) -> dict[str, str]:
    """Return what the records of its probe, which end with ``_`` and ``i``, say of a node; nothing without a unit.

    Raises:
        ProbeError: they are incomplete.
        ConfigError: a unit of that name belongs to the system, or something else steers the node's environment.
    """
    check_outside(node.unit, found.get(f"outside_{i}", ""))
    if f"shown_{i}" not in found:
        raise ProbeError(f"the host's answer about {node.unit} is incomplete")
    unit = properties(found[f"shown_{i}"])
    if unit["FragmentPath"] not in ("", node.file):
        hint = "give the node another name; its unit has the same name"
        raise ConfigError(f"{node.unit} already exists as {unit['FragmentPath']}", hint=hint)
    if unit["LoadState"] == "not-found":
        return {}
    exe = found.get(f"exe_{i}")
    newer = "" if exe is None else found.get(f"stale_{i}")
    return named(
        node,
        release=_release(exe or ""),
        config=_config(node, unit["NeedDaemonReload"] == "yes", newer),
        enabled=unit["UnitFileState"] or "disabled",
        active="restarting" if unit["SubState"] == "auto-restart" else unit["ActiveState"],
    )


def gone_nodes(changes: Changes) -> list[str]:
    """Return the units that are declared no more; a host on which nothing was has left none behind."""
    left = changes["left behind"].before if "left behind" in changes else None
    return left.split(", ") if left else []


def look_at(node: NodeUnit, i: int, cookie: str | None) -> Sh:
    """Return text that prints the unit, its program, and the files that are newer than its start; after `show`."""
    read = [*node.reads, *([cookie] if cookie else [])]
    return lines(sh("started={} i={}\nset -- {}", node.started, i, read), script("node_look.sh", "deployer.releases"))


def looked_at(root: str, held: str, nodes: Sequence[NodeUnit], cookie: str | None) -> Reads:
    """Return what `PROBE_RELEASE`, `look_at` and the host's record want to have read of a release."""
    ours = [place for node in nodes for place in (node.file, f"{node.file}.d", node.started, *node.reads)]
    held_files = [f"{held}/current{file}" for node in nodes for file in node.files]
    places = *generations.above(root), f"{root}/current", *ours, *held_files
    return Reads((*places, cookie) if cookie else places, drop_ins=True, walk=f"{root}/ledger")


def left_behind(units: Sequence[str], release: str) -> ConfigError:
    """Return the error for running units of a release that are not declared, and that no declared unit replaces."""
    hint = (
        "declare it again and remove it with: deployer retire PLAYBOOK NAME@HOST -i INVENTORY; "
        "or stop and remove it with: -e remove_left_behind=true"
    )
    return ConfigError(f"left behind: {', '.join(units)} of {release}, no longer declared", hint=hint)


def renamed(units: Sequence[str], release: str) -> ConfigError:
    """Return the error for nodes of the cluster that run from another release, which no takeover declares."""
    one = len(units) == 1
    way = f"Then take over the old service, host by host: release: {{takeover: {{service: {units[0]}}}}}"
    several = (
        "deployer can take over only one service of a host, so go host by host: write the old settings again, remove "
        "the host with deployer retire PLAYBOOK HOST -i INVENTORY --purge, write the new settings for it alone, deploy"
    )
    own = "A second release beside it needs its own cluster: cluster.name and cluster.ports"
    hint = f"was the release renamed, or its root? {way if one else several}. {own}"
    runs = "runs" if one else "run"
    return ConfigError(f"{', '.join(units)} {runs} in this cluster, from another release than {release}", hint=hint)


def _config(node: NodeUnit, reload: bool, stale: str | None) -> str:
    if stale is None:
        return "unknown: another unit has started it"
    newer = list(dict.fromkeys(stale.splitlines())) or ([node.file] if reload else [])
    return f"older than {', '.join(newer)}" if newer else "current"


def _release(exe: str) -> str:
    """Return the release directory of a beam.smp; the path itself for another program."""
    match = _EXE.fullmatch(exe)
    return match[1] + (match[2] or "") if match else exe or "none"

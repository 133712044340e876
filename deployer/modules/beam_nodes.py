"""The nodes of a release on a host, running: the declared release is current, and each node has read its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.beam.names import check_release_version
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules._checks import absolute, told_by
from deployer.modules._node_unit import NodeUnit, judged, named
from deployer.modules._rehearse import rehearse
from deployer.modules._switch import POINT, switch
from deployer.modules._unit import show
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Step, records
from deployer.sh import Sh, lines, sh

_PROBE_RELEASE = """
root={} id={}
[ ! -L "$root/current" ] || emit current "$(readlink -- "$root/current")"
[ ! -e "$root/ledger/bad/$id" ] || emit bad "$(cat -- "$root/ledger/bad/$id")"
"""

_PROBE_NODE = """
started={}
emit shown_{} "$shown"
if [ "$pid" != 0 ]; then
  emit exe_{} "$(readlink -- "/proc/$pid/exe" || :)"
  newline='
'
  drops=${{shown#*DropInPaths=}}
  drops=${{drops%%"$newline"*}}
  # Before a reload systemd does not see a unit's first drop-in.
  [ ! -d "/etc/systemd/system/$unit.d" ] || drops="$drops /etc/systemd/system/$unit.d"
  # shellcheck disable=SC2086
  [ ! -e "$started" ] || emit stale_{} "$(find {} $drops -cnewer "$started" -print 2>&1)"
fi"""

_ENABLE = "systemctl enable --quiet --no-reload -- {}"


@dataclass(frozen=True, kw_only=True)
class BeamNodes(Module):
    """All nodes of one release on a host: which release is current, and that its nodes run it with their files.

    The switch is one step: stop, link, start, and each start ends when all applications run. When one fails, release
    and files that were last judged good come back and the nodes run again as before; the new release is marked bad
    here. A unit touches ``RUNTIME/started`` before it starts; a file that is newer has not been read yet, so a restart
    that a killed run has missed is still due in the next one.
    """

    SWITCHES: ClassVar[bool] = True
    EXAMPLE: ClassVar[str] = """\
- name: the nodes run the release
  beam_nodes:
    root: /opt/shop
    id: 1.4.2-0f3a9c71
    cookie: /etc/beam/shop/private/cookie
    epmd_port: 4369
    nodes:
      - name: shop
        unit: shop.service
        runtime: /run/beam/shop
        configs: [/etc/beam/shop/shop.vm.args, /etc/beam/shop/private/shop.env]
"""

    root: Annotated[str, Doc("the release's directory on the host", check=absolute, example="/opt/shop")]
    id: Annotated[
        str,
        Doc("which of ROOT/versions has to run", check=told_by(check_release_version), example="1.4.2-0f3a9c71"),
    ]
    nodes: Annotated[tuple[NodeUnit, ...], Doc("the nodes, each a service of its own")]
    name: Annotated[str, Doc("the OTP release's name, which is that of its script", example="shop")] = ""
    cookie: Annotated[str | None, Doc("the cookie's file, read at start like configs", check=absolute)] = None
    epmd_port: Annotated[int | None, Doc("port of the EPMD they register with; left out without EPMD")] = None
    again: Annotated[bool, Doc("switch to a release although it is marked bad here")] = False

    @property
    def release(self) -> str:
        """The directory that the nodes have to run from."""
        return f"{self.root}/versions/{self.id}"

    @property
    def units(self) -> tuple[str, ...]:
        """All units."""
        return tuple(node.unit for node in self.nodes)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that comes back with a release: units and what the nodes read, but for what is the cluster's."""
        return tuple(dict.fromkeys(path for node in self.nodes for path in (node.file, *node.configs)))

    def desired(self) -> Present:
        """Return what is current, and what each unit and its process should be."""
        keys = {"current": f"versions/{self.id}"}
        for node in self.nodes:
            keys |= named(node, release=self.release, config="current", enabled="enabled", active="active")
        return Present(keys)

    def probe(self) -> Sh:
        """Print the link, and of each node the unit, its program, and the files that are newer than its start."""
        parts = [sh(_PROBE_RELEASE, self.root, self.id)]
        for i, node in enumerate(self.nodes):
            read = [*node.reads, *([self.cookie] if self.cookie else [])]
            parts += [show(node.unit), sh(_PROBE_NODE, node.started, i, i, i, read)]
        return lines(*parts)

    def parse(self, out: str) -> Observed:
        """Judge them.

        Raises:
            ConfigError: a unit of that name belongs to the system, or the release has failed here before.
        """
        found = records(out)
        current = found.get("current")
        if "bad" in found and current != f"versions/{self.id}" and not self.again:
            hint = "build another one; or try it again with: -e deploy_again=true"
            raise ConfigError(f"release {self.id} is marked bad on this host: {found['bad']}", hint=hint)
        keys = {} if current is None else {"current": current}
        for i, node in enumerate(self.nodes):
            keys |= judged(node, found, str(i))
        return Present(keys) if keys else Absent()

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Enable and restart; the step ends when systemd calls every unit started, or when it has gone back.

        Nodes that run as declared are left alone.
        """
        due = [node for node in self.nodes if self._due(node, changes)]
        if not changes:
            return ()
        disabled = [node.unit for node in self.nodes if f"{node.name} enabled" in changes]
        parts = [sh(_ENABLE, disabled)] if disabled else []
        what = [f"enable {', '.join(disabled)}"] if disabled else []
        if due:
            units = [node.unit for node in due]
            names = [node.name for node in due]
            parts.append(switch(self.root, self.id, self.epmd_port, names, units, self.units))
            what.append(f"{'switch to ' + self.id + ' and ' if 'current' in changes else ''}restart {', '.join(units)}")
        else:
            parts.append(sh("systemctl daemon-reload"))
            if "current" in changes:  # the nodes run it already: somebody has moved the link
                parts += [POINT, sh("root={}\naim {}\nswing", self.root, self.id)]
                what.append(f"make {self.id} current")
        return (*self._rehearsals(due), Step(" and ".join(what), lines(*parts)))

    def _rehearsals(self, due: Sequence[NodeUnit]) -> Iterator[Step]:
        """Yield a step for each node that asks the release's own script what it would start; nothing is stopped yet."""
        script = f"{self.release}/bin/{self.name}"
        for node in (node for node in due if self.name and node.node):
            text = rehearse(script, node.node, node.user, node.env_file, node.vm_args_file)
            yield Step(f"rehearse the start of {node.name}", text)

    def _due(self, node: NodeUnit, changes: Changes) -> bool:
        return bool(changes.keys() & {f"{node.name} {key}" for key in ("release", "config", "active")})

    def touches(self) -> tuple[str, ...]:
        """Return the units and the link."""
        return (*self.units, f"{self.root}/current")

    def foresee(self, touched: frozenset[str], observed: Observed) -> Observed:
        """What is about to be written will be newer than the process; what is replaced has to be run anew."""
        if not isinstance(observed, Present):
            return observed
        keys = dict(observed.keys)
        for node in self.nodes:
            newer = sorted(touched & {node.unit, self.cookie or "", *node.reads})
            if newer and f"{node.name} config" in keys:
                keys |= named(node, config=f"older than {', '.join(newer)}")
            if self.release in touched and keys.get(f"{node.name} release") == self.release:
                keys |= named(node, release=f"{self.release} (before it is replaced)")
        return Present(keys)


MODULE = BeamNodes

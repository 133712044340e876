"""The nodes of a release on a host, running: the declared release is current, and each node has read its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from deployer.beam.names import check_release_version
from deployer.checks import absolute, as_check, unit
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Reads, Step, records
from deployer.releases import generations
from deployer.releases.doors import OUTSIDE
from deployer.releases.generations import PLACES, above, check_secure
from deployer.releases.node_unit import (
    PROBE_RELEASE,
    NodeUnit,
    gone_nodes,
    judged,
    left_behind,
    look_at,
    looked_at,
    named,
    renamed,
)
from deployer.releases.rehearse import rehearse
from deployer.releases.switch import Switch
from deployer.sh import Sh, lines, sh
from deployer.sh.units import show_unit

_ENABLE = "systemctl enable --quiet --no-reload -- {}"
_TOGETHER = "as the current generation has them"
_NOTHING = "nothing"
_OVER = "taken over"


def _optional(value: str) -> str | None:
    return absolute(value) if value else None


@dataclass(frozen=True, kw_only=True)
class BeamNodes(Module):
    """All nodes of one release on a host: which release is current, and that its nodes run it with their files.

    Release and files form a generation. What env_file and template have written with ``generations`` in this run is
    staged beside the running release, and becomes current together with the new one, in one rename. The switch is one
    step: stop, rename, start; each start ends when all applications run. When a start fails, the last good release and
    its files come back and the nodes run again as before; the new release is marked bad here. A unit touches
    ``RUNTIME/started`` before it starts. The node has not read a file that is newer, so a restart that a killed run has
    missed is done by the next run.
    """

    RESTARTS_NODES: ClassVar[bool] = True
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
        Doc("which of ROOT/versions has to run", check=as_check(check_release_version), example="1.4.2-0f3a9c71"),
    ]
    nodes: Annotated[tuple[NodeUnit, ...], Doc("the nodes, each a service of its own")]
    name: Annotated[str, Doc("the OTP release's name, which is that of its script", example="shop")] = ""
    cookie: Annotated[str | None, Doc("the cookie's file, read at start like configs", check=absolute)] = None
    epmd_port: Annotated[int | None, Doc("port of the EPMD they register with; left out without EPMD")] = None
    again: Annotated[bool, Doc("switch to a release even if it is marked bad here")] = False
    takeover: Annotated[
        str | None,
        Doc("a unit that runs the application until now: the switch stops it", check=unit, example="chat.service"),
    ] = None
    remove_left_behind: Annotated[
        bool, Doc("stop units of the release that are declared no more, and that no new node takes the place of")
    ] = False
    generations: Annotated[
        str, Doc("directory of the release's generations; default: /etc/beam/generations.d and root", check=_optional)
    ] = ""

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
        """Every file that comes back with a release: units and the nodes' files, except those of the cluster."""
        return tuple(dict.fromkeys(path for node in self.nodes for path in node.files))

    @property
    def held(self) -> str:
        """The directory of the release's generations."""
        return self.generations or generations.held(self.root)

    @property
    def _etc(self) -> str:
        """The directory of its cluster's files; without a cookie of ours no other release can be of that cluster."""
        return str(PurePosixPath(self.cookie).parent.parent) if self.cookie else "/dev/null"

    @property
    def switch(self) -> Switch:
        """What switches the nodes, and sends them back."""
        names, stamps = [node.name for node in self.nodes], [node.started for node in self.nodes]
        old = self.takeover or ""
        patience = max((node.start_seconds + node.stop_seconds for node in self.nodes), default=0)
        return Switch(self.root, self.held, self.epmd_port, self.files, self.units, names, stamps, old, patience)

    @property
    def seconds(self) -> float:
        """How long a switch, or a way back, may take: stop and start, the same back, and systemd's next try."""
        return 3 * self.switch.patience + 60

    def desired(self) -> Present:
        """Return the current release, and the state of each unit and its process."""
        over = {self.takeover: _OVER} if self.takeover else {}
        keys = {"current": f"versions/{self.id}", "files": _TOGETHER, "left behind": _NOTHING, **over}
        for node in self.nodes:
            keys |= named(node, release=self.release, config="current", enabled="enabled", active="active")
        return Present(keys)

    def probe(self) -> Sh:
        """Print the link, and of each node the unit, its program, and the files that are newer than its start."""
        parts = [
            OUTSIDE,
            generations.declared(self.root, self.held),
            PLACES,
            sh(PROBE_RELEASE, self.id, self.files, self.takeover or "", self.units, self._etc, above(self.root)),
        ]
        for i, node in enumerate(self.nodes):
            parts += [show_unit(node.unit), look_at(node, i, self.cookie)]
        return lines(*parts)

    def reads(self) -> Reads:
        """Return the directories above its root, where its links lead, and what its nodes have read at their starts."""
        return looked_at(self.root, self.held, self.nodes, self.cookie)

    def parse(self, out: str) -> Observed:
        """Judge them.

        Raises:
            ConfigError: a unit of that name belongs to the system, somebody else could exchange the root, something
                else than our files gives a node an environment that undoes what is declared, a directory stands where
                the link to the release belongs, the release has failed here before, or another one runs in its cluster.
        """
        found = records(out, "loose")
        check_secure(self.root, found.get("insecure", ""))
        if "other" in found:
            raise renamed(found["other"].split(), self.name or self.root)
        current = found.get("current")
        if "directory" in found:
            hint = f"look at its content, then move it away: mv {self.root}/current {self.root}/current.old"
            raise ConfigError(f"{self.root}/current is a directory, but must be the link to the release", hint=hint)
        if "bad" in found and current != f"versions/{self.id}" and not self.again:
            hint = "deploy another version, or try this one again with: -e deploy_again=true"
            raise ConfigError(f"release {self.id} is marked bad on this host: {found['bad']}", hint=hint)
        apart = ", ".join(found["loose"].splitlines())
        files = f"apart from it: {apart}" if apart else _TOGETHER
        keys = {} if current is None else {"current": current, "files": files}
        units = [judged(node, found, str(i)) for i, node in enumerate(self.nodes)]
        left = found.get("left", "").split()
        run = all("active" in one.values() for one in units)  # who does not may come in the place of a renamed one
        if left and run and not self.remove_left_behind:
            raise left_behind(left, self.name or self.root)
        keys |= {"left behind": ", ".join(left) or _NOTHING} if keys or left else {}
        keys |= {self.takeover: found.get("old", _OVER)} if self.takeover and (keys or "old" in found) else {}
        keys = {key: value for part in (keys, *units) for key, value in part.items()}
        return Present(keys) if keys else Absent()

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Enable and restart; the step ends when systemd calls every unit started, or when it has gone back.

        Nodes that run as declared are left alone.
        """
        if not changes:
            return ()
        due = [i for i, node in enumerate(self.nodes) if self._due(node, changes) or self.takeover in changes]
        over = self.takeover if self.takeover in changes else None
        disabled = [node.unit for node in self.nodes if f"{node.name} enabled" in changes or node.unit == over]
        enable = sh(_ENABLE, disabled) if disabled else Sh(":")
        what = [f"enable {', '.join(disabled)}"] if disabled else []
        left = gone_nodes(changes)
        before: list[Step] = []
        if due or changes.keys() & {"current", "files"}:
            staged = generations.stage(self.root, self.held, self.id, self.files, self.takeover or "")
            before = [Step(f"stage {self.id} with its files", staged, ahead=True), *self._rehearsals(due)]
        if due:
            text = self.switch.forward(self.id, due, enable, left)
            restarts = ", ".join(self.units[i] for i in due)
            stops = f"stop {', '.join([*left, over] if over else left)}, " if left or over else ""
            what.append(f"{stops}{'switch to ' + self.id + ' and ' if 'current' in changes else ''}restart {restarts}")
        elif before:  # the nodes run it already: somebody has moved a link, or put a file in the place of one
            text = lines(self.switch.arrange(), enable)
            what.append(f"make {self.id} current")
        else:
            text = lines(enable, sh("systemctl daemon-reload"))
        if left and not due:
            text = lines(text, sh("systemctl disable --quiet --now -- {}", left))
            what.append(f"stop {', '.join(left)}")
        return (*before, Step(" and ".join(what), text, seconds=self.seconds))

    def replaces(self, changes: Changes) -> bool:
        """Return whether these changes stop something else that runs the application until now."""
        return self.takeover in changes or bool(gone_nodes(changes))

    def _rehearsals(self, due: Sequence[int]) -> Iterator[Step]:
        """Yield a step for each node that asks what starts the release what that would be; nothing is stopped yet."""
        script = f"{self.release}/bin/{self.name}"
        for node in (node for i, node in enumerate(self.nodes) if i in due and self.name and node.node and node.ctl):
            text = rehearse(node, self.id, script, f"{self.held}/next")
            yield Step(f"rehearse the start of {node.name}", text, ahead=True)

    def _due(self, node: NodeUnit, changes: Changes) -> bool:
        return bool(changes.keys() & {f"{node.name} {key}" for key in ("release", "config", "active")})

    def touches(self) -> tuple[str, ...]:
        """Return the units, the link, and what it leads to."""
        return (*self.units, f"{self.root}/current", *self.files)

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """A file that is about to be written will be newer than the process, so the node must restart."""
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

"""How the nodes of a host connect to others. Nodes of two kinds cannot connect, so batches cannot change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.beam.names import kind_of_flags
from deployer.checks import every, filled, unit
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Step, records
from deployer.sh import Sh, lines, sh
from deployer.sh.units import show_unit

# Only names and flags: other parts of a command line or an environment may be secret.
_FLAGS = r"""
if [ "$pid" != 0 ]; then
  flags=$(sed -szn 's/^-s*name$/&\n/p; s/^-erl_epmd_port$/&\n/p; /^-proto_dist$/{{s/$/\n/p; $!{{n; s/$/\n/p; }}; }}
    s/^ERL_EPMD_PORT=[0-9]*$/&\n/p' "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null) || :
  [ "${{#flags}}" -lt 4000 ] || flags='' # no node is started like that
  emit flags_{} "$flags"
fi"""


@dataclass(frozen=True, kw_only=True)
class Distribution(Module):
    """How running nodes talk: TCP or TLS, IPv4 or IPv6, EPMD and its port or none, long names or short ones.

    Nodes that differ in this never see each other. So a deploy that would change it is refused, until a person asks for
    a restart of the whole cluster: then its nodes are stopped on all hosts, and started as declared.
    """

    ALL_HOSTS_AT_ONCE: ClassVar[bool] = True
    EXAMPLE: ClassVar[str] = """\
- name: how the nodes talk
  distribution:
    kind: inet_tls, EPMD, long names
    units: [shop.service]
"""

    kind: Annotated[str, Doc("how they are to talk", check=filled, example="inet_tls, EPMD, long names")]
    units: Annotated[tuple[str, ...], Doc("the nodes' units", check=every(unit), example=("shop.service",))]
    restart_cluster: Annotated[bool, Doc("stop nodes that talk in another way; -e restart_cluster=true")] = False

    def desired(self) -> Present:
        """Return one kind for all."""
        return Present(dict.fromkeys(self.units, self.kind))

    def probe(self) -> Sh:
        """Print the flags of the nodes that run."""
        return lines(*(part for i, name in enumerate(self.units) for part in (show_unit(name), sh(_FLAGS, i))))

    def parse(self, out: str) -> Observed:
        """Return how each node talks; one that does not run is as declared.

        Raises:
            ConfigError: a node talks in another way, and nobody has said that the cluster may be restarted.
        """
        found = records(out)
        if found.keys() - {f"flags_{i}" for i in range(len(self.units))}:
            raise ProbeError("the answer about the nodes' flags cannot be understood")
        kinds = {name: kind_of_flags(found.get(f"flags_{i}", "")) or self.kind for i, name in enumerate(self.units)}
        other = next((name for name, kind in kinds.items() if kind != self.kind), None)
        if other and not self.restart_cluster:
            problem = (
                f"{other} runs with {kinds[other]}; declared is {self.kind}. Nodes of the two kinds cannot connect"
            )
            hint = "batches cannot do this: -e restart_cluster=true stops all nodes of the cluster, then starts them"
            raise ConfigError(problem, hint=hint)
        return Present(kinds)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Stop those that talk in another way; the node's own task starts them as they are declared."""
        if not changes:
            return ()
        due = [name for name in self.units if name in changes]
        return (Step(f"stop {', '.join(due)}, so that the whole cluster restarts", sh("systemctl stop -- {}", due)),)

    def touches(self) -> tuple[str, ...]:
        """Return the units."""
        return self.units


MODULE = Distribution

"""rabbitmq_vhost: a virtual host of RabbitMQ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Observed, Present, State, Step, lines, sh
from deployer.modules.shared.rabbit import Rabbit, plain_word


@dataclass(frozen=True, kw_only=True)
class RabbitmqVhost(Rabbit):
    """A virtual host of the RabbitMQ node on this host, by ``rabbitmqctl``; the node has to run."""

    EXAMPLE: ClassVar[str] = """\
- name: where the shop's messages go
  rabbitmq_vhost:
    name: /shop
"""

    name: Annotated[str, Doc("what it is called", check=plain_word, example="/shop", alias="vhost")]
    tracing: Annotated[bool, Doc("whether its messages are traced")] = False
    state: Annotated[Literal["present", "absent"], Doc("whether it is there")] = "present"

    def asks(self) -> Sequence[str]:
        """Return what lists virtual hosts."""
        return ("list_vhosts", "name", "tracing")

    def desired(self) -> State:
        """Return whether it is traced."""
        return Present({"tracing": _word(self.tracing)}) if self.state == "present" else Absent()

    def parse(self, out: str) -> Observed:
        """Return whether it is traced, where it is there."""
        found = next((row for row in self.rows(out) if row.get("name") == self.name), None)
        return Absent() if found is None else Present({"tracing": _word(found.get("tracing") is True)})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Add or delete it, and begin or end the trace."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete {self.name}", lines(self.ctl(), sh("ctl delete_vhost {}", self.name))),)
        add = [sh("ctl add_vhost {}", self.name)] if "state" in changes else []
        trace = "trace_on" if self.tracing else "trace_off"
        turn = [sh("ctl {} -p {}", trace, self.name)] if self.tracing or not add else []
        return (Step(f"{'add' if add else trace} {self.name}", lines(self.ctl(), *add, *turn)),)


def _word(truth: bool) -> str:
    return "yes" if truth else "no"


MODULE = RabbitmqVhost

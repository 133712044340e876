"""rabbitmq_policy: a policy of RabbitMQ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Observed, Present, Sh, State, Step, lines, sh
from deployer.modules.shared.rabbit import Rabbit, definition_json, plain_word

_ASK = """if ! told=$(ctl list_policies -p {0} --formatter json 2>/dev/null); then
  hosts=$(ctl list_vhosts name) || unknown "RabbitMQ does not answer"
  ! printf '%s\\n' "$hosts" | grep -qxF -- {0} || unknown "RabbitMQ does not tell its policies"
  told='[]'
fi
emit found "$told\""""


@dataclass(frozen=True, kw_only=True)
class RabbitmqPolicy(Rabbit):
    """A policy of a virtual host of the RabbitMQ node on this host, by ``rabbitmqctl``; the node has to run."""

    EXAMPLE: ClassVar[str] = """\
- name: every queue on all nodes
  rabbitmq_policy:
    name: all
    vhost: /shop
    pattern: ".*"
    tags: {ha-mode: all}
"""

    name: Annotated[str, Doc("what it is called", check=plain_word, example="all")]
    vhost: Annotated[str, Doc("its virtual host", check=plain_word, example="/shop")] = "/"
    pattern: Annotated[str | None, Doc("which names it is for", check=plain_word, example="^shop")] = None
    apply_to: Annotated[
        Literal["all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams"],
        Doc("the kinds of objects that it applies to"),
    ] = "all"
    tags: Annotated[Mapping[str, Any] | None, Doc("its definition", example={"ha-mode": "all"})] = None
    priority: Annotated[int, Doc("the highest one is applied")] = 0
    state: Annotated[Literal["present", "absent"], Doc("whether it is there")] = "present"

    def __post_init__(self) -> None:
        if self.state == "present" and (self.pattern is None or not self.tags):
            raise ConfigError("a policy needs pattern and tags", hint="tags: {ha-mode: all}")

    def asks(self) -> Sequence[str]:
        """Return what lists the policies of the virtual host."""
        return ("list_policies", "-p", self.vhost)

    def probe(self) -> Sh:
        """List them; there is none where the virtual host is not there."""
        return lines(self.ctl(), sh(_ASK, self.vhost))

    @property
    def _definition(self) -> str:
        return definition_json({key: _typed(value) for key, value in (self.tags or {}).items()})

    def desired(self) -> State:
        """Return its parts."""
        if self.state == "absent":
            return Absent()
        words = {"pattern": self.pattern or "", "apply_to": self.apply_to, "priority": str(self.priority)}
        return Present({**words, "definition": self._definition})

    def parse(self, out: str) -> Observed:
        """Return its parts, where it is there."""
        found = next((row for row in self.rows(out) if row.get("name") == self.name), None)
        if found is None:
            return Absent()
        words = {key: str(found.get(word)) for key, word in (("pattern", "pattern"), ("apply_to", "apply-to"))}
        more = {"priority": str(found.get("priority")), "definition": definition_json(found.get("definition"))}
        return Present({**words, **more})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Set it or clear it."""
        if not changes:
            return ()
        if self.state == "absent":
            text = sh("ctl clear_policy -p {} {}", self.vhost, self.name)
            return (Step(f"clear {self.name}", lines(self.ctl(), text)),)
        how = ["-p", self.vhost, "--priority", str(self.priority), "--apply-to", self.apply_to]
        text = sh("ctl set_policy {} {} {} {}", how, self.name, self.pattern or "", self._definition)
        return (Step(f"set {self.name}", lines(self.ctl(), text)),)


def _typed(value: Any) -> Any:
    """Return a number where a template gave the text of one, as RabbitMQ wants it."""
    try:
        return json.loads(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value
    except ValueError:
        return value


MODULE = RabbitmqPolicy

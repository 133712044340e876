"""rabbitmq_plugin: which of RabbitMQ's plugins are enabled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.fields import Doc
from deployer.modules.base import Change, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh

_NAME = re.compile(r"[a-z][a-z0-9_]{0,127}")
_PROBE = """plugins={}
command -v "$plugins" >/dev/null || unknown "RabbitMQ is not installed yet"
told=$("$plugins" list -q -E -m) || unknown "RabbitMQ does not tell its plugins"
emit found "$told\""""


def _names(value: tuple[str, ...]) -> str | None:
    wrong = next((name for one in value for name in one.split(",") if not _NAME.fullmatch(name.strip())), None)
    return None if wrong is None else f"{wrong!r} is not the name of a plugin"


@dataclass(frozen=True, kw_only=True)
class RabbitmqPlugin(Module):
    """Plugins of the RabbitMQ on this host, by ``rabbitmq-plugins``.

    As in Ansible, ``state: enabled`` disables every other plugin that was enabled by name, unless ``new_only`` is set.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the page that shows the queues
  rabbitmq_plugin:
    names: [rabbitmq_management]
    new_only: true
"""

    names: Annotated[
        tuple[str, ...], Doc("the plugins", check=_names, example=("rabbitmq_management",), alias="name")
    ]  # fmt: skip
    new_only: Annotated[bool, Doc("the others stay as they are")] = False
    state: Annotated[Literal["enabled", "disabled"], Doc("what they are")] = "enabled"
    prefix: Annotated[
        str | None, Doc("RabbitMQ's directory, if not in PATH", check=check.absolute, example="/opt/rabbitmq")
    ] = None
    broker_state: Annotated[
        Literal["online", "offline"] | None, Doc("whether the node runs; default: as it is found")
    ] = None  # fmt: skip

    @property
    def _named(self) -> list[str]:
        return list(dict.fromkeys(name.strip() for one in self.names for name in one.split(",")))

    @property
    def _program(self) -> str:
        return f"{self.prefix}/sbin/rabbitmq-plugins" if self.prefix else "rabbitmq-plugins"

    def desired(self) -> State:
        """Return one key for each plugin."""
        return Present(dict.fromkeys(self._named, self.state))

    def probe(self) -> Sh:
        """Print those that were enabled by name."""
        return sh(_PROBE, self._program)

    def parse(self, out: str) -> Observed:
        """Return which are enabled."""
        found = records(out, "found")["found"].split()
        return Present({**dict.fromkeys(self._named, "disabled"), **dict.fromkeys(found, "enabled")})

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return which are to be enabled or disabled."""
        found = super().differences(observed)
        have = observed.keys if isinstance(observed, Present) else {}
        others = [] if self.new_only or self.state == "disabled" else [name for name in have if name not in self._named]
        return {**found, **{name: Change(name, "enabled", "disabled") for name in others}}

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Enable and disable them."""
        if not changes:
            return ()
        how = [f"--{self.broker_state}"] if self.broker_state else []
        parts = [sh("umask 022")]  # the node reads the file of plugins that root writes
        for verb, end in (("disable", "disabled"), ("enable", "enabled")):
            if names := [name for name, change in changes.items() if change.after == end]:
                parts.append(sh("{} -q {} {} {}", self._program, verb, how, names))
        return (Step(f"plugins {' '.join(changes)}", lines(*parts)),)


MODULE = RabbitmqPlugin

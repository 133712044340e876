"""What a run knows of variables beside what is written: what tasks have set on hosts and read from them, ``-e``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.load.marked import Map, joined
from deployer.load.secrets import Vaults
from deployer.load.template import Layer

_ALL = "ansible_facts"


@dataclass(slots=True)
class SetVariables:
    """What tasks have set on hosts, by host, one play after the other.

    Attributes:
        facts: of ``set_fact``; rendered, and never again.
        files: of ``include_vars``, as written.
        read: facts that tasks such as ``service_facts`` have read; they are as strong as those that are gathered.
        hushed: names of facts that no report shows.
        late: a play that sets some will be resolved only when its hosts have been asked for facts.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Map] = field(default_factory=dict)
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    late: bool = False
    hushed: dict[str, frozenset[str]] = field(default_factory=dict)

    def copy(self) -> SetVariables:
        """Return the same settings, for a play that begins with them."""
        facts = {name: dict(some) for name, some in self.facts.items()}
        read = {name: dict(some) for name, some in self.read.items()}
        return SetVariables(facts, dict(self.files), read, hushed=dict(self.hushed))

    def begin(self, host: str, start: SetVariables) -> None:
        """Let a host have what it had at the start."""
        self.facts[host] = dict(start.facts.get(host, {}))
        self.files[host] = start.files.get(host, Map())
        self.read[host] = dict(start.read.get(host, {}))
        self.hushed[host] = start.hushed.get(host, frozenset())

    def put(
        self, host: str, facts: Mapping[str, Any], files: Mapping[str, Any], read: Mapping[str, Any], *, hushed: bool
    ) -> None:
        """Set variables of a host; ``hushed``: those among ``facts`` and ``read`` are not for reports."""
        before, names = self.hushed.get(host, frozenset()), facts.keys() | read.keys()
        self.hushed[host] = before | names if hushed else before - names
        self.facts[host] = {**self.facts.get(host, {}), **facts}
        self.files[host] = joined(self.files.get(host, Map()), files)
        self.read[host] = {**self.read.get(host, {}), **read}

    def layers(self, host: str) -> tuple[Layer, ...]:
        """Return what tasks have set on a host, the strongest first."""
        facts, files = self.facts.get(host), self.files.get(host)
        hushed = self.hushed.get(host, frozenset())
        return (*([Layer(facts, final=True, hushed=hushed)] if facts else ()), *([Layer(files)] if files else ()))

    def with_read(self, host: str, facts: Layer) -> Layer:
        """Return the facts of a host, and beside them those that tasks have read from it."""
        if not (read := self.read.get(host)):
            return facts
        every = {**facts.values.get(_ALL, {}), **read}
        hushed = self.hushed.get(host, frozenset()) & read.keys()
        return Layer({**facts.values, **read, _ALL: every}, final=True, hushed=hushed | ({_ALL} if hushed else set()))


@dataclass(frozen=True, kw_only=True)
class RunVariables:
    """What the command line and earlier plays say, and who takes part in this one.

    Attributes:
        extra_vars: variables of ``-e``.
        told: what else the command line said, as Ansible's variables for it.
        vaults: decrypts what is encrypted, when it is needed.
        facts: what hosts have said in earlier plays, by name; this play's are added.
        settings: what tasks have set.
        hosts: names of the play's hosts that take part, in order; empty: all that it is for.
    """

    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    vaults: Vaults = field(default_factory=Vaults)
    facts: dict[str, Layer] = field(default_factory=dict)
    settings: SetVariables = field(default_factory=SetVariables)
    hosts: Sequence[str] = ()

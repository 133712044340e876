"""``delegate_to``: what a task does on another machine for its host: on this one, or on a host of the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from deployer.errors import At, ConfigError
from deployer.fields import nearest
from deployer.load.marked import marks_of
from deployer.load.template import Variables
from deployer.model import Connection, Host, Secret, Task
from deployer.resolve.action import Action, Delegate
from deployer.resolve.becoming import BECOME, becomes_another

_HERE = ("localhost", "127.0.0.1", "::1")
CAN_BE_HERE = (
    *("command", "shell", "stat", "slurp", "find", "wait_for", "uri"),
    *("getent", "package_facts", "service_facts"),
)
"""Modules that declare no file of their host's: only these may look at this machine."""
_ITS_OWN = (
    *("beam_nodes", "certificate", "cookie", "distribution", "env_file", "epmd", "firewall", "left_behind"),
    *("preflight", "release", "systemd_unit"),
)
"""Modules that declare what a host of the fleet is itself, and that its own turn and its own ladder watch over."""


@dataclass(frozen=True, slots=True)
class Delegates:
    """The hosts of the inventory, any of which may do something for another one.

    Attributes:
        hosts: by name.
        connection: says how one is reached.
        password: what the command line gave for sudo.
        become: the command line has everything done as root.
    """

    hosts: Mapping[str, Host]
    connection: Callable[[Host], Connection]
    password: Secret | None = None
    become: bool = False

    def find(self, named: str) -> Host | None:
        """Return the host of this name, or the one that is reached at this address."""
        if named in self.hosts:
            return self.hosts[named]
        found = [host for host in self.hosts.values() if host.vars.get("ansible_host") == named]
        return found[0] if len(found) == 1 else None

    def same(self, name: str) -> bool:
        """Return whether all hosts have a variable from one place: then it is the inventory's for this machine, too."""
        return len({str(marks_of(host.vars).get(name)) for host in self.hosts.values()}) == 1


def delegated(
    task: Task, variables: Variables, host: Host, connection: Connection, delegates: Delegates
) -> tuple[Connection, Delegate | None]:
    """Return how a task is run, and where: as its host is reached; on another host as that one is; or here.

    Raises:
        ConfigError: it names no host of the inventory, or the task cannot be done there.
    """
    if task.delegate_to is None:
        return connection, None
    with At(task.mark):
        to = str(variables.render(task.delegate_to, task.mark, "delegate_to"))
        if to == host.name or (connection.local and to in _HERE):
            return connection, None
        if to in _HERE:
            hint = f"{', '.join(CAN_BE_HERE)} can; or write a play for"
            _check(task.module, "this machine", task.module in CAN_BE_HERE, hint)
            own = delegates.hosts.get(to)
            reached = delegates.connection(own) if own else None
            said = (reached or connection).inventory_becomes if reached or delegates.same(BECOME) else None
            on = replace(connection, local=True, inventory_becomes=said)
            on = replace(on, become=becomes_another(task, variables, on, every=delegates.become, elsewhere=True))
            password = reached.become_password if reached else delegates.password
            return on, Delegate("", on.become, password=password)
        other = delegates.find(to)
        if other is None:
            problem = f"delegate_to: {host.name} would have this done on {to!r}, which the inventory does not have"
            raise ConfigError(problem, hint=nearest(to, delegates.hosts))
        if other.name == host.name:
            return connection, None
        _check(task.module, other.name, task.module not in _ITS_OWN, "write a play for")
        on = delegates.connection(other)
        return on, Delegate(other.name, on.become, other)


def _check(what: str, where: str, fits: bool, hint: str) -> None:
    """Refuse what cannot be done on another machine."""
    if fits:
        return
    place = "a host with ansible_connection: local" if where == "this machine" else where
    raise ConfigError(f"{what} cannot be delegated to {where}", hint=f"{hint} {place}")


def check_no_node(actions: Iterable[Action], units: Callable[[Host], frozenset[str]]) -> None:
    """Refuse what would stop or start a node of another host, whose turn it is not.

    Args:
        actions: of one host.
        units: says which units are the nodes of a host.

    Raises:
        ConfigError: one would.
    """
    for action in actions:
        place = action.place
        if place and place.host and (hit := units(place.host).intersection(action.module.touches())):
            problem = f"{action.label} would act on {', '.join(sorted(hit))}, a node with a turn of its own"
            raise ConfigError(problem, where=action.task.mark, hint=f"write a play for {place}")

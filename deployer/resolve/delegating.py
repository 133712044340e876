"""``delegate_to``: what a task does on this machine, for its host; on another host it is refused."""

from __future__ import annotations

from dataclasses import replace

from deployer.errors import At, ConfigError
from deployer.load.template import Variables
from deployer.model import Connection, Host, Task

_HERE = ("localhost", "127.0.0.1", "::1")
CAN_BE_HERE = ("command", "shell", "stat", "slurp", "wait_for", "uri")
"""Modules that declare no file of their host's: only these may look at another machine's."""


def delegated(task: Task, variables: Variables, host: Host, connection: Connection) -> Connection:
    """Return how a task is run: as its host is reached, or on this machine, as root where it becomes root.

    Raises:
        ConfigError: it is another host; one host's walk reads, locks and changes that host alone. Or the task cannot
            run on this machine.
    """
    with At(task.mark):
        to = str(variables.render(task.delegate_to, task.mark, "delegate_to"))
        if to == host.name or (connection.local and to in _HERE):
            return connection
        if to not in _HERE:
            problem = f"delegate_to: {host.name} would have this done on {to}, which is not supported"
            raise ConfigError(problem, hint=f"write a play for {to}")
        if task.module not in CAN_BE_HERE or task.confirm is not None:
            what = "a task with confirm" if task.confirm is not None else task.module
            hint = f"{', '.join(CAN_BE_HERE)} can; or write a play for a host with ansible_connection: local"
            raise ConfigError(f"{what} cannot be delegated to this machine", hint=hint)
        return replace(connection, local=True, become=connection.become if task.become is None else task.become)

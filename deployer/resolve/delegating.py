"""``delegate_to``: a task stays on its host, and is refused where it would run on another one."""

from __future__ import annotations

from deployer.errors import At, ConfigError
from deployer.load.template import Variables
from deployer.model import Connection, Host, Task

_HERE = ("localhost", "127.0.0.1", "::1")


def check_delegated(to_whom: str, task: Task, variables: Variables, host: Host, connection: Connection) -> None:
    """Refuse a task that is delegated to a host that is not the one it is resolved for.

    Raises:
        ConfigError: it is another one; one host's walk reads, locks and changes that host alone.
    """
    with At(task.mark):
        to = str(variables.render(to_whom, task.mark, "delegate_to"))
        if to == host.name or (connection.local and to in _HERE):
            return
        where = "this machine" if to in _HERE else to
        hint = f"write a play for {'a host with ansible_connection: local' if to in _HERE else to}"
        raise ConfigError(
            f"delegate_to: {host.name} would have this done on {where}, which is not supported", hint=hint
        )

"""From a host's connection variables to a transport."""

from __future__ import annotations

from deployer.model import Connection
from deployer.transport.base import Transport
from deployer.transport.options import SshOptions


def open_transport(host_name: str, connection: Connection, options: SshOptions) -> Transport:
    """Connect to a host, by SSH or on this machine.

    Args:
        host_name: the inventory name, for messages.
        connection: how to reach it.
        options: one object for all hosts of a run.

    Raises:
        ConfigError: inventory, ssh configuration, known_hosts or key file is wrong; nothing was sent.
        Unreachable: no connection; HostKeyError and AuthError are kinds of it.
    """
    if connection.local:
        from deployer.transport.local import LocalTransport

        return LocalTransport(host_name, connection.become_password)
    from deployer.transport.paramiko import SshTransport
    from deployer.transport.ssh_config import resolve, resolve_ways

    target = resolve(host_name, connection, options)
    ways = resolve_ways(target, connection, options)
    return SshTransport(target, options, connection.become_password, ways)

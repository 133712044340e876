"""The only package that connects to hosts."""

from deployer.transport.base import ForwardingForbidden, Transport
from deployer.transport.opening import open_transport
from deployer.transport.options import SshOptions

__all__ = ["ForwardingForbidden", "SshOptions", "Transport", "open_transport"]

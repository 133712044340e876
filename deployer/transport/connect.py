"""From an `SshTarget` to an authenticated connection: socket, handshake, host key, login, each with a timeout.

Only this module turns the exceptions of sockets and paramiko into errors for the user.
"""

from __future__ import annotations

import errno
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deployer.errors import At, ConfigError, ConnectionLost, HostError, HostKeyError, Unreachable
from deployer.transport.base import ForwardingForbidden
from deployer.transport.known_hosts import KnownHosts, KnownKeys, key_fingerprint
from deployer.transport.options import SshOptions
from deployer.transport.proxy import ProxyCommand
from deployer.transport.ssh_config import SshTarget, hop
from deployer.transport.stream import dialled

if TYPE_CHECKING:
    from deployer.transport.wire import Client

_TRIES = 3
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)
_HANDSHAKE = 30.0
"""Seconds for banner and key exchange together."""
_PENALTY = 20.0
"""Seconds to wait for the end of sshd's penalty for failed logins (PerSourcePenalties); three failures cost 15."""


@dataclass(frozen=True, slots=True)
class Link:
    """An authenticated connection; ``close`` also closes the jump hosts or the proxy that it uses."""

    client: Client
    host_key: str
    close: Callable[[], None]


def open_link(target: SshTarget, options: SshOptions, seen: tuple[str, ...] = ()) -> Link:
    """Connect, verify the host's key, log in.

    If the server disconnects before its first line, as sshd does with too many connections at once (MaxStartups), it is
    tried again, at most three times in all. If sshd names a penalty, it is tried again for up to 20 seconds; such tries
    do not make the penalty longer. Nothing else is tried again.

    Raises:
        Unreachable: no connection, no SSH server there, or no algorithm in common.
        HostKeyError: the host's key is unknown or wrong; no credential was offered.
        AuthError: the login is refused.
        ConfigError: known_hosts, a key file or a jump is wrong.
    """
    begin, tries = time.monotonic(), 0
    with At(target.name):
        while True:
            tries += 1
            try:
                return _attempt(target, options, seen)
            except _Dropped as error:
                passed = time.monotonic() - begin
                if passed > _PENALTY if error.penalty else (tries >= _TRIES or passed > _HANDSHAKE):
                    raise Unreachable(error.message, hint=error.hint) from None
                pause = 2 if error.penalty else tries
                time.sleep(random.uniform(0.2, 0.8) * pause)  # noqa: S311  # spreads the herd, guards nothing


class _Dropped(Unreachable):
    """The server disconnected before its first line; ``penalty``: because logins have failed before."""

    penalty = False


def _attempt(target: SshTarget, options: SshOptions, seen: tuple[str, ...]) -> Link:
    from deployer.transport.auth import log_in, read_named_key
    from deployer.transport.wire import Client

    hosts = options.shared.once(("known_hosts", target.known_hosts), lambda: KnownHosts(target.known_hosts))
    known = hosts.about(target.known_as, target.known_port or target.port)
    read_named_key(target, options)
    with ExitStack() as stack:
        over = _jump(target, options, seen, stack)
        with options.shared.opening(target.address, target.port):
            proxy = ProxyCommand(target.proxy, target.name) if target.proxy and not over else None
            client = Client(_open_socket(target, over, proxy, stack), known.kinds, session=not seen)
            stack.callback(client.hang_up)
            try:
                _shake_hands(client, target)
            except Unreachable as error:
                raise (proxy and proxy.failure()) or error from None
            kind, key = _prove(client, target, known)
            if target.accept_new:
                hosts.accept(known.who, kind, key)
            log_in(client, target, options)
        client.watch(options.keepalive)
        return Link(client, key_fingerprint(key), stack.pop_all().close)


def _jump(target: SshTarget, options: SshOptions, seen: tuple[str, ...], stack: ExitStack) -> Client | None:
    """Connect to the last jump host, through those before it; each is resolved and its key verified by itself."""
    if not target.jumps:
        return None
    *before, last = target.jumps
    if last in seen:
        raise ConfigError(f"ProxyJump goes in a circle: {' → '.join((*seen, last))}")
    over = hop(last, options)
    link = open_link(replace(over, jumps=tuple(before), proxy="") if before else over, options, (*seen, last))
    stack.callback(link.close)
    return link.client


def _open_socket(target: SshTarget, over: Client | None, proxy: ProxyCommand | None, stack: ExitStack) -> Any:
    """Return the socket to the server, or an object that acts like one."""
    if over:
        return _through(target, over)
    if proxy:
        stack.callback(proxy.end)
        return proxy.road
    road = _direct(target)
    stack.callback(road.close)
    return road


def _through(target: SshTarget, over: Client) -> Any:
    try:
        return open_stream(over, target.address, target.port, target.connect_timeout, target.jumps[-1])
    except (OSError, HostError) as error:
        raise Unreachable(f"the jump host does not lead to {target.place}: {error}") from None


def _direct(target: SshTarget) -> socket.socket:
    from deployer.transport.wire import SEND_BUFFER

    try:
        road = socket.create_connection((dialled(target.address), target.port), timeout=target.connect_timeout)
    except TimeoutError:
        raise Unreachable(
            f"{target.place} did not answer within {target.connect_timeout:g} s",
            hint="is it up, and does a firewall let this machine in?",
        ) from None
    except socket.gaierror as error:
        raise Unreachable(
            f"the name {target.address} cannot be resolved: {error.strerror}",
            hint="set ansible_host to its address",
        ) from None
    except OSError as error:
        raise Unreachable(
            f"{target.place}: {error.strerror or error}",
            hint="is it up, and is that its address?" if error.errno in _NO_WAY else "is sshd running, on this port?",
        ) from None
    road.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    road.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return road


def _shake_hands(client: Client, target: SshTarget) -> None:
    done = threading.Event()
    client.start_client(event=done)
    in_time = done.wait(_HANDSHAKE)
    if client.initial_kex_done and client.is_active():
        return
    where = target.place
    if not in_time:
        raise Unreachable(
            f"{where} did not finish the SSH handshake within {_HANDSHAKE:.0f} s",
            hint="something listens there, but it is frozen or no SSH server",
        )
    if not client.remote_version:
        raise _no_banner(client.greeting, where)
    said = str(client.get_exception() or "") or "the host hung up, or did not come to its end in time"
    raise Unreachable(
        f"no SSH handshake with {where}: {said}",
        hint="deployer offers only modern algorithms; sshd has to be 6.5 or newer",
    )


def _no_banner(greeting: str, where: str) -> Unreachable:
    from deployer.transport.wire import GREETING

    if greeting == "penalty":
        error = _Dropped(
            f"{where} lets nobody in from this address for now: too many logins have failed (PerSourcePenalties)",
            hint="it ends by itself, 15 s after few failures and 10 min after many;"
            " PerSourcePenaltyExemptList in its sshd_config exempts this machine",
        )
        error.penalty = True
        return error
    if greeting == "hung up":
        return _Dropped(
            f"{where} hung up before the SSH banner",
            hint="no SSH server, a ban (fail2ban), or too many connections at once (MaxStartups)",
        )
    if greeting == "silent":
        said, hint = "said nothing", "sshd is frozen or starved of CPU, or what listens there is no SSH server"
    else:
        said, hint = "talked, but sent no SSH banner", "what listens there is no SSH server"
    return Unreachable(f"{where} took the connection and {said} within {GREETING:.0f} s", hint=hint)


def _prove(client: Client, target: SshTarget, known: KnownKeys) -> tuple[str, bytes]:
    """Return type and bytes of the host's key if it is known, or new and may be accepted."""
    shown = client.get_remote_server_key()
    kind, key = shown.get_name(), shown.asbytes()
    if known.check(kind, key) or target.accept_new:
        return kind, key
    raise HostKeyError(
        f"the key of {target.place} is not known: {kind} {key_fingerprint(key)}",
        hint="compare it on the host's console, then run with --accept-new-host-keys",
    )


def open_stream(client: Client, address: str, port: int, timeout: float, who: str) -> Any:
    """Open a direct-tcpip channel; RFC 4254, section 5.1 has the reason codes.

    Raises:
        ForwardingForbidden, ConnectionRefusedError, TimeoutError, Unreachable
    """
    from paramiko.ssh_exception import ChannelException, SSHException

    try:
        return client.given(client.ask_channel("direct-tcpip", (address, port)), timeout)
    except ChannelException as error:
        if error.code == 2:
            raise ConnectionRefusedError(f"{who}: connection refused at {address}:{port}") from None
        raise ForwardingForbidden(
            f"sshd does not let us reach {address}:{port} ({error.text})",
            where=who,
            hint="allow it for this user: AllowTcpForwarding yes, or PermitOpen",
        ) from None
    except (SSHException, EOFError, OSError):
        if client.is_active():
            raise TimeoutError(f"{who}: no answer from {address}:{port} within {timeout:g} s") from None
        raise ConnectionLost("the connection to the host broke", where=who, hint="run again") from None

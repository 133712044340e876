"""Hosts over SSH: one connection for each host, one channel at a time for programs, further channels for streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from deployer.beam.stream import Stream
from deployer.errors import AuthError, ConnectionLost, HostError, HostKeyChanged
from deployer.model import Secret
from deployer.sh import Frame, Program, Sh
from deployer.transport.base import ForwardingForbidden
from deployer.transport.channel_pipe import ChannelPipe, gone
from deployer.transport.connect import Link, open_link, open_stream
from deployer.transport.conversation import Conversation
from deployer.transport.options import SshOptions
from deployer.transport.relay import Relay
from deployer.transport.session import Session
from deployer.transport.ssh_config import SshTarget
from deployer.transport.stream import SocketStream, plainly
from deployer.transport.sudo import Sudo, check_password, command

if TYPE_CHECKING:
    from paramiko import Channel

    from deployer.transport.wire import Client

_SESSION_OPENING = 40.0
_SESSION_PATIENCE = 5.0
"""Seconds for sshd to free the session of the previous program, which still counts if MaxSessions is 1."""
_RELAYS_PATIENCE = 20.0
"""Seconds if relays use all sessions that sshd allows; each relay ends by its own deadline."""
_PROGRAMS_PATIENCE = 120.0
"""Seconds if programs use them: a program that tries fifty places without an answer takes four seconds."""


class SshTransport:
    """A host over SSH. The constructor connects, verifies the host's key and logs in.

    Args:
        target: the server, completely resolved.
        become_password: the password for sudo; None: sudo must not ask for one.
        ways: further ways to the same host.

    Raises:
        Unreachable, HostKeyError, AuthError: see `open_link`.
    """

    def __init__(
        self,
        target: SshTarget,
        options: SshOptions,
        become_password: Secret | None = None,
        ways: tuple[SshTarget, ...] = (),
    ) -> None:
        check_password(become_password)
        self.name = target.name
        self._target, self._options, self._password, self._ways = target, options, become_password, ways
        self._link: Link = open_link(target, options)
        self.host_key = self._link.host_key
        self._books = threading.Lock()
        self._ended: list[Channel] = []
        self._relays = self._programs = 0
        self._forbidden: ForwardingForbidden | None = None
        self._spares = self._refused = False

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a program over one session channel; see `deployer.transport.base.Transport.run`."""
        sudo = self._sudo() if program.become and self._target.user != "root" else None
        # After a change, the next program need not wait for its session: it is requested now, if sshd allows two.
        self._spares |= program.writes and not self._refused
        channel = self._session(timeout)
        with self._running(), closing(ChannelPipe(channel, timeout, self._link.client)) as pipe:
            self._link.client.exec(channel, command(sudo))
            yield from Conversation(self.name, pipe, program, sudo, timeout).frames()
            self._ended.append(channel)
            pipe.finished = True

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Count a program that uses a session."""
        with self._books:
            self._programs += 1
        try:
            yield
        finally:
            with self._books:
                self._programs -= 1

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Open a direct-tcpip channel, or a relay if sshd forbids those; see `base.Transport.connect`."""
        if not self._forbidden:
            try:
                channel = open_stream(self._link.client, address, port, timeout, self.name)
                return SocketStream(channel, timeout, self._link.client.is_active)
            except ForwardingForbidden as error:
                self._forbidden = error
        return self._relay(address, port, timeout, self._forbidden)

    @property
    def relays(self) -> bool:
        """Whether sshd is known to forbid forwarding, so that each stream uses one of its few sessions."""
        return self._forbidden is not None

    def _relay(self, address: str, port: int, timeout: float, forbidden: ForwardingForbidden) -> Stream:
        channel, client, held = self._session(timeout), self._link.client, [True]
        with self._books:
            self._relays += 1

        def release() -> None:
            with self._books:
                if held:
                    held.clear()
                    self._relays -= 1
                    self._ended.append(channel)

        return Relay(
            channel, address, port, timeout, start=lambda text: client.exec(channel, text), alive=client.is_active,
            release=release, forbidden=forbidden,
        )  # fmt: skip

    def session(self, *, become: bool) -> Session:
        """Return a session for a command with open streams, as root with ``become``; the caller opens it.

        Raises:
            HostError: sshd opens no session, or the connection is lost.
        """
        sudo = self._sudo() if become and self._target.user != "root" else None
        return Session(self.name, self._session(_SESSION_OPENING), self._link.client, sudo)

    def knock(self, port: int, *, timeout: float) -> str | None:
        """Try a port of the host directly; see `base.Transport.knock`."""
        return None if self._target.jumps or self._target.proxy else plainly(self._target.address, port, timeout)

    def another(self) -> SshTransport:
        """Connect and log in once more, beside this one; see `base.Transport.another`."""
        found = SshTransport(self._target, self._options, self._password)
        self._prove(found)
        return found

    def prove_ways(self) -> None:
        """Log in by every further way, and log out again; see `base.Transport.prove_ways`."""
        for way in self._ways:
            try:
                with closing(SshTransport(way, self._options)) as found:
                    self._prove(found)
                    list(found.run(Program((Sh(":"),)), timeout=_SESSION_OPENING))
            except HostError as error:
                over = f" over {', '.join(way.jumps)}" if way.jumps else ""
                error.message = f"by {way.place}{over} (confirm_over): {error.message}"
                if isinstance(error, HostKeyChanged) and not way.jumps:  # the first way has shown the known key
                    error.hint = f"another host than {self.name} answers there: write an address of its own"
                raise

    def reopen(self) -> None:
        """Disconnect and connect again; see `base.Transport.reopen`."""
        self._link.close()
        self._ended, link = [], open_link(self._target, self._options)
        self._prove(link)
        self._link = link

    def _prove(self, made: Link | SshTransport) -> None:
        if made.host_key != self.host_key:
            made.close()
            raise HostKeyChanged(f"another host answers now: {made.host_key}, before {self.host_key}", where=self.name)

    def close(self) -> None:
        """Disconnect, without waiting for a program that still runs on the host."""
        self._link.close()

    def _sudo(self) -> Sudo:
        where = (self._target.address, self._target.port, self._target.user)
        refused = self._options.shared.refused
        if self._password is None:
            return Sudo(None, lambda: None)
        this = (*where, self._password.fingerprint())
        if this in refused:
            raise AuthError(
                "sudo did not take this become password before; it is not tried again",
                where=self.name,
                hint="check -K or ansible_become_password",
            )
        return Sudo(self._password, lambda: refused.add(this))

    def _unopened(self, client: Client) -> ConnectionLost:
        if client.is_active():
            said = f"sshd answers, but has opened no session within {_SESSION_OPENING:.0f} s"
        else:
            said = gone(client, "the connection to the host is gone")
        return ConnectionLost(said, where=self.name, hint="run it again to see the host's state")

    def _session(self, timeout: float) -> Channel:
        """Open a session channel; if sshd allows no more, wait until earlier ones have ended for it."""
        from paramiko.ssh_exception import ChannelException, SSHException

        client, begin = self._link.client, time.monotonic()
        while True:
            self._settle()
            with self._books:
                asked, client.early = client.early, None
            try:
                given = client.given(asked or client.ask_channel("session"), min(timeout, _SESSION_OPENING))
            except ChannelException as error:
                self._spares, self._refused = False, True
                if asked:
                    continue  # it was refused while another was open, which may have ended by now
                if time.monotonic() > begin + self._patience():
                    raise HostError(
                        f"sshd opens no session ({error.text})", where=self.name, hint="MaxSessions must be at least 1"
                    ) from None
                time.sleep(0.05)
            except (SSHException, EOFError, OSError):
                raise self._unopened(client) from None
            else:
                if asked and given.closed:
                    continue  # it was idle for longer than sshd allows (ChannelTimeout)
                self._spare(client)
                return given

    def _patience(self) -> float:
        """Return the seconds to wait for a session, depending on what may use the sessions that sshd allows."""
        return _PROGRAMS_PATIENCE if self._programs else _RELAYS_PATIENCE if self._relays else _SESSION_PATIENCE

    def _spare(self, client: Client) -> None:
        """Request the session of the next program, once a program has changed the host."""
        from paramiko.ssh_exception import SSHException

        with self._books, suppress(SSHException, EOFError, OSError):  # a lost connection is reported later
            if self._spares and not client.early:
                client.early = client.ask_channel("session")

    def _settle(self) -> None:
        """Close sessions that have ended: sshd counts them until then, which matters if MaxSessions is 1."""
        with self._books:
            ended, self._ended = self._ended, []
        for channel in ended:
            channel.status_event.wait(_SESSION_PATIENCE)
            channel.close()

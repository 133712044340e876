"""The connection options of one run, and the state that its connections share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from deployer.errors import DeployerError

Made = TypeVar("Made")
OPENINGS = 20
"""Connections that this process opens at the same time; more would not help, as handshakes share one interpreter."""
KNOCKS = 8
"""Connections that are opened at the same time to one address: sshd drops some from the tenth on (MaxStartups
10:30:100), and counts a connection until a little after its login."""


class Shared:
    """The state shared by the connections of one run: limits for handshakes, files read, passwords refused."""

    def __init__(self) -> None:
        self._openings = threading.BoundedSemaphore(OPENINGS)
        self.lock = threading.RLock()
        self.cache: dict[Any, Any] = {}
        """Files of the controller that are read once in a run: known_hosts, ssh configuration, private keys."""
        self.refused: set[tuple[str, int, str, str]] = set()
        """Sudo passwords that a host refused: (address, port, user, fingerprint). None is tried twice."""

    @contextmanager
    def opening(self, address: str, port: int) -> Iterator[None]:
        """Wait for a turn to open a connection, and hold it until the login has ended."""
        knocks = self.once(("gate", address, port), lambda: threading.BoundedSemaphore(KNOCKS))
        with knocks, self._openings:
            yield

    def once(self, key: Any, make: Callable[[], Made]) -> Made:
        """Call ``make`` once for each key and return its result, or raise its error, each time; others wait for it."""
        with self.lock:
            if key not in self.cache:
                try:
                    self.cache[key] = make(), None
                except DeployerError as error:
                    self.cache[key] = None, error
            found, failed = self.cache[key]
        if failed:
            raise failed
        return found  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class SshOptions:
    """How this run reaches hosts; one object for all hosts.

    Attributes:
        accept_new: accept and store the key of a new host (``--accept-new-host-keys``).
        connect_timeout: seconds for the TCP connection, if neither inventory nor ssh configuration sets it.
        ask: asks the user for a passphrase; None without a terminal.
        ssh_config: the user's ssh configuration; None: read none. A missing file counts as empty.
        keepalive: seconds; a peer that leaves three requests unanswered for about three times as long is lost.
        home: the directory with ``.ssh``.
    """

    accept_new: bool = False
    connect_timeout: float = 10
    ask: Callable[[str], str] | None = None
    ssh_config: Path | None = field(default_factory=lambda: Path.home() / ".ssh" / "config")
    keepalive: float = 10
    home: Path = field(default_factory=Path.home)
    shared: Shared = field(default_factory=Shared, repr=False, compare=False)

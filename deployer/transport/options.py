"""What one run knows about reaching hosts: its options, and what its connections share."""

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
"""Connections being opened at once by this process; more gain nothing, since the handshakes share one interpreter."""
KNOCKS = 8
"""Connections being opened at once to one address: sshd drops from its tenth on (MaxStartups 10:30:100), and learns of
a finished login a little late."""


class Shared:
    """What the connections of one run share: gates for handshakes, keys already read, refusals already heard."""

    def __init__(self) -> None:
        self._openings = threading.BoundedSemaphore(OPENINGS)
        self.lock = threading.RLock()
        self.cache: dict[Any, Any] = {}
        """Files of the controller read once per run: known_hosts, ssh configuration, private keys."""
        self.refused: set[tuple[str, int, str, str]] = set()
        """Sudo passwords that a host did not take: (address, port, user, fingerprint). None is tried twice."""

    @contextmanager
    def opening(self, address: str, port: int) -> Iterator[None]:
        """Wait for a turn to open a connection, and hold it until the login is through."""
        knocks = self.once(("gate", address, port), lambda: threading.BoundedSemaphore(KNOCKS))
        with knocks, self._openings:
            yield

    def once(self, key: Any, make: Callable[[], Made]) -> Made:
        """Return what ``make`` gave, or raise what it raised, the first time; other hosts wait meanwhile."""
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
        accept_new: write down the key of a host met for the first time (``--accept-new-host-keys``).
        connect_timeout: seconds for the TCP connection, when neither inventory nor ssh configuration says.
        ask: asks the person for a passphrase; None when nobody is there to answer.
        ssh_config: the person's ssh configuration; None reads none. A missing file is an empty one.
        keepalive: seconds; a peer that leaves three requests unanswered for three times as long is lost.
        home: where ``.ssh`` is.
    """

    accept_new: bool = False
    connect_timeout: float = 10
    ask: Callable[[str], str] | None = None
    ssh_config: Path | None = field(default_factory=lambda: Path.home() / ".ssh" / "config")
    keepalive: float = 10
    home: Path = field(default_factory=Path.home)
    shared: Shared = field(default_factory=Shared, repr=False, compare=False)

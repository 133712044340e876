"""A real sshd, servers of one's own, and transports that are closed at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployer.transport import SshOptions, Transport, open_transport
from tests.transport import sshd as private_sshd

TRIALS = int(os.environ.get("DEPLOYER_RELIABILITY_TRIALS", "1"))
"""How often each way of being dead is tried."""
DEAD = ("test_ssh_dead_peers", "test_ssh_lost")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try what a dead peer is noticed by as often as is asked for."""
    if TRIALS > 1 and metafunc.module.__name__.rpartition(".")[2] in DEAD:
        metafunc.fixturenames.append("trial")
        metafunc.parametrize("trial", range(TRIALS))


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[private_sshd.Sshd]:
    """One sshd with default settings for the whole run."""
    server = private_sshd.start(tmp_path_factory.mktemp("sshd"), "MaxStartups 100")
    yield server
    private_sshd.stop(server)


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[Callable[..., private_sshd.Sshd]]:
    """Start servers with settings of their own; each has its own key pair and host key."""
    servers: list[private_sshd.Sshd] = []

    def start(*lines: str) -> private_sshd.Sshd:
        servers.append(private_sshd.start(tmp_path / f"sshd{len(servers)}", *lines))
        return servers[-1]

    yield start
    for server in servers:
        private_sshd.stop(server)


@pytest.fixture
def reach() -> Iterator[Callable[..., Transport]]:
    """Open transports that are closed at the end of the test."""
    opened: list[Transport] = []

    def connect(server: private_sshd.Sshd, options: SshOptions | None = None, **changes: object) -> Transport:
        opened.append(open_transport("web1", server.connection(**changes), options or server.options()))
        return opened[-1]

    yield connect
    for transport in opened:
        transport.close()

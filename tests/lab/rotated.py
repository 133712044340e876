"""A cluster whose cookie is changed, and what its hosts and nodes say of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deployer import lab as labs
from deployer.beam.cookie import generate
from tests.lab.fleet import Fleet, Ran, health

COOKIE = "/etc/beam/demo/private/cookie"
COPY = "/run/beam/demo/.erlang.cookie"
ASK = """\
home=$(mktemp -d) && cat >"$home/.erlang.cookie" && chmod 0400 "$home/.erlang.cookie"
HOME=$home /opt/demo/current/erts-*/bin/erl_call -r -timeout 5 -name demo@{} -a 'erlang node' >/dev/null 2>&1; rc=$?
rm -rf "$home"; exit $rc"""
SPY = "grep -laF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"


class Cluster:
    """Three meshed nodes, and what others say of them."""

    def __init__(self, fleet: Fleet, ssh: Callable[..., tuple[int, str]]) -> None:
        self.fleet, self.hosts, self.ssh = fleet, fleet.hosts, ssh

    @property
    def cookie(self) -> str:
        """What is declared."""
        return self.path.read_text()

    @property
    def path(self) -> Path:
        return self.fleet.directory / "cookie"

    def declare_another(self) -> tuple[str, str]:
        """Declare a new cookie; returns the old and the new one."""
        old, new = self.cookie, generate()
        self.path.write_text(new)
        return old, new

    def rotate(self, *flags: str) -> Ran:
        return self.fleet.run("cookie rotate", *flags)

    def accepting(self, cookie: str) -> list[str]:
        """The hosts whose node accepts a cookie."""
        said = {host.name: self.ssh(host, ASK.format(host.address), stdin=cookie.encode())[0] for host in self.hosts}
        return [name for name, code in said.items() if code == 0]

    def everywhere(self, command: str) -> list[str]:
        return [self.ssh(host, command)[1].strip() for host in self.hosts]

    def lives(self) -> list[str]:
        """Process and restarts of each node; a node that restarts has another."""
        return self.everywhere("systemctl show -p MainPID,NRestarts demo")

    def is_meshed(self) -> bool:
        names = {f"demo@{host.address}" for host in self.hosts}
        told = [health(host)[1] for host in self.hosts]
        return all({body.get("node"), *body.get("nodes", ())} == names for body in told)

    def written(self) -> list[dict[str, str]]:
        return [labs.upper_state(host) for host in self.hosts]

"""``lab``: real Debian hosts on this machine, to rehearse on."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Flag, Subcommand, err, out
from deployer.errors import ConfigError

_NAME = Flag("name", "which lab, when there is more than one", default="lab")
_SUITE = Flag("suite", "Debian release of the hosts: bookworm or trixie", default="bookworm")


def _up(c: Context, *, hosts: int, suite: list[str], name: str, profile: list[str], database: bool) -> None:
    """Boot real hosts with systemd, sshd and nftables, and write an inventory for them. Needs root on Linux."""
    del c
    from deployer import lab

    made = lab.up(hosts, name=name, suites=tuple(suite), profiles=tuple(profile), database=database, say=err)
    out(str(made.inventory))


def _down(c: Context, *, name: str) -> None:
    """Take a lab down and remove everything it made, except the images."""
    del c
    from deployer import lab

    lab.down(name, say=err)


def _status(c: Context, *, name: str) -> int:
    """Show the hosts of a lab; exit 1 when there is none."""
    del c
    from deployer import lab

    found = lab.status(name)
    if found is None:
        err(f"there is no lab called {name}; deployer lab up makes one")
        return 1
    for host in found.hosts:
        out(f"{host.name:<12} {host.address:<15} {host.state:<8} {host.suite:<8} {host.profile}")
    out(f"inventory: {found.inventory}")
    if found.database:
        out(f"database: {lab.database_url(found.database)}")
    return 0


def _ssh(c: Context, *, host: str, name: str, command: str) -> int:
    """Open a shell on a lab host, or run the command after -- there."""
    del c
    from deployer import lab

    return lab.ssh(host, name, (command,) if command else ())


def _reset(c: Context, *, host: str, name: str) -> None:
    """Reset a lab host, or all of them, to a fresh system."""
    del c
    from deployer import lab

    lab.reset(host or None, name)


def _build(c: Context, *, app: str, suite: str, version: str, release: str, output: str) -> None:
    """Build a release from a project of mix or rebar3 in an image for it, and print the tarball's path."""
    del c
    from deployer import lab

    path = Path(app)
    if not any((path / name).is_file() for name in ("mix.exs", "rebar.config")):
        raise ConfigError(
            f"{app} has no mix.exs and no rebar.config", hint="give the directory of a project of mix or rebar3"
        )
    place = Path(output) if output else None
    out(str(lab.build_app(path, suite=suite, version=version or None, release=release or None, out=place, say=err)))


COMMANDS = (
    Collection(
        "lab",
        Subcommand(
            _up,
            (
                Flag("hosts", "how many", "n", 3),
                Flag(
                    "suite", "Debian release of the hosts, bookworm or trixie; with several, hosts take turns", "", ()
                ),
                _NAME,
                Flag(
                    "profile",
                    "how each host's sshd behaves: default, stock, sudo, sudo-password, one-session, …",
                    "",
                    (),
                ),
                Flag("database", "add a host with PostgreSQL, as database_url in the inventory", "", default=False),
            ),
        ),
        Subcommand(_down, (_NAME,)),
        Subcommand(_status, (_NAME,)),
        Subcommand(_ssh, (Flag("host", "the host", word=True), _NAME, Flag("command", "run this instead of a shell"))),
        Subcommand(_reset, (Flag("host", "only this host"), _NAME)),
        Subcommand(
            _build,
            (
                Flag("app", "directory of a project of mix or rebar3", word=True),
                _SUITE,
                Flag("version", "build the release with this version (like DEMO_VERSION for the demo)"),
                Flag("release", "which release, of a project that has several"),
                Flag("output", "where to put the tarball"),
            ),
        ),
    ),
)

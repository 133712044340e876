"""A lab's life: up, status, reset, restart, down. Each can follow on any of the others that was killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import cycle, islice
from pathlib import Path

from deployer.errors import ConfigError
from deployer.lab import access, cgroup, host, identity, image, limits, mounts, network, programs, state
from deployer.lab.state import Lab, LabDeclaration, LabHost

_MOST = 200


def up(
    n: int = 3,
    *,
    name: str = "lab",
    suites: Sequence[str] = (),
    profiles: Sequence[str] = (),
    database: bool = False,
    say: Callable[[str], None] = print,
) -> Lab:
    """Have at least ``n`` hosts running; those that run are kept, those that stopped boot again from their disk.

    Args:
        n: how many hosts, 1 to 200.
        name: of the lab; labs of different names run next to each other.
        suites: Debian's names of the releases they run, ``bookworm`` or ``trixie``, in turn; by default bookworm.
        profiles: the kinds of host, in turn as well; see `state.PROFILES`.
        database: have one host of the profile ``database`` beside them, if the lab has none yet.
        say: is told what happens, line by line.

    Raises:
        ConfigError: the lab cannot run on this machine, or there is one of this name that is of another kind.
        HostError: a host did not come up.
    """
    programs.require()
    identity.check_identity(profiles)
    if not 1 <= n <= _MOST:
        raise ConfigError(f"a lab has 1 to {_MOST} hosts, not {n}")
    with _locked(name):
        image.check(suites)
        declared = _declare(n, name, suites, profiles, database=database)
        lab = _view(declared)
        images = _images(lab, say)
        limits.make_room(say)
        network.open_bridge(name, declared.net)
        access.write_access(lab)
        wanting = [one for one in lab.hosts if one.pid is None or not network.is_plugged(name, one.index)]
        say(f"lab {name}: {len(lab.hosts) - len(wanting)} hosts run, {len(wanting)} to boot")
        _each(wanting, lambda one: host.boot(lab, one, declared.net, images[one.suite, one.image]))
        _each(lab.hosts, lambda one: identity.introduce(lab, one))
        return _view(declared)


def _images(lab: Lab, say: Callable[[str], None]) -> dict[tuple[str, str], Path]:
    return {kind: image.ensure(*kind, say) for kind in dict.fromkeys((host.suite, host.image) for host in lab.hosts)}


def _declare(n: int, name: str, suites: Sequence[str], profiles: Sequence[str], *, database: bool) -> LabDeclaration:
    """Write down what is asked for, joined to what is there; the lock keeps two labs from choosing one network."""
    with state.locked(state.lab_top() / "labs" / ".networks.lock"):
        had = state.read_state(name)
        kinds, debians = (had.profiles, had.suites) if had else ((), ())
        one = ("database",) if database and "database" not in kinds else ()
        count = max(n + database, len(kinds) + len(one))
        apart = () if "database" in profiles else ("database",)
        declared = LabDeclaration(
            name=name,
            net=had.net if had else network.free_net(),
            profiles=_in_turn(name, "profiles", profiles, kinds, count - len(one), "default", apart) + one,
            suites=_in_turn(name, "suites", suites, debians, count, debians[0] if debians else "bookworm"),
        )
        declared.write()
        return declared


def _in_turn(
    name: str, what: str, asked: Sequence[str], there: tuple[str, ...], count: int, default: str,
    apart: Sequence[str] = (),
) -> tuple[str, ...]:  # fmt: skip
    """What the hosts that are there have, and for the others what was asked for, in turn; some take no turn."""
    turns = cycle(asked or (default,))
    if asked and there != tuple(each if each in apart else next(turns) for each in there):
        away = f"deployer lab down --name {name}"
        raise ConfigError(f"the lab {name!r} has hosts of other {what}: {', '.join(there)}", hint=away)
    return there + tuple(islice(turns, count - len(there)))


def status(name: str = "lab") -> Lab | None:
    """The lab and each host's state as they are now; None when there is no lab of that name."""
    declared = state.read_state(name)
    return None if declared is None else _view(declared)


def down(name: str = "lab", say: Callable[[str], None] = print) -> None:
    """Take a lab away with everything it made, whole or half made; nothing happens when there is nothing."""
    programs.require()
    with _locked(name):
        directory = state.lab_home(name)
        for group in cgroup.cgroup_named(f"dl-{name}-*"):
            cgroup.empty(group)
            shutil.rmtree(host.PROPAGATED / group, ignore_errors=True)
        network.close_network(name)
        mounts.unmount_below(directory)
        # A killed removal must leave lab.json, so that the network stays known as taken.
        shutil.rmtree(directory / "hosts", ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)
        say(f"lab {name}: down")


def reset(host_name: str | None = None, name: str = "lab") -> None:
    """Put one host, or all, back to untouched: the image, the keys and addresses it had, no firewall rule.

    Raises:
        ConfigError: no such lab or host.
        HostError: a host did not come up again.
    """

    def renew(lab: Lab, one: LabHost) -> None:
        host.halt(lab.name, one)
        host.wipe(one)

    _again(host_name, name, renew)


def restart(host_name: str, name: str = "lab", *, hard: bool = False) -> None:
    """Reboot a host with the disk it has; ``hard`` pulls the plug instead of asking its systemd to stop.

    Raises:
        ConfigError: no such lab or host.
        HostError: it did not come up again.
    """
    _again(host_name, name, lambda _, one: None if hard else host.shut_down(one))


def _again(host_name: str | None, name: str, before: Callable[[Lab, LabHost], None]) -> None:
    programs.require()
    with _locked(name):
        declared = _need(name)
        lab = _view(declared)
        images = _images(lab, lambda _: None)
        network.open_bridge(name, declared.net)

        def again(one: LabHost) -> None:
            before(lab, one)
            host.boot(lab, one, declared.net, images[one.suite, one.image])

        _each(lab.hosts if host_name is None else (lab.host(host_name),), again)


def ssh(host_name: str, name: str = "lab", command: Sequence[str] = ()) -> int:
    """Log in to a host as root with the system's ssh; returns its exit code.

    Raises:
        ConfigError: no such lab or host.
    """
    lab = _view(_need(name))
    return access.lab_ssh(lab, lab.host(host_name), command)


def _need(name: str) -> LabDeclaration:
    declared = state.read_state(name)
    if declared is None:
        known = ", ".join(state.lab_names()) or "none"
        raise ConfigError(f"there is no lab {name!r} (known: {known})", hint=f"deployer lab up --name {name}")
    return declared


def _locked(name: str) -> AbstractContextManager[None]:
    return state.locked(state.lab_home(name).with_suffix(".lock"))


def _each(hosts: Sequence[LabHost], work: Callable[[LabHost], None]) -> None:
    """Do the work on all hosts at once; the others finish when one fails, then its error is raised."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(work, one) for one in hosts]:
            done.result()


def _view(declared: LabDeclaration) -> Lab:
    name, directory = declared.name, state.lab_home(declared.name)
    return Lab(
        name=name,
        directory=directory,
        bridge=network.bridge(name),
        address=network.lab_address(declared.net, 0),
        subnet=f"10.77.{declared.net}.0/24",
        address6=network.address6(declared.net, 0),
        subnet6=f"fd77:0:0:{declared.net}::/64",
        hosts=tuple(_look(declared, index, profile) for index, profile in enumerate(declared.profiles, 1)),
        inventory=directory / "inventory.yml",
        key=directory / "id_ed25519",
        known_hosts=directory / "known_hosts",
    )


def _look(declared: LabDeclaration, index: int, profile: str) -> LabHost:
    name = f"lab{index}" if declared.name == "lab" else f"{declared.name}-lab{index}"
    home: Path = state.lab_home(declared.name) / "hosts" / name
    pid = host.running(home)
    return LabHost(
        name=name,
        address=network.lab_address(declared.net, index),
        pid=pid,
        state="stopped" if pid is None else "running",
        profile=profile,
        root=home / "root",
        upper=home / "upper",
        netns=network.lab_port(declared.name, index),
        index=index,
        suite=declared.suites[index - 1],
        address6="" if profile == "no-ipv6" else network.address6(declared.net, index),
        fqdn=f"{name}.{declared.name}.test",
    )

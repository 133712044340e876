"""The images: a small Debian that boots, and those with Elixir, rebar3, PostgreSQL or Python, each made once per suite.

An image is built beside its place and renamed when it is complete, so a killed build leaves nothing that looks like an
image. A marker beside it holds the recipe's digest: a new recipe builds a new image.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from deployer.errors import ConfigError
from deployer.lab import mounts, state
from deployer.lab.programs import run_program

_BOOT = ("systemd", "systemd-sysv", "dbus", "openssh-server", "nftables", "iproute2", "procps", "sudo")
# What the ERTS of a release links to; the hosts have no Erlang of their own.
_ERTS = {
    "bookworm": ("libtinfo6", "libstdc++6", "libssl3"),
    "trixie": ("libtinfo6", "libstdc++6", "libssl3t64"),
}
# What each kind of image has beside what boots. The builder has a PostgreSQL driver: mix asks no registry.
_MORE = {
    "base": (),
    "builder": ("elixir", "erlang-dev", "erlang-crypto", "erlang-ssl", "erlang-tools", "erlang-p1-pgsql"),
    "rebar3": ("rebar3", "erlang-dev", "erlang-crypto", "erlang-ssl", "erlang-tools", "erlang-inets"),
    "database": ("postgresql",),
    "python": ("python3", "python3-apt", "python3-venv", "git", "gpg", "gpg-agent", "cron", "apt-utils", "tzdata"),
}

SUITES = tuple(_ERTS)
KINDS = tuple(_MORE)

# Units that write to the disk on their own clock, or wait for hardware that a host of the lab has not.
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "systemd-tmpfiles-clean.timer", "systemd-timesyncd.service", "console-getty.service",
    "getty@.service", "systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service",
    "sshd-keygen.service", "nftables.service",
)  # fmt: skip

# A login must not change a host's disk: a dry run is proven by the disk not changing.
_FILES = {
    "etc/tmpfiles.d/var.conf": "# The lab keeps no login records: /var/log/wtmp and its kin stay absent.\n",
    "etc/tmpfiles.d/legacy.conf": "",
    "etc/sudoers.d/lab": "Defaults lecture=never\nDefaults !fqdn\n",
    "etc/machine-id": "",
    "etc/resolv.conf": "# A host of the lab knows no name server.\n",
}
_RECORDS = ("var/log/wtmp", "var/log/btmp", "var/log/faillog")
# sshd makes these at the first login with a terminal (the second from Debian 13 on): leave it nothing to make.
_DISCARDED = ("var/log/lastlog", "var/log/wtmp.db")
# systemd.unit(5), ConditionNeedsUpdate: units that refresh caches at a boot when these are older than /usr.
_UPDATED = ("etc/.updated", "var/.updated")


def check(suites: Iterable[str]) -> None:
    """Refuse suites without a recipe; raises ConfigError."""
    for suite in suites:
        packages(suite, "base")


def packages(suite: str, kind: str) -> tuple[str, ...]:
    """The Debian packages of an image, without those of ``minbase``.

    Raises:
        ConfigError: the suite is none of `SUITES`.
    """
    if suite not in _ERTS:
        raise ConfigError(f"no recipe for the suite {suite!r}", hint=f"known: {', '.join(SUITES)}")
    return (*_BOOT, *_ERTS[suite], *_MORE[kind])


def ensure(suite: str, kind: str, say: Callable[[str], None]) -> Path:
    """Return the directory of an image, building it first where it is missing or of an older recipe.

    An old image that hosts still run on is left as it is: their root lies on it.

    Raises:
        ConfigError: the suite is unknown.
        DeployerError: mmdebstrap failed, for instance without a mirror.
    """
    wanted = ",".join(packages(suite, kind))
    place = state.images() / suite / kind
    marker = place.with_suffix(".recipe")
    recipe = hashlib.sha256(repr((wanted, _MASKED, _FILES, _RECORDS, _DISCARDED, _UPDATED)).encode()).hexdigest()
    with state.locked(place.with_suffix(".lock")):
        have = marker.read_text().strip() if marker.exists() and place.is_dir() else ""
        if have == recipe:
            return place
        if have and mounts.uses(place):
            say(f"image {suite}/{kind}: the recipe changed; the old image stays until its hosts are down")
            return place
        say(f"image {suite}/{kind}: building (about half a minute, once)")
        marker.unlink(missing_ok=True)
        _build(suite, wanted, place)
        marker.write_text(recipe + "\n")
    return place


def _build(suite: str, wanted: str, place: Path) -> None:
    beside = place.with_name(f".{place.name}.new")
    mounts.unmount_below(beside)
    shutil.rmtree(beside, ignore_errors=True)
    run_program("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={wanted}", suite, str(beside))
    _settle(beside)
    shutil.rmtree(place, ignore_errors=True)
    beside.rename(place)


def _settle(image: Path) -> None:
    """Make the image quiet: no keys, no identity, no timers, nothing that a login writes to."""
    for key in (image / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for name in _MASKED:
        unit = image / "etc/systemd/system" / name
        unit.unlink(missing_ok=True)
        unit.symlink_to("/dev/null")
    for name in (*_RECORDS, *_DISCARDED):
        (image / name).unlink(missing_ok=True)
    for name in _DISCARDED:
        (image / name).symlink_to("/dev/null")
    for name, text in _FILES.items():
        path = image / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o440 if name.startswith("etc/sudoers.d/") else 0o644)
    for name in _UPDATED:
        (image / name).touch()

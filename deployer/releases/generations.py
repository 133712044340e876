"""Generations: a release together with the files that its nodes read at their start, made current by one rename."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from deployer.errors import ConfigError
from deployer.sh import Sh, library, lines, sh

UNITS = "/etc/systemd/system"


PLACES = library("places.sh", "deployer.releases")
"""Functions that find files; they read ``$root``, ``$held`` and ``$run``, see `declared`."""

GENERATIONS = lines(PLACES, library("generations.sh", "deployer.releases"))
"""Functions that make generations and switch to them, `PLACES` among them."""


BELONGS = "the file belongs to the generations of this release: it is staged, and beam_nodes makes it current"
"""What a module's argument of that name means."""


def in_force(path: str, generations: str) -> tuple[tuple[Sh, ...], Sh]:
    """Return text that finds where a start would read ``path``, and the word for that place.

    Without generations that is the path itself.
    """
    if not generations:
        return (), sh("{}", path)
    return (declared("", generations), PLACES, sh("in_force {}", path)), Sh('"$at"')


def draft_place(path: str, generations: str) -> tuple[tuple[Sh, ...], Sh]:
    """Return text that finds where this run writes ``path``, and the variable with that place; as `in_force` does."""
    if not generations:
        return (), sh("{}", path)
    return (declared("", generations), PLACES, sh("draft_place {}", path)), Sh('"$place"')


def held(root: str) -> str:
    """Return where a host keeps the generations of the release at ``root``: where its units are, on one file system."""
    return f"/etc/beam/generations.d{root}"


def drop_in(unit: str) -> str:
    """Return where a node's unit has the text that belongs to its release."""
    return f"{UNITS}/{unit}.d/00-deployer.conf"


def above(place: str) -> tuple[str, ...]:
    """Return a directory and all above it but ``/``: what has to be root's alone before root writes there."""
    path = PurePosixPath(place)
    return tuple(str(one) for one in (path, *path.parents) if str(one) != "/")


def check_secure(root: str, insecure: str) -> None:
    """Refuse a release's directory that root may not trust.

    Args:
        root: where it is.
        insecure: what the sh function of that name has said of it and of what is above it.

    Raises:
        ConfigError: somebody else than root could put a directory of his own in its place.
    """
    if insecure:
        who = ", ".join(insecure.splitlines())
        hint = "root runs programs from there: choose a directory below /opt, or give these directories to root (0755)"
        raise ConfigError(f"users other than root can change release.root {root}: {who}", hint=hint)


def declared(root: str, generations: str) -> Sh:
    """Return text that sets ``$root`` and ``$held``."""
    return sh("root={} held={}", root, generations)


def secured(root: str, generations: str = "") -> Sh:
    """Return `declared` and `PLACES`, for text that writes below ``root``; it ends the step where others could, too."""
    return lines(declared(root, generations), PLACES, sh("trusted {}", above(root)))


def stage(root: str, generations: str, release: str, files: Sequence[str], takeover: str = "") -> Sh:
    """Return the step after which ``GENERATIONS/next`` is the release with its files as declared; nothing is stopped.

    Below it each file lies under its own path, such as ``GENERATIONS/next/etc/beam/shop/private/shop.env``, and
    ``release`` leads to the unpacked release: what has to run as the node will, before it does, finds it all there.

    Args:
        root: the release's directory on the host.
        generations: the directory of its generations.
        release: its id.
        files: each node's, its drop-in first.
        takeover: a unit of before whose files stay until it is stopped.
    """
    text = sh(
        "id={} old={}\ntrusted {}\nstage {} || {{ full {}; exit 1; }}",
        release,
        takeover,
        above(root),
        files,
        generations,
    )
    return lines(declared(root, generations), GENERATIONS, text)

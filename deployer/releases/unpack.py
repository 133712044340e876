"""How a host unpacks what it was sent: as if the controller had not looked into it."""

from __future__ import annotations

from deployer.releases.generations import PLACES, above, declared
from deployer.sh import Sh, lines, script, sh

TREE = Sh(
    """tree() { find "$1" -mindepth 1 ! -path "$1/.complete" -printf '%P %y %m %U:%G %s %T@\\n' | sort | sha256sum; }"""
)
"""``tree DIR`` prints a digest of everything's name, mode, owner, size and time."""


def unpack(root: str, release: str, name: str, version: str, sha256: str, manifest: str) -> Sh:
    """Return text that unpacks ``"$1"`` and makes it ``release`` in one rename, or leaves no trace and says why.

    A user that no other process has unpacks it, in a unit of its own that sees no network and writes nowhere else. When
    that has ended, the tree becomes root's and is compared with ``manifest``; nothing of it ever runs as root.
    """
    box = lines(sh("name={} version={}", name, version), script("box.sh", "deployer.releases"))
    told = sh(
        "# shellcheck disable=SC2016\nroot={} release={} sha256={} manifest={} box={}",
        root,
        release,
        sha256,
        manifest,
        box.text,
    )
    return lines(
        TREE,
        script("checkable.sh", "deployer.releases"),
        told,
        declared(root, ""),
        PLACES,
        sh("secure_root() {{ trusted {}; }}", above(root)),
        script("unpack.sh", "deployer.releases"),
    )

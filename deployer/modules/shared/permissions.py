"""What the bits of a mode say, under the names that Ansible's results have for it."""

from __future__ import annotations

import stat


def kinds(mode: int) -> dict[str, bool]:
    """Return what kind of thing a mode is of: ``isreg``, ``isdir`` and so on."""
    asked = {
        "isreg": stat.S_ISREG, "isdir": stat.S_ISDIR, "islnk": stat.S_ISLNK, "isblk": stat.S_ISBLK,
        "ischr": stat.S_ISCHR, "isfifo": stat.S_ISFIFO, "issock": stat.S_ISSOCK,
    }  # fmt: skip
    return {name: test(mode) for name, test in asked.items()}


def permissions(mode: int) -> dict[str, bool]:
    """Return the permissions as stat's names: ``rusr``, ``wgrp``, ``isuid`` and so on."""
    bits = {
        f"{way}{who}": 1 << (8 - 3 * i - j)
        for i, who in enumerate(("usr", "grp", "oth"))
        for j, way in enumerate("rwx")
    }
    bits |= {"isuid": stat.S_ISUID, "isgid": stat.S_ISGID}
    return {name: bool(mode & bit) for name, bit in bits.items()}

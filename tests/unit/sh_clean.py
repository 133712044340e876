"""What shellcheck says of sh, remembered: it is slow, and most of what is asked has not changed since the last run."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

REMEMBERED = Path(__file__).parents[2] / ".pytest_cache" / "shellcheck"
"""One empty file for each text that was clean, named by its digest; ``make clean`` forgets them."""
RANDOM = re.compile(r"[0-9a-f]{12,}|\b20\d{6}T\d{6}Z-[0-9a-f]{6}\b")
BLOB = re.compile(r"^blob (\d+) \d+ \S+ \d+", re.MULTILINE)


def complaints(text: str, *but: str) -> str:
    """Return what shellcheck says of POSIX sh, without these warnings; nothing when it is clean.

    Markers, digests and the sizes of random blobs are made the same before: they differ with each run.
    """
    text = BLOB.sub(r"blob \1 1 0 0", RANDOM.sub("0", text))
    asked = ["shellcheck", "-s", "sh", *(["-e", ",".join(but)] if but else []), "-"]
    key = "\0".join([version(), *asked, text]).encode("utf-8", "surrogateescape")
    clean = REMEMBERED / hashlib.sha256(key).hexdigest()
    if clean.exists():
        return ""
    done = subprocess.run(asked, input=text, text=True, capture_output=True, errors="surrogateescape")
    if not (said := done.stdout + done.stderr):
        clean.parent.mkdir(parents=True, exist_ok=True)
        clean.touch()
    return said


@cache
def version() -> str:
    """Return what tells one shellcheck from another; another one may find more."""
    assert shutil.which("shellcheck"), "shellcheck is missing: apt-get install shellcheck"
    return subprocess.run(["shellcheck", "--version"], text=True, capture_output=True, check=True).stdout

"""What several kinds share that have a host fetch a file."""

from __future__ import annotations

from urllib.parse import urlsplit

from deployer.sh import Sh
from deployer.sh.text import script


def fetching() -> Sh:
    """Return the sh function ``fetched URL FILE SECONDS``."""
    return script("fetch.sh", "deployer.modules.shared")


def fetchable(url: str) -> str | None:
    """Refuse what is not the URL of a file, or contains a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ftp", "file") or not parts.path.rpartition("/")[2]:
        return f"{url!r} is not the URL of a file"
    return "contains a password, which every user of the host could read" if parts.password else None

"""What stands in a page of the documentation: its blocks of code, by language and heading."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> dict[str, list[str]]:
    """Heading → the blocks of one language below it."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^## ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        inside = [block for name, block in _BLOCK.findall(text) if name == language]
        if inside:
            found[heading] = inside
    return found

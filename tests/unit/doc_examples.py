"""What README and docs show: blocks of YAML, and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if page.name != "modules.md" and page.parent.name != "adr"
    ),
]
"""All pages but the reference, whose examples are the modules' own."""
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:\$ )?((?:deployer|make|pytest|[a-z]+-ctl) .*)")


@dataclass(frozen=True, slots=True)
class Example:
    """Something that a page shows, and where."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path, kind: str) -> Iterator[Example]:
    """Yield the fenced blocks of one kind."""
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        if match[2] == kind:
            yield Example(str(page.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1, match[3])


def commands(page: Path) -> Iterator[Example]:
    """Yield the commands in blocks without a language and in indented ones; each of those that a pipe joins."""
    fenced = ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.strip().startswith("```"):
            fenced = "" if fenced else line.strip()
            continue
        shown = line[4:] if line.startswith("    ") and not fenced else line if fenced == "```" else ""
        if match := _COMMAND.fullmatch(shown.rstrip()):
            for part in re.split(r" \| ", match[1]):
                yield Example(str(page.relative_to(ROOT)), number, part)

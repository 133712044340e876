"""Draw the pictures of docs/window.md: real sessions at a terminal of 80 x 24, in tmux, on a fleet that runs.

make pictures, after make demo; or: python tools/screens.py docs -i INVENTORY … (names as its nodes have them)
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS, _ROWS = 80, 24
_PATIENCE = 90.0
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""A picture fetches nothing: it is drawn with the fonts of who looks at it."""


@dataclass(frozen=True)
class Scene:
    """What is typed, and what has to be on the screen before the next: (pattern, keys), the last without keys."""

    command: str
    steps: tuple[tuple[str, str], ...]


SCENES = {
    "top": Scene("deployer top", ((r"nodes\b[\s\S]*gc [1-9]|gc \d+/s, [1-9]", ""),)),
    "logs": Scene("deployer logs -f -n 5", ((r"(?s)\d\d:\d\d:\d\d(.*\d\d:\d\d:\d\d){4}", ""),)),
    "console": Scene(
        "deployer console {first}",
        (
            (r"iex\(.*\)1>", "Node.list()"),
            (r"\)2>", "Process.whereis(:code_server) |> Process.info(:memory)"),
            (r"\)3>", ":erlang.statistics(:run_queue)"),
            (r"\)4>", ""),
        ),
    ),
}


class Terminal:
    """A terminal of its own, which tmux keeps."""

    def __init__(self, socket: str) -> None:
        self._tmux = ["tmux", "-L", socket, "-f", "/dev/null"]

    def tmux(self, *words: str) -> str:
        """Return what tmux says."""
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True).stdout

    def waits_for(self, pattern: str) -> None:
        """Look until the screen has this; raises TimeoutError with what it has."""
        end = time.monotonic() + _PATIENCE
        while not re.search(pattern, shown := self.tmux("capture-pane", "-p")):
            if time.monotonic() > end:
                raise TimeoutError(f"{pattern!r} never came:\n{shown}")
            time.sleep(0.2)


@contextmanager
def terminal(command: list[str]) -> Iterator[Terminal]:
    """Yield a terminal in which a command runs; it ends with the block."""
    made = Terminal(f"deployer-{time.monotonic_ns()}")
    size = ["-x", str(_COLUMNS), "-y", str(_ROWS)]
    made.tmux("new-session", "-d", *size, "env", "COLORTERM=", "TERM=screen-256color", *command)
    try:
        yield made
    finally:
        made.tmux("kill-server")


def picture(screen: str, title: str) -> str:
    """Return a screen, as tmux gives it with its colours, as SVG."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256")
    console.print(Text.from_ansi(screen.rstrip("\n")), no_wrap=True, overflow="crop")
    return _FONTS.sub("", console.export_svg(title=title))


def main(place: Path, flags: list[str]) -> None:
    """Play every scene and write its picture."""
    program = str(Path(sys.executable).with_name("deployer"))
    asked = [program, "top", "--once", *flags]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    first = said[1].split()[0]
    for name, scene in SCENES.items():
        words = shlex.split(scene.command.format(first=first))
        with terminal([program, *words[1:], *flags]) as shown:
            for pattern, keys in scene.steps:
                shown.waits_for(pattern)
                if keys:
                    shown.tmux("send-keys", "-l", keys)
                    shown.tmux("send-keys", "Enter")
            screen = shown.tmux("capture-pane", "-p", "-e")
        title = " ".join([*words, "-i inventory.yml"])
        (place / f"window-{name}.svg").write_text(picture(screen, title))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

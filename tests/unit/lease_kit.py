"""A host's lease in directories of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.model import Blob
from deployer.sh import Frame, Program, Sh, decode, payload, sh
from tests.unit.sh_runner import ROOT, answer, in_every_shell, stream

in_every_shell_as_root = [in_every_shell, pytest.mark.skipif(not ROOT, reason="only root has a lease")]
ALICE, BOB = "20260101T000000Z-aaaaaa alice@laptop", "20260101T000001Z-bbbbbb bob@ci"


class Place:
    """A host of the test's own: a shell, and directories in the place of /run/deployer and /var/lib/deployer."""

    def __init__(self, shell: list[str], root: Path) -> None:
        self.shell, self.root = shell, root
        self.run_dir, self.home = root / "run", root / "home"
        self.record, self.hold = self.run_dir / "lease", self.home / "hold"

    def answers(self, program: Program) -> Iterator[Frame]:
        sent = b"".join(payload(program))
        length, _, text = sent.partition(b"\n")
        text, blobs = text[: int(length)], text[int(length) :]
        text = (
            text.replace(b"left_wait=60", b"left_wait=1")
            .replace(b"/run/deployer", bytes(self.run_dir))
            .replace(b"/var/lib/deployer", bytes(self.home))
        )
        given = b"%d\n%b%b" % (len(text), text, blobs)
        return decode(program, stream(answer(program, self.shell, self.root, given=given), 4096))

    def edit(self, run: str, text: Sh) -> Frame:
        (frame,) = self.answers(Program((text,), writes=True, lease="edit", run=run))
        return frame

    def broken(self, run: str, why: str) -> Frame:
        """End it; this machine may have no journal, so a file takes the note."""
        return self.edit(run, sh("logger() {{ cat >{}; }}\nlease_break {}", self.root / "journal", why))

    def take(
        self, run: str, what: str = "deploy site.yml", kind: str = "run", seconds: int = 120, over: str = ""
    ) -> Frame:
        return self.edit(run, sh("lease_take {} 77 {} {} {}", kind, seconds, what, over))

    def write(self, run: str, *texts: str, held: bool = True, blobs: tuple[Blob, ...] = ()) -> list[Frame]:
        texts = texts or (f"touch {self.root}/canary",)
        made = Program(tuple(map(Sh, texts)), writes=True, run=run, lease="held" if held else "", blobs=blobs)
        return list(self.answers(made))

    def change(self, field: int, value: str, file: Path | None = None) -> None:
        """Give the record another field, counted from 0."""
        file = file or self.record
        fields = file.read_text().split("\t")
        fields[field] = value
        file.write_text("\t".join(fields))

    @property
    def canary(self) -> bool:
        return (self.root / "canary").exists()

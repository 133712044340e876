"""What a host may be known to say without being asked for each file alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """What a fragment would answer where a file or directory is as declared.

    Attributes:
        path: the file, or the directory.
        sha256: digest of the file's content; empty for a directory.
        size: of the file, in bytes.
        held: where the file belongs to a release, the directory of its generations; ``path`` is a link then.
        salt, salted: of a secret file instead of digest and size: digest of ``salt``, its digest in hex and a newline.
        said: the record that stands for its content in the answer.
    """

    path: str
    sha256: str = ""
    size: int = 0
    held: str = ""
    salt: str = ""
    salted: str = ""
    said: str = ""

    @property
    def place(self) -> str:
        """Where the file itself lies."""
        return f"{self.held}/current{self.path}" if self.held else self.path

"""How the blobs of a program come to a host: those of a few lines in its text, all others behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deployer.model import Blob, Secret
from deployer.regular import open_regular
from deployer.sh.text import sh

_CHUNK = 64 * 1024
_IN_TEXT = 16 * 1024
"""Bytes up to which a blob comes in the text: to take one from standard input costs a host two processes."""


def taking(blobs: Sequence[Blob]) -> Iterator[str]:
    """Yield the lines that put blobs on a host, each compared with its digest there."""
    for i, blob in enumerate(blobs):
        text = _in_text(blob)
        if text is None:
            yield f"blob {i} {blob.size} {_proof(blob)} {blob.offset} || refuse"
        else:
            yield sh("# shellcheck disable=SC2016\nwritten {} {} {} || refuse", i, blob.sha256, text).text
    if blobs:
        yield "blobs_whole || refuse"


def following(blob: Blob) -> Iterator[bytes]:
    """Yield what goes behind the text. The one place where a secret blob is revealed.

    Raises:
        EOFError: a file has become shorter since its size was told.
        OSError: a file cannot be read any more.
    """
    if blob.path:
        with open_regular(blob.path) as file:
            file.seek(blob.offset)
            left = blob.size - blob.offset
            while left > 0:
                chunk = file.read(min(_CHUNK, left))
                if not chunk:
                    raise EOFError(str(blob.path))
                left -= len(chunk)
                yield chunk
    elif blob.text is not None and _in_text(blob) is None:
        yield blob.text.reveal().encode() if isinstance(blob.text, Secret) else blob.text


def _in_text(blob: Blob) -> str | None:
    """Return a blob as a word of sh; None for a secret, a hidden or large one, and bytes that no word can hold."""
    if not isinstance(blob.text, bytes) or blob.hushed or blob.size > _IN_TEXT or b"\0" in blob.text:
        return None
    return blob.text.decode("utf-8", "surrogateescape")


def _proof(blob: Blob) -> str:
    """Return what a blob is compared with on the host; a secret's digest would give a weak secret away."""
    return "-" if isinstance(blob.text, Secret) else blob.sha256

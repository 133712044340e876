"""Large files go to a host ahead of the program that uses them, so that an upload which is cut can be tried again.

The program that takes them has no step: however much of it has run when the connection breaks, nothing runs twice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from deployer.errors import AuthError, ConnectionLost, HostError, HostKeyError, Locked, Unreachable
from deployer.events import Emit, Stage
from deployer.model import Blob
from deployer.sh import Program, Sh, sh
from deployer.transport.base import Transport

LARGE = 1 << 20
"""Bytes from which on the host keeps what it has of a file when the connection breaks (``sh/prelude.sh``)."""
UPLOAD_TIMEOUT = 180.0
"""Seconds without a byte going out, while a host writes and digests what it has got."""
PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each new try."""
GONE = 12.0
"""Seconds from a break on in which the host may be tried again while it does not answer at all: a host that is cut off
is told within 45 s, its keepalive and the last connecting included."""

_KEEP = Sh('rm -f -- "$blobs/0"')
"""Without the link to it, the file outlives the program."""
_ARRIVED = '[ ! -f "$home/part."{0} ] || wc -c <"$home/part."{0}'


def large(blobs: Sequence[Blob]) -> list[Blob]:
    """Return the files that are sent ahead, each once."""
    return list({blob.sha256: blob for blob in blobs if blob.path and blob.size > LARGE}.values())


def send(
    transport: Transport,
    blob: Blob,
    emit: Emit,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Put a file on a host that is worked on as root; it stays there, named after its content, for the next program.

    When the connection breaks it is made anew and the upload goes on where it ended, at most three times, and not for
    long while the host cannot be reached.

    Raises:
        ConnectionLost: it broke once more. What has arrived stays on the host for the next run.
        StepError: there is no room for it.
        Locked: another run sends the same file.
        HostError: the host cannot be reached any more, or does not let us in.
    """
    emit(Stage(transport.name, "upload"))
    try:
        return _put(transport, blob)
    except ConnectionLost as error:
        last: HostError | Locked = error
    tries, broke = 1, clock()
    for pause in PAUSES:
        if clock() + pause > broke + GONE:
            break
        tries += 1
        emit(Stage(transport.name, "upload again"))
        sleep(pause)
        try:
            transport.reopen()
            broke = math.inf
            return _put(transport, replace(blob, offset=_arrived(transport, blob)))
        except (HostKeyError, AuthError):
            raise
        except (ConnectionLost, Unreachable, Locked) as error:
            # Locked: the host has not noticed yet that the connection before is gone.
            last, broke = error, min(broke, clock())
    said = f"the upload was interrupted, and did not succeed in {tries} tries: {last.message}"
    hint = "nothing was changed, and the host keeps the uploaded part: start the run again"
    raise ConnectionLost(said, where=transport.name, hint=hint)


def _put(transport: Transport, blob: Blob) -> None:
    list(transport.run(Program((_KEEP,), writes=True, blobs=(blob,), become=True), timeout=UPLOAD_TIMEOUT))


def _arrived(transport: Transport, blob: Blob) -> int:
    (frame,) = transport.run(Program((sh(_ARRIVED, blob.sha256),), become=True), timeout=UPLOAD_TIMEOUT)
    said = frame.out.strip()
    return min(int(said), blob.size) if said.isdecimal() else 0

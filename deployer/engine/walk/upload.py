"""Uploads large files before the program that uses them, so that an interrupted upload can be resumed.

The program that receives them has no step: wherever the connection breaks, nothing runs twice.
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
"""Files of more bytes than this are kept partially by the host when the connection breaks (``sh/prelude.sh``)."""
UPLOAD_TIMEOUT = 180.0
"""Seconds that may pass without a byte being sent, while a host writes and digests what it has received."""
PAUSES = (1.0, 3.0, 6.0)
"""Seconds before each further try."""
GONE = 12.0
"""Seconds after a break in which an unreachable host is tried again: so a host that is cut off is reported within 45 s,
including its keepalive and the last attempt to connect."""

_KEEP = Sh('rm -f -- "$blobs/0"')
"""The program deletes its blobs when it ends; without this link the file stays."""
_ARRIVED = '[ ! -f "$home/part."{0} ] || wc -c <"$home/part."{0}'


def large(blobs: Sequence[Blob]) -> list[Blob]:
    """Return the files that are uploaded before the program, each once."""
    return list({blob.sha256: blob for blob in blobs if blob.path and blob.size > LARGE}.values())


def send(
    transport: Transport,
    blob: Blob,
    emit: Emit,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Put a file on a host as root; it stays there, named after its content, for the next program.

    When the connection breaks, it is opened again and the upload continues where it stopped: at most three times, and
    not for long while the host is unreachable (`GONE`).

    Raises:
        ConnectionLost: it did not succeed in all tries. The part that has arrived stays on the host for the next run.
        StepError: there is no room for it.
        Locked: another run sends the same file.
        HostError: the login is refused, or the host key is wrong.
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
            # Locked: the host has not noticed yet that the previous connection is gone.
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

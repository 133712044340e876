"""How long a host is waited for: as long as what it is sent takes on the slowest line that is waited for."""

from __future__ import annotations

from typing import cast

from deployer.model import Blob
from deployer.sh import Program, Sh
from deployer.sh.frame import READY
from deployer.transport.conversation import HOST_PATIENCE, SLOWEST, Conversation, Pipe


def test_files_that_lie_in_the_text_are_waited_for_as_those_behind_it() -> None:
    blobs = tuple(Blob.of("x" * 10_000) for _ in range(20))
    program, unused = Program((Sh(":"),), writes=True, blobs=blobs), cast("Pipe", None)
    conversation = Conversation("web1", unused, program, None, 60)
    conversation._hear(READY, b"")
    assert conversation._until() - conversation._whole_at >= HOST_PATIENCE + 200_000 / SLOWEST

"""A host that is a list of answers, and a recorder that makes such a list; for tests of everything above."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from deployer.beam.stream import Stream
from deployer.sh import Frame, Program
from deployer.transport.base import Transport
from deployer.transport.wrappers import Passing


class RecordedTransport:
    """Answers from a script instead of a host.

    Args:
        name: the inventory name.
        answers: for each program in turn its frames, or an error to raise once they have been given.
        streams: for each ``address:port`` the stream to hand out; another one is refused.
    """

    def __init__(
        self,
        name: str,
        answers: Iterable[Iterable[Frame | Exception]],
        streams: dict[str, Callable[[], Stream]] | None = None,
        host_key: str = "SHA256:recorded",
    ) -> None:
        self.name = name
        self.host_key = host_key
        self.programs: list[Program] = []
        self.closed = False
        self.reopened = 0
        self._answers = iter(answers)
        self._streams = streams or {}

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Yield the next list of frames; an unexpected program is an AssertionError."""
        self.programs.append(program)
        answer = next(self._answers, None)
        if answer is None:
            raise AssertionError(f"{self.name}: program {len(self.programs)} was not expected")
        for frame in answer:
            if isinstance(frame, Exception):
                raise frame
            yield frame

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Hand out the stream of that address; raises ConnectionRefusedError for others."""
        make = self._streams.get(f"{address}:{port}")
        if make is None:
            raise ConnectionRefusedError(f"{self.name}: nobody listens at {address}:{port}")
        return make()

    def knock(self, port: int, *, timeout: float) -> str | None:
        """Tell that a list of answers is reached by no plain way."""
        return None

    def another(self) -> Transport:
        """Give the same list of answers."""
        return self

    def prove_ways(self) -> None:
        """There is none but this."""

    def reopen(self) -> None:
        """Count the calls."""
        self.reopened += 1

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


class Recorder(Passing):
    """Passes everything to another transport and keeps the frames, as `RecordedTransport` takes them."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.answers: list[list[Frame | Exception]] = []

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run on the inner transport and keep what it says."""
        kept: list[Frame | Exception] = []
        self.answers.append(kept)
        try:
            for frame in self._inner.run(program, timeout=timeout):
                kept.append(frame)
                yield frame
        except Exception as error:
            kept.append(error)
            raise

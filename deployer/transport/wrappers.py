"""Wrappers around a transport: one that refuses writing programs, one that counts round trips."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.beam.stream import Stream
from deployer.errors import DeployerError
from deployer.sh import Frame, Program
from deployer.transport.base import Transport


class Passing:
    """Passes everything to another transport; subclasses override what they do differently."""

    def __init__(self, inner: Transport) -> None:
        self.name, self.host_key, self._inner = inner.name, inner.host_key, inner

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a program on the inner transport."""
        return self._inner.run(program, timeout=timeout)

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Open a stream on the inner transport."""
        return self._inner.connect(address, port, timeout=timeout)

    def knock(self, port: int, *, timeout: float) -> str | None:
        """Try a port directly, as the inner transport does."""
        return self._inner.knock(port, timeout=timeout)

    def another(self) -> Transport:
        """Make a second connection, without a wrapper."""
        return self._inner.another()

    def prove_ways(self) -> None:
        """Log in by every further way, as the inner transport does."""
        self._inner.prove_ways()

    def reopen(self) -> None:
        """Open the inner connection again."""
        self._inner.reopen()

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()


class ReadOnly(Passing):
    """A guard against our own mistakes, for plan and audit: it refuses programs of steps."""

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a probe; raises DeployerError at once for a program of steps."""
        if program.writes:
            raise DeployerError("the plan must not write", where=self.name, hint="this is a bug in deployer")
        return super().run(program, timeout=timeout)

    def another(self) -> Transport:
        """Make a second connection that refuses writing programs, too."""
        return ReadOnly(self._inner.another())


class RoundTrips(Passing):
    """Counts what is sent to a host: tests limit the number of round trips.

    Attributes:
        execs: programs run.
        streams: streams requested, including refused ones.
        sent: bytes of blobs sent with programs.
        received: bytes of answers.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.execs = self.streams = self.sent = self.received = 0

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        """Run a program and count it and its bytes."""
        self.execs += 1
        self.sent += sum(blob.size for blob in program.blobs)
        for frame in self._inner.run(program, timeout=timeout):
            self.received += len(frame.out)
            yield frame

    def connect(self, address: str, port: int, *, timeout: float) -> Stream:
        """Open a stream and count it."""
        self.streams += 1
        return super().connect(address, port, timeout=timeout)

    def another(self) -> Transport:
        """Make a second connection, which is counted by itself."""
        return RoundTrips(self._inner.another())

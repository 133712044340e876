"""TLS over any stream, as the side that connects: each way in which the two do not trust each other has its own name.

    DistributionError
    ├── NotTls               the peer answers in something else than TLS
    ├── ForeignCertificate   the node's certificate is signed by an authority we do not trust
    ├── ExpiredCertificate   the node's certificate has ended, or not begun
    ├── OtherHost            the node's certificate names another host
    └── OurCertificate       the node does not take our certificate

TLS 1.3 only, certificates of both sides. Source: OTP, "Using TLS for Erlang Distribution"; RFC 8446, 6.2 for alerts.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.beam.handshake import DistributionError, NobodyAnswers, NotAlive
from deployer.beam.identity import Identity
from deployer.beam.stream import Stream

_PIECE = 16384
_PIECES = 1000
"""Reads that a handshake may take; a node needs one or two, and one that comes byte by byte is an attack or broken."""
_FOREIGN = frozenset({2, 7, 18, 19, 20, 21, 22, 24, 32})
"""X509_V_ERR_… of openssl-verification-options(1): no issuer, a bad signature, self-signed, an invalid authority."""
_AGE = frozenset({9, 10})
_NAME = frozenset({62, 64})


class NotTls(DistributionError):
    """The peer answers in something else than TLS."""


class ForeignCertificate(DistributionError):
    """The node's certificate is signed by an authority that we do not trust."""


class ExpiredCertificate(DistributionError):
    """The node's certificate is not valid today."""


class OtherHost(DistributionError):
    """The node's certificate does not name the host of the node."""


class OurCertificate(DistributionError):
    """The node ends the connection over our certificate."""


class TlsStream:
    """A stream inside of a TLS connection; `secure` makes one. It has the deadline of the stream below."""

    def __init__(self, below: Stream, context: ssl.SSLContext, host: str) -> None:
        self._below = below
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    def shake_hands(self) -> None:
        """Do the handshake of TLS; the peer may still refuse our certificate at the first `recv`."""
        for _ in range(_PIECES):
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                if not self._fill():
                    raise EOFError("the stream ended in the middle of the TLS handshake") from None
            else:
                return self._flush()
        raise NotTls("the TLS handshake has no end")

    def send(self, data: bytes, /) -> None:
        """Send all of ``data``; raises OurCertificate."""
        with _told():
            self._tls.write(data)
            try:
                self._flush()
            except TimeoutError:
                raise
            except OSError:
                self.recv(1)  # an alert that came before the end says why
                raise

    def recv(self, n: int, /) -> bytes:
        """Return 1 to ``n`` bytes, or ``b""`` at end of stream; raises OurCertificate."""
        with _told():
            while True:
                try:
                    return self._tls.read(n)
                except ssl.SSLWantReadError:
                    self._flush()
                    if not self._fill():
                        return b""
                except ssl.SSLZeroReturnError:
                    return b""

    def close(self) -> None:
        """Close the stream below."""
        self._below.close()

    def _flush(self) -> None:
        if self._out.pending:
            self._below.send(self._out.read())

    def _fill(self) -> bool:
        data = self._below.recv(_PIECE)
        self._in.write(data)
        return bool(data)


def secure(stream: Stream, identity: Identity, host: str) -> TlsStream:
    """Return ``stream`` as TLS, with a peer whose certificate is good and names ``host``.

    Args:
        stream: connected to a distribution port; the caller closes it when this raises.
        identity: what we show, and whom we trust.
        host: the host part of the node's name.

    Raises:
        DistributionError: one of the kinds above, NotAlive or NobodyAnswers.
    """
    tls = TlsStream(stream, context(identity), host)
    hint = "see whether the node is going down, and whether it runs with TLS distribution"
    with _told():
        try:
            tls.shake_hands()
        except TimeoutError:
            raise NotAlive("its port is open, but the TLS handshake did not end by the deadline", hint=hint) from None
        except EOFError:
            raise NobodyAnswers("the connection was closed in the middle of the TLS handshake", hint=hint) from None
        except ssl.SSLError:
            raise
        except OSError:
            raise NobodyAnswers("the connection broke in the middle of the TLS handshake", hint=hint) from None
    return tls


def context(identity: Identity) -> ssl.SSLContext:
    """Return what a connection is made with. The private key reaches OpenSSL through a pipe: no disk ever holds it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(cadata=identity.authority)
    with _readable(identity.chain) as chain, _readable(identity.key.reveal()) as key:
        made.load_cert_chain(chain, key)
    return made


@contextmanager
def _readable(text: str) -> Iterator[str]:
    """Yield the path of a pipe that holds a short text."""
    reader, writer = os.pipe()
    try:
        with open(writer, "wb") as pipe:  # noqa: PTH123 - a descriptor
            pipe.write(text.encode())
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


@contextmanager
def _told() -> Iterator[None]:
    """Say what an error of OpenSSL means for a distribution connection."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise _distrust(error) from None
    except ssl.SSLError as error:
        reason = (error.reason or "no reason given").lower().replace("_", " ")
        _, alert, word = reason.partition("alert ")
        if alert and word != "protocol version":
            raise OurCertificate(f"the node does not take our certificate: {word}") from None
        raise NotTls(f"the answer is not TLS 1.3: {word or reason}") from None


def _distrust(error: ssl.SSLCertVerificationError) -> DistributionError:
    code, words = error.verify_code, error.verify_message.rstrip(".")
    if code in _AGE:
        return ExpiredCertificate(f"the node's certificate is not valid today: {words}")
    if code in _NAME:
        return OtherHost(f"the node's certificate names another host: {words}")
    if code in _FOREIGN:
        return ForeignCertificate(f"the node's certificate is signed by another authority: {words}")
    return ForeignCertificate(f"the node's certificate cannot be trusted: {words}")

"""Certificates of nodes: what one side of a TLS connection holds, and what can be wrong with it.

Pure: files and the clock are the caller's. TLS distribution (OTP, "Using TLS for Erlang Distribution") checks who
signed a certificate, when it ends, its extended key usage, and, on the side that connects, that it names the host
part of the node. Of an address OTP 25 reads only ``DNS:10.0.0.2`` and OTP 27 only ``IP:10.0.0.2``: a certificate
needs both.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from deployer.model import Secret

Kind = TypeVar("Kind", bound=x509.ExtensionType)

BOTH_SIDES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
_LONGEST = 65536


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a certificate.

    Attributes:
        words: for a person, such as ``expired on 2026-12-01``.
        expiring_soon: it still works; it only ends soon.
    """

    words: str
    expiring_soon: bool = False


def read_certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM text in order; none when it holds none that can be read."""
    if len(pem) > _LONGEST or not pem.isascii():
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return ()


def certificates_anew(pem: str) -> str:
    """Return the certificates of a PEM text, written anew, and nothing else of it: no key, no comment."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in read_certificates(pem))


def key_anew(key: Secret) -> Secret:
    """Return a private key that `check_key` takes, written anew as PKCS#8, and nothing else of its text."""
    private = load_pem_private_key(key.reveal().encode(), None)
    return Secret(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), key.name)


def public_point(pem: str) -> bytes:
    """Return the end of a P-256 key as PKCS#8 has it (RFC 5915): the public point, which tells whose key it is."""
    found = first(pem)
    key = found.public_key() if found else None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_key(chain: str, key: Secret) -> str | None:
    """Complain about a private key that is not that of the chain's first certificate."""
    try:
        private = load_pem_private_key(key.reveal().encode(), None)
    except TypeError:
        return "the key is encrypted: a node cannot ask for its passphrase"
    except ValueError:
        return "the key is no private key in PEM"
    found = first(chain)
    return None if found and private.public_key() == found.public_key() else "the key is not that of the certificate"


def judge_certificate(chain: str, authority: str, host: str, now: datetime, renew: int = 0) -> Fault | None:
    """Return what keeps other nodes from believing a certificate, or None when it is good.

    Args:
        chain: the certificate, then those between it and the authority; PEM.
        authority: whom the nodes trust; PEM.
        host: the host part of the node's name.
        now: with a time zone.
        renew: days before its end from which it counts as old.
    """
    own = first(chain)
    if own is None:
        return Fault("no certificate")
    if not _signed(own, read_certificates(chain)[1:], read_certificates(authority)):
        return Fault("signed by another authority")
    begin, end = own.not_valid_before_utc, own.not_valid_after_utc
    if now < begin:
        return Fault(f"not valid before {begin:%Y-%m-%d %H:%M} UTC")
    if end <= now:
        return Fault(f"expired on {end:%Y-%m-%d}")
    usages = _extension(own, x509.ExtendedKeyUsage)
    if usages is None or not set(BOTH_SIDES) <= set(usages):
        return Fault("not for both sides of a connection (extended key usage: serverAuth and clientAuth)")
    if missing := _missing(own, host):
        return Fault(f"does not name {' and '.join(missing)}")
    left = (end - now) // timedelta(days=1)
    return Fault(f"expires in {left} days", expiring_soon=True) if left < renew else None


def lifetime(chain: str) -> int:
    """Return for how many days a certificate was made; 0 for one that cannot be read."""
    own = first(chain)
    return (own.not_valid_after_utc - own.not_valid_before_utc) // timedelta(days=1) if own else 0


def first(pem: str) -> x509.Certificate | None:
    """Return the first certificate of a PEM text: the one that is its holder's."""
    return next(iter(read_certificates(pem)), None)


def names_of(host: str) -> list[x509.GeneralName]:
    """Return the alternative names by which OTP knows the host part of a node's name."""
    try:
        return [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        return [x509.DNSName(host)]


def _missing(certificate: x509.Certificate, host: str) -> list[str]:
    names = tuple(_extension(certificate, x509.SubjectAlternativeName) or ())
    words = {x509.DNSName: "DNS", x509.IPAddress: "IP"}
    return [f"{words[type(name)]}:{name.value}" for name in names_of(host) if name not in names]


def _signed(own: x509.Certificate, between: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]) -> bool:
    """Whether a way leads from a certificate, over those between, to an authority that is trusted."""
    current, left = own, list(between)
    while not any(_issued(current, root) for root in roots):
        above = next((one for one in left if _issued(current, one)), None)
        if above is None:
            return False
        left.remove(above)
        current = above
    return True


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None

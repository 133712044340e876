"""Certificates of nodes, and what can be wrong with them.

Pure: the caller handles files and the clock. TLS distribution (OTP, "Using TLS for Erlang Distribution") checks who
signed a certificate, when it expires, its extended key usage, and, on the connecting side, that it names the host part
of the node. For an address, OTP 25 reads only ``DNS:10.0.0.2`` and OTP 27 only ``IP:10.0.0.2``: a certificate needs
both.
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
        words: the fault in words, such as ``expired on 2026-12-01``.
        expiring_soon: it is still valid, but expires soon.
    """

    words: str
    expiring_soon: bool = False


def read_certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM text in order; none if they cannot be read."""
    if len(pem) > _LONGEST or not pem.isascii():
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return ()


def certificates_anew(pem: str) -> str:
    """Return only the certificates of a PEM text, encoded again, without keys and comments."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in read_certificates(pem))


def key_anew(key: Secret) -> Secret:
    """Return only the private key of a text that `check_key` accepts, encoded again as PKCS#8."""
    private = load_pem_private_key(key.reveal().encode(), None)
    return Secret(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), key.name)


def public_point(pem: str) -> bytes:
    """Return the public point, with which the PKCS#8 form of a P-256 key ends (RFC 5915): it identifies the key."""
    found = first(pem)
    key = found.public_key() if found else None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_key(chain: str, key: Secret) -> str | None:
    """Return what is wrong with a private key, for example that it does not belong to the chain's first certificate."""
    try:
        private = load_pem_private_key(key.reveal().encode(), None)
    except TypeError:
        return "the key is encrypted: a node cannot ask for its passphrase"
    except ValueError:
        return "the key is no private key in PEM"
    found = first(chain)
    return None if found and private.public_key() == found.public_key() else "the key is not that of the certificate"


def judge_certificate(chain: str, authority: str, host: str, now: datetime, renew: int = 0) -> Fault | None:
    """Return why other nodes would not accept a certificate, or None when it is good.

    Args:
        chain: the certificate, then intermediate ones up to the authority; PEM.
        authority: the certificates of the trusted authority; PEM.
        host: the host part of the node's name.
        now: the time, with a time zone.
        renew: number of days before its end from which it has to be renewed.
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
    """Return the lifetime of a certificate in days; 0 if it cannot be read."""
    own = first(chain)
    return (own.not_valid_after_utc - own.not_valid_before_utc) // timedelta(days=1) if own else 0


def first(pem: str) -> x509.Certificate | None:
    """Return the first certificate of a PEM text, which is that of its owner."""
    return next(iter(read_certificates(pem)), None)


def names_of(host: str) -> list[x509.GeneralName]:
    """Return the alternative names in which OTP looks for the host part of a node's name."""
    try:
        return [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        return [x509.DNSName(host)]


def _missing(certificate: x509.Certificate, host: str) -> list[str]:
    names = tuple(_extension(certificate, x509.SubjectAlternativeName) or ())
    words = {x509.DNSName: "DNS", x509.IPAddress: "IP"}
    return [f"{words[type(name)]}:{name.value}" for name in names_of(host) if name not in names]


def _signed(own: x509.Certificate, between: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]) -> bool:
    """Whether a certificate is signed by a trusted authority, directly or through intermediate certificates."""
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

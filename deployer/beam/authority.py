"""A small certificate authority of one cluster: made once, kept encrypted on the controller, signs nodes' certificates.

Pure: the caller handles files and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from deployer.beam.certificates import BOTH_SIDES, first, names_of
from deployer.beam.identity import Identity
from deployer.errors import ConfigError
from deployer.model import Secret

AUTHORITY_DAYS = 3650
PASSPHRASE_LEAST = 16
"""Characters: PKCS#8 stretches a passphrase little, so it has to be strong by itself."""
_SKEW = timedelta(hours=1)
"""The time by which a host's clock may be behind the controller's."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of one cluster. The key is never shown: only `sealed` and `issue` use it."""

    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, cluster: str, now: datetime) -> Self:
        """Return a new one for a cluster; it may sign certificates of nodes, but not of other authorities."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named(f"{cluster} nodes, {now:%Y-%m-%d}")
        built = _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        built = built.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(built.sign(key, hashes.SHA256()), key)

    @classmethod
    def unseal(cls, certificate: str, sealed: str, passphrase: Secret) -> Self:
        """Open one from the results of `pem` and `sealed`.

        Raises:
            ConfigError: the passphrase is wrong, or the two do not belong together; the message has no content.
        """
        found = first(certificate)
        if found is None:
            raise ConfigError("the certificate authority has no certificate")
        try:
            key = load_pem_private_key(sealed.encode(), passphrase.reveal().encode())
        except (ValueError, TypeError):
            problem = "the certificate authority's key cannot be opened: another passphrase, or no such key"
            raise ConfigError(problem) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != found.public_key():
            raise ConfigError("the certificate authority's key is not that of its certificate")
        return cls(found, key)

    @property
    def pem(self) -> str:
        """Its certificate, which every node gets."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def sealed(self, passphrase: Secret) -> str:
        """Return its key, encrypted (PKCS#8); raises ConfigError if the passphrase is too short."""
        if len(passphrase.reveal()) < PASSPHRASE_LEAST:
            hint = "deployer cookie generate prints a good one; keep it in a vault"
            raise ConfigError(f"cluster.pki.passphrase needs at least {PASSPHRASE_LEAST} characters", hint=hint)
        cipher = BestAvailableEncryption(passphrase.reveal().encode())
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, cipher).decode()

    def issue(self, host: str, days: int, now: datetime) -> Identity:
        """Return a new certificate, with a new key, for nodes whose names have this host part."""
        key = ec.generate_private_key(ec.SECP256R1())
        built = _builder(_named(host), self.certificate.subject, key.public_key(), now, days)
        built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        built = built.add_extension(_usage(signs_certificates=False), critical=True)
        built = built.add_extension(x509.ExtendedKeyUsage(BOTH_SIDES), critical=False)
        built = built.add_extension(x509.SubjectAlternativeName(names_of(host)), critical=False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = built.add_extension(signer, critical=False).sign(self._key, hashes.SHA256())
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Identity(made.public_bytes(Encoding.PEM).decode(), Secret(plain, "a node's key"), self.pem)


def made_at(chain: str) -> datetime:
    """Return when `Authority.issue` made a certificate; the beginning of time for one that cannot be read."""
    found = first(chain)
    return found.not_valid_before_utc + _SKEW if found else datetime.min.replace(tzinfo=UTC)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    built = built.serial_number(x509.random_serial_number())
    built = built.not_valid_before(now - _SKEW).not_valid_after(now + timedelta(days=days))
    return built.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip

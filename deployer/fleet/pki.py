"""Whose certificates a cluster's nodes trust: an authority that the controller keeps, or certificates that were given.

The authority is one file: its certificate, and its key, sealed. Only `establish` writes it, for ``deployer tls init``;
a plan, an audit and a deploy read it and issue certificates in memory.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.beam.identity import Identity
from deployer.errors import At, ConfigError
from deployer.model import Mark, Secret
from deployer.regular import read_regular

if TYPE_CHECKING:
    from deployer.beam.authority import Authority

TLS_APPLICATIONS = ("ssl", "crypto", "public_key", "asn1")
"""Applications that a release needs for TLS distribution; ssl brings the others."""
_MAKE = "deployer tls init PLAYBOOK -i INVENTORY makes it, once"
_OURS = "deployer"


@dataclass(frozen=True, slots=True)
class ManagedCA:
    """The authority that the controller keeps for one cluster.

    Attributes:
        cluster: its name, for messages and the authority's certificate.
        directory: where `file` lies.
        days: a new certificate lasts so long.
        renew: days before its end from which a certificate is renewed.
        where: where it was declared.
    """

    cluster: str
    directory: Path
    passphrase: Secret
    days: int
    renew: int
    where: Mark | None = None

    def same_as(self, other: object) -> bool:
        """Whether it is the same authority, wherever it was declared."""
        return isinstance(other, ManagedCA) and (self.file, self.passphrase) == (other.file, other.passphrase)

    @property
    def file(self) -> Path:
        """The authority: certificate and sealed key."""
        return self.directory / "authority.pem"

    def identity(self, host: str, now: datetime) -> Identity:
        """Return a new certificate for the nodes of a host; raises ConfigError where there is no authority."""
        return self.authority(now).issue(host, self.days, now)

    def variables(self, host: str, now: datetime) -> dict[str, Any]:
        """Return what templates see of a node's new certificate."""
        made = self.identity(host, now)
        return {"certificate": made.chain, "key": made.key, "certificate_given": False, "renew": self.renew}

    def expiry_warning(self, host: str, now: datetime) -> str:
        """Return nothing: whatever ends soon is renewed by a deploy."""
        del host, now
        return ""

    def trust_anchors(self, now: datetime) -> str:
        """Return the certificate that nodes trust."""
        return self.authority(now).pem

    def ours(self, host: str, now: datetime) -> Identity:
        """Return what the controller shows when it asks a node; for this run alone."""
        del host
        return _for_a_run(self.authority(now), now)

    def authority(self, now: datetime) -> Authority:
        """Open it.

        Raises:
            ConfigError: it is not there, cannot be opened, or has ended.
        """
        with At(self.where):
            try:
                stat = self.file.stat()
                found = _opened(self.file, stat.st_mtime_ns, stat.st_size, self.passphrase)
            except FileNotFoundError:
                problem = f"the cluster {self.cluster} has no certificate authority: {self.file} is not there"
                raise ConfigError(problem, hint=_MAKE) from None
            except OSError as error:
                raise ConfigError(f"{self.file}: {error.strerror}") from None
            except ConfigError as error:
                hint = "cluster.pki.passphrase has to be the one it was made with"
                raise ConfigError(f"{self.file}: {error.message}", hint=hint) from None
            end = found.certificate.not_valid_after_utc
            if end < now + timedelta(days=self.days):
                problem = f"{self.file}: the certificate authority ends on {end:%Y-%m-%d}, within {self.days} days"
                raise ConfigError(problem, hint="deployer docs flavours/tls says how to make another")
            return found


@dataclass(frozen=True, slots=True)
class ProvidedCerts:
    """Certificates that somebody else made: one for the nodes of a host, and the authority that signed it.

    Attributes:
        renew: days before its end from which a certificate is warned of.
    """

    ca: Path
    certificate: Path
    key: Secret
    renew: int
    where: Mark | None = None

    def identity(self, host: str, now: datetime) -> Identity:
        """Return the given certificate, checked.

        Raises:
            ConfigError: it cannot be read, is not good for these nodes, or the key is another one's.
        """
        with At(self.where):
            from deployer.beam.certificates import check_key, judge_certificate, key_anew

            chain, authority = self._read(self.certificate), self._read(self.ca)
            fault = judge_certificate(chain, authority, host, now)
            if fault:
                hint = "deployer docs flavours/tls says what a node's certificate has to be"
                raise ConfigError(f"cluster.pki.certificate {self.certificate}: {fault.words}", hint=hint)
            if complaint := check_key(chain, self.key):
                raise ConfigError(f"cluster.pki.key: {complaint}")
            return Identity(chain, key_anew(self.key), authority)

    ours = identity

    def variables(self, host: str, now: datetime) -> dict[str, Any]:
        """Return what templates see of a node's certificate."""
        made = self.identity(host, now)
        return {"certificate": made.chain, "key": made.key, "certificate_given": True, "renew": self.renew}

    def expiry_warning(self, host: str, now: datetime) -> str:
        """Return a warning when the certificate ends soon, which nobody but a person can fix; else nothing."""
        from deployer.beam.certificates import judge_certificate

        fault = judge_certificate(self._read(self.certificate), self._read(self.ca), host, now, self.renew)
        if not (fault and fault.expiring_soon):
            return ""
        return f"cluster.pki.certificate {self.certificate} {fault.words}: put a new one in its place, and deploy"

    def trust_anchors(self, now: datetime) -> str:
        """Return the certificates that nodes trust."""
        del now
        return self._read(self.ca)

    def _read(self, path: Path) -> str:
        """Return the certificates of a file. What is judged is what is shipped: whatever else it holds stays here."""
        with At(self.where):
            from deployer.beam.certificates import certificates_anew

            try:
                return certificates_anew(read_regular(path).decode("ascii"))
            except OSError as error:
                raise ConfigError(f"cluster.pki: {path}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise ConfigError(f"cluster.pki: {path} is not PEM") from None


Pki = ManagedCA | ProvidedCerts


def authorities(path: Path, word: str) -> str:
    """Return the certificates of a PEM file, written anew.

    Raises:
        ConfigError: it cannot be read, or holds none; the message begins with ``word``.
    """
    from deployer.beam.certificates import certificates_anew

    try:
        held = certificates_anew(read_regular(path).decode("ascii", "replace"))
    except OSError as error:
        raise ConfigError(f"{word} {path}: {error.strerror}") from None
    if not held:
        raise ConfigError(f"{word} {path} holds no certificate", hint="write the path of a PEM file")
    return held


def establish(kept: ManagedCA, now: datetime) -> bool:
    """Make a cluster's authority, and return whether there was none; one that is there is opened and never replaced.

    Raises:
        ConfigError: the one that is there cannot be opened, the passphrase is weak, or it cannot be written.
    """
    with At(kept.where):
        from deployer.beam.authority import Authority

        if kept.file.exists():
            kept.authority(now)
            return False
        made = Authority.make(kept.cluster, now)
        try:
            _write(kept, made.pem + made.sealed(kept.passphrase))
        except ConfigError as error:
            raise ConfigError(error.message, hint=error.hint) from None
        except OSError as error:
            raise ConfigError(f"{kept.file}: {error.strerror}") from None
        return True


def _write(kept: ManagedCA, text: str) -> None:
    """Write it beside and link it into place: where another run was quicker, that fails; a rename would replace it."""
    kept.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = kept.directory / f".authority.{secrets.token_hex(4)}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        kept.file.hardlink_to(beside)
    finally:
        beside.unlink()


@lru_cache(maxsize=64)
def _opened(path: Path, _mtime_ns: int, _size: int, passphrase: Secret) -> Authority:
    """A fleet of many nodes opens its authority once; a file that changed is another key."""
    from deployer.beam.authority import Authority

    text = read_regular(path).decode("ascii", errors="replace")
    at = text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    return Authority.unseal(text[:at], text[max(at, 0) :], passphrase)


@lru_cache(maxsize=64)
def _for_a_run(authority: Authority, now: datetime) -> Identity:
    return authority.issue(_OURS, 1, now)

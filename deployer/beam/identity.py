"""What one side of a TLS connection is. Apart from `certificates`, whose library is loaded only where TLS is spoken."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.model import Secret


@dataclass(frozen=True, slots=True)
class Identity:
    """What one side of a TLS connection shows, and whom it trusts.

    Attributes:
        chain: its certificate, then those between it and the authority; PEM.
        key: the certificate's private key; PEM, PKCS#8, not encrypted.
        authority: certificates of the authorities it trusts; PEM.
    """

    chain: str
    key: Secret
    authority: str

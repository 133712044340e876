"""Ansible Vault 1.1 and 1.2, readable by and written for the ``ansible-vault`` program.

Format (``parsing/vault`` of ansible-core): a header line, ``$ANSIBLE_VAULT;1.1;AES256`` or with a vault id
``$ANSIBLE_VAULT;1.2;AES256;ID``, then, hex-encoded in lines of 80 characters, three hex strings joined by newlines: 32
bytes of salt, an HMAC-SHA256 of the ciphertext, the ciphertext. PBKDF2-HMAC-SHA256 with 10 000 iterations gives 80
bytes: the AES-256 key, the HMAC key, the counter's first block. Header and id are not authenticated, so they decide
nothing but which password comes first.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from deployer.errors import SecretError
from deployer.model import Secret

MAX_TEXT = 8 * 1024 * 1024
"""Characters of the largest vault that is read (2 MiB of content)."""

_HEADER = re.compile(r"\$ANSIBLE_VAULT;(?:1\.1;AES256|1\.2;AES256;([A-Za-z0-9_.@-]{1,255}))")
_ITERATIONS = 10_000
_COLUMNS = 80
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class VaultPassword:
    """One password and the vault id it belongs to; the id is ``default`` when none was given."""

    vault_id: str
    secret: Secret


def is_encrypted(text: str) -> bool:
    """Return whether text begins like a vault, of whatever version."""
    return text.startswith("$ANSIBLE_VAULT;")


def decrypt(text: str, passwords: Sequence[VaultPassword]) -> bytes:
    """Return what a vault holds. The password with the vault's own id is tried first, then all others, as Ansible does.

    Raises:
        SecretError: always the same words for a wrong password and for damaged data; nothing of the content.
    """
    header, _, body = text.strip().partition("\n")
    match = _HEADER.fullmatch(header.rstrip())
    if not match:
        raise SecretError(
            "is not a vault format that deployer can read", hint="supported: Ansible Vault 1.1 and 1.2, AES256"
        )
    if not passwords:
        hint = "give --vault-password-file, --vault-id or --ask-vault-pass"
        raise SecretError("is encrypted, and no vault password was given", hint=hint)
    parts = _parts(body) if len(text) <= MAX_TEXT else None
    if parts:
        for password in sorted(passwords, key=lambda one: one.vault_id != (match[1] or one.vault_id)):
            plain = _open(*parts, password.secret)
            if plain is not None:
                return plain
    raise SecretError("cannot be decrypted: no given vault password fits, or the file is damaged")


def encrypt(data: bytes, password: Secret, vault_id: str = "") -> str:
    """Return a vault, 1.2 when it has an id other than ``default``, ending in a newline.

    Raises:
        SecretError: the password is empty, or the id cannot stand in a header.
    """
    header = f"$ANSIBLE_VAULT;1.2;AES256;{vault_id}" if vault_id not in ("", "default") else "$ANSIBLE_VAULT;1.1;AES256"
    if not _HEADER.fullmatch(header):
        raise SecretError("this cannot be a vault id", hint="letters, digits, - _ . @")
    if not password.reveal():
        raise SecretError("the vault password is empty")
    salt = secrets.token_bytes(32)
    key, mac_key, counter = _keys(password, salt)
    padding = _BLOCK - len(data) % _BLOCK
    ciphertext = _aes_ctr(key, counter, data + bytes([padding]) * padding)
    mac = hmac.digest(mac_key, ciphertext, "sha256")
    body = b"\n".join(part.hex().encode() for part in (salt, mac, ciphertext)).hex()
    lines = [body[i : i + _COLUMNS] for i in range(0, len(body), _COLUMNS)]
    return "\n".join([header, *lines]) + "\n"


def _parts(body: str) -> tuple[bytes, bytes, bytes] | None:
    try:
        inner = binascii.unhexlify("".join(body.split()))
        salt, mac, ciphertext = (binascii.unhexlify(part) for part in inner.split(b"\n"))
    except (ValueError, binascii.Error):
        return None
    return salt, mac, ciphertext


def _open(salt: bytes, mac: bytes, ciphertext: bytes, password: Secret) -> bytes | None:
    key, mac_key, counter = _keys(password, salt)
    if not hmac.compare_digest(mac, hmac.digest(mac_key, ciphertext, "sha256")):
        return None
    padded = _aes_ctr(key, counter, ciphertext)
    count = padded[-1] if padded else 0
    if not 1 <= count <= _BLOCK or len(padded) % _BLOCK or padded[-count:] != bytes([count]) * count:
        return None
    return padded[:-count]


def _keys(password: Secret, salt: bytes) -> tuple[bytes, bytes, bytes]:
    derived = hashlib.pbkdf2_hmac("sha256", password.reveal().encode(), salt, _ITERATIONS, 80)
    return derived[:32], derived[32:64], derived[64:]


def _aes_ctr(key: bytes, counter: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    cipher = Cipher(AES(key), CTR(counter)).encryptor()
    return cipher.update(data) + cipher.finalize()

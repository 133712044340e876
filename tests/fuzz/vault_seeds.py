"""Sound Ansible Vault texts to damage, written from the format's description and not by our own vault."""

from __future__ import annotations

import hashlib
import hmac

PASSWORD = "only for the fuzz"


def vault_seeds() -> list[bytes]:
    contents = (b"x", b"cookie: abc\n" * 3, bytes(range(256)))
    return [vault_text(content, head) for content in contents for head in ("1.1;AES256", "1.2;AES256;prod")]


def vault_text(content: bytes, head: str) -> bytes:
    """Vault 1.1 and 1.2: PBKDF2-SHA256 of 10000 rounds, AES-256-CTR with PKCS#7 padding, HMAC-SHA256, hex twice."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt = hashlib.sha256(content).digest()
    keys = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 10_000, 80)
    pad = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[64:])).encryptor()
    cipher = encryptor.update(content + bytes((pad,)) * pad) + encryptor.finalize()
    check = hmac.new(keys[32:64], cipher, hashlib.sha256).hexdigest()
    body = "\n".join((salt.hex(), check, cipher.hex())).encode().hex()
    lines = [body[at : at + 80] for at in range(0, len(body), 80)]
    return "\n".join((f"$ANSIBLE_VAULT;{head}", *lines, "")).encode()

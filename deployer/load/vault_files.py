"""What ``deployer vault`` does to files; plaintext touches no disk: it is edited in memory-backed storage only."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployer.errors import At, SecretError
from deployer.load import vault
from deployer.load.secrets import Vaults
from deployer.load.vault import VaultPassword
from deployer.model import Secret
from deployer.regular import read_regular

_LIMIT = 2 * 1024 * 1024


def encrypt_file(path: Path, password: VaultPassword) -> None:
    """Encrypt a file in place; its permissions stay.

    Raises:
        SecretError: it is encrypted already, cannot be read or cannot be written.
    """
    with At(path):
        data = _read(path)
        if vault.is_encrypted(data[:64].decode("ascii", "replace")):
            raise SecretError("is encrypted already")
        _replace(path, _encrypted(data, password))


def decrypt_file(path: Path, vaults: Vaults) -> None:
    """Write a vault's content in its place; its permissions stay.

    Raises:
        SecretError: no password fits, or it cannot be written.
    """
    _replace(path, view(path, vaults))


def view(path: Path, vaults: Vaults) -> bytes:
    """Return what an encrypted file holds.

    Raises:
        SecretError: no password fits.
    """
    return vaults.decrypt(_read(path).decode("ascii", "replace"), path)


def rekey(path: Path, vaults: Vaults, password: VaultPassword) -> None:
    """Encrypt a file anew with another password; the plaintext stays in memory.

    Raises:
        SecretError: no old password fits, or it cannot be written.
    """
    _replace(path, _encrypted(view(path, vaults), password))


def edit(path: Path, vaults: Vaults, environ: Mapping[str, str] = os.environ) -> bool:
    """Open a vault in ``$EDITOR`` and encrypt what comes back with the password that opened it.

    The plaintext lies in a file of mode 0600 in a directory of mode 0700 on a file system in memory, and is removed
    whatever happens.

    Returns:
        Whether anything was changed.

    Raises:
        SecretError: no password fits, there is no file system in memory, or the editor failed.
    """
    with At(path):
        text = _read(path).decode("ascii", "replace")
        before = vaults.decrypt(text, path)
        password = next(one for one in vaults.passwords if _opens(text, one))
        with _in_memory(environ) as directory:
            draft = directory / (path.name if path.suffix else f"{path.name}.yml")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor
                file.write(before)
            command = [*shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "vi"), str(draft)]
            try:
                status = subprocess.run(command, check=False).returncode
            except OSError as error:
                raise SecretError(
                    f"the editor {command[0]} cannot be run: {error.strerror}", hint="set EDITOR"
                ) from None
            if status:
                raise SecretError(f"the editor {command[0]} failed with status {status}; nothing was changed")
            after = draft.read_bytes()
        if after == before:
            return False
        _replace(path, _encrypted(after, password))
        return True


def encrypt_string(text: Secret, password: VaultPassword, name: str = "") -> str:
    """Return YAML that gives a variable an encrypted value, to be pasted into a file of variables.

    Args:
        text: the value.
        password: encrypts it.
        name: the variable; without one only the value is given.
    """
    body = vault.encrypt(text.reveal().encode(), password.secret, password.vault_id)
    head = f"{name}: !vault |" if name else "!vault |"
    return "\n".join([head, *(f"          {line}" for line in body.splitlines())]) + "\n"


def _opens(text: str, password: VaultPassword) -> bool:
    try:
        vault.decrypt(text, [password])
    except SecretError:
        return False
    return True


def _encrypted(data: bytes, password: VaultPassword) -> bytes:
    return vault.encrypt(data, password.secret, password.vault_id).encode()


def _read(path: Path) -> bytes:
    with At(path):
        try:
            if path.stat().st_size > vault.MAX_TEXT:
                raise SecretError("is too large for a vault")
            return read_regular(path)
        except OSError as error:
            raise SecretError(f"cannot be read: {error.strerror}") from None


def _replace(path: Path, data: bytes) -> None:
    """Write a file beside, synced, then rename it over the old one; a symbolic link stays one."""
    with At(path):
        target = path.resolve()
        if len(data) > vault.MAX_TEXT:
            raise SecretError(f"a vault holds at most {_LIMIT} bytes")
        try:
            mode = target.stat().st_mode & 0o7777
            descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).chmod(mode)
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise SecretError(f"cannot be written: {error.strerror}") from None


@contextmanager
def _in_memory(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield a directory of mode 0700 on a file system in memory."""
    places = [Path(place) for place in (environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm") if place]  # noqa: S108
    fitting = [place for place in places if place.is_dir() and os.access(place, os.W_OK) and _is_in_memory(place)]
    if not fitting:
        hint = "mount one at /dev/shm, or use deployer vault view and deployer vault encrypt_string"
        raise SecretError("there is no file system in memory to edit in", hint=hint)
    with tempfile.TemporaryDirectory(prefix="deployer-vault-", dir=fitting[0]) as directory:
        yield Path(directory)


def _is_in_memory(place: Path) -> bool:
    if sys.platform != "linux":
        return False
    found, longest = "", -1
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, kind, *_ = line.split()
        if place.resolve().is_relative_to(mount) and len(mount) >= longest:
            found, longest = kind, len(mount)
    return found in ("tmpfs", "ramfs")

"""Reads secrets from vaults, environment variables, files and programs, once, when a host needs them."""

from __future__ import annotations

import codecs
import errno
import os
import select
import subprocess
import time
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from deployer.errors import At, ConfigError, SecretError
from deployer.fields import describe, kind
from deployer.load import vault
from deployer.load.marked import Encrypted, mark_of, placed_as
from deployer.load.secret_types import holds_secret
from deployer.model import Secret
from deployer.regular import open_regular

SOURCES = ("env", "file", "command")
_LIMIT = 1024 * 1024
_TIMEOUT = 30.0

Ask = Callable[[str], str]


class Vaults:
    """The vault passwords of a run, each read when the first encrypted value needs it.

    Args:
        passwords: functions that return a password: see `password_file` and `vault_id`.
    """

    def __init__(self, passwords: Sequence[Callable[[], vault.VaultPassword]] = ()) -> None:
        self._makers = tuple(passwords)
        self._passwords: tuple[vault.VaultPassword, ...] | None = None
        self._opened: dict[str, bytes] = {}

    @classmethod
    def of(cls, *passwords: vault.VaultPassword) -> Vaults:
        """Return vaults with known passwords."""
        return cls([lambda one=one: one for one in passwords])  # type: ignore[misc]

    def __bool__(self) -> bool:
        """Return whether any password was given."""
        return bool(self._makers)

    @property
    def passwords(self) -> tuple[vault.VaultPassword, ...]:
        """All passwords; the first use reads files, runs programs and asks the user."""
        if self._passwords is None:
            self._passwords = tuple(make() for make in self._makers)
        return self._passwords

    def decrypt(self, text: str, where: object = "") -> bytes:
        """Return the decrypted content of a vault; the same text is decrypted only once.

        Raises:
            SecretError: see `deployer.load.vault.decrypt`.
        """
        if text not in self._opened:
            passwords = self.passwords
            with At(where):
                self._opened[text] = vault.decrypt(text, passwords)
        return self._opened[text]

    def reveal(self, value: Encrypted, name: str) -> Secret:
        """Return a ``!vault`` value as a secret called ``name``."""
        with At(value.mark):
            try:
                return Secret(self.decrypt(value.text, value.mark).decode(), name)
            except UnicodeDecodeError:
                raise SecretError(f"{name} is not text once decrypted") from None


def password_file(path: Path, vault_id: str = "default") -> Callable[[], vault.VaultPassword]:
    """Return a reader of a vault password: a file, or a program that prints it.

    A program whose name ends in ``-client`` (before its extension) gets ``--vault-id ID``, as in Ansible.
    """

    def make() -> vault.VaultPassword:
        with At(path):
            try:
                runs = path.is_file() and os.access(path, os.X_OK)
            except OSError:
                runs = False
            if runs:
                more = ["--vault-id", vault_id] if path.stem.endswith("-client") else []
                text = _run([str(path.absolute()), *more], "the vault password")
            else:
                text = _read(path, "the vault password")
                if text.startswith("#!"):
                    problem = "this program for the vault password is not executable"
                    raise SecretError(problem, hint=f"chmod +x {path}")
            if not text.strip():
                raise SecretError("the vault password is empty")
            return vault.VaultPassword(vault_id, Secret(text.strip(), "vault password"))

    return make


def vault_id(word: str, ask: Ask) -> Callable[[], vault.VaultPassword]:
    """Return the reader for ``--vault-id LABEL@SOURCE``; the source is a file, a program or ``prompt``."""
    label, at, place = word.rpartition("@")
    label = label or "default"
    if not at or place not in ("prompt", "prompt_ask_vault_pass"):
        return password_file(Path(place), label)
    return lambda: vault.VaultPassword(label, Secret(ask(f"Vault password ({label}): "), "vault password"))


def ask_vault_pass(ask: Ask) -> Callable[[], vault.VaultPassword]:
    """Return the reader for ``--ask-vault-pass``."""
    return lambda: vault.VaultPassword("default", Secret(ask("Vault password: "), "vault password"))


def is_source(value: object) -> bool:
    """Return whether a value is a source of a secret (``{env: …}`` …) written in a file; values of hosts are data."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in SOURCES and bool(mark_of(value).file)


def read_secret(value: Any, name: str, base: Path, vaults: Vaults) -> Secret:
    """Return the secret that a value contains or names.

    Args:
        value: text, a `Secret`, an encrypted value, or a source.
        name: the name of the secret in messages.
        base: the directory for a relative ``file``.
        vaults: decrypts ``!vault`` values.

    Raises:
        SecretError: it cannot be read; the message has nothing of its content.
    """
    with At(mark_of(value)):
        if isinstance(value, Secret):
            return value
        if isinstance(value, Encrypted):
            return vaults.reveal(value, name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return Secret(str(value), name)
        if not is_source(value):
            hint = "write text, !vault, {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}"
            raise ConfigError(f"{name} cannot be {kind(value)}", hint=hint)
        ((source, argument),) = value.items()
        return Secret(_from(source, argument, name, base), name)


def fill(hint: Any, value: Any, name: str, read: Callable[[Any, str], Secret]) -> Any:
    """Return ``value`` with every source replaced by its secret, wherever the type ``hint`` expects a secret.

    Args:
        hint: a type as `deployer.fields` understands it.
        value: templated, not yet validated.
        name: the name of the value.
        read: reads one source; see `read_secret`.
    """
    if not holds_secret(hint):
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return fill(args[0], value, name, read)
    if hint is Secret or (origin in (Union, types.UnionType) and Secret in args):
        return read(value, name) if is_source(value) else value
    if origin in (Union, types.UnionType):
        for option in args:
            value = fill(option, value, name, read)
        return value
    if isinstance(value, Mapping) and isinstance(hint, type) and is_dataclass(hint):
        hints = {field.name: field.type for field in describe(hint)}
        items = {key: fill(hints.get(key), item, f"{name}.{key}".lstrip("."), read) for key, item in value.items()}
        return placed_as(value, items)
    if isinstance(value, Mapping) and isinstance(origin, type) and issubclass(origin, Mapping):
        return placed_as(value, {key: fill(args[1], item, f"{name}.{key}", read) for key, item in value.items()})
    if isinstance(value, list) and origin is tuple and args[0] is not str:
        return [fill(args[0], item, f"{name}[{i}]", read) for i, item in enumerate(value)]
    return value


def _from(source: str, argument: Any, name: str, base: Path) -> str:
    if source == "command":
        if not isinstance(argument, list) or not argument or not all(isinstance(word, str) for word in argument):
            hint = "write a list, because no shell runs it: command: [pass, show, shop]"
            raise ConfigError(f"{name}: command must be a list of words", hint=hint)
        return _run([str(word) for word in argument], name)
    if not isinstance(argument, str) or not argument:
        raise ConfigError(f"{name}: {source} must be text")
    if source == "env":
        if argument not in os.environ:
            raise SecretError(f"{name}: the environment variable {argument} is not set")
        return os.environ[argument]
    return _read(base / Path(argument).expanduser(), name)


def _read(path: Path, name: str) -> str:
    try:
        if str(path).startswith("/dev/fd/"):
            data = _piped(path, name)
        else:
            with open_regular(path) as file:
                data = file.read(_LIMIT + 1)
    except OSError as error:
        raise SecretError(f"{name}: {path} cannot be read: {error.strerror}") from None
    return _text(data, name)


def _piped(path: Path, name: str) -> bytes:
    """Return the output of the shell's ``<(PROGRAM)``, with the same timeout as for our own programs."""
    until, data = time.monotonic() + _TIMEOUT, b""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while len(data) <= _LIMIT:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                raise SecretError(f"{name}: {path} did not end within {_TIMEOUT:.0f} s")
            if not (more := os.read(descriptor, _LIMIT)):
                break
            data += more
    finally:
        os.close(descriptor)
    return data


def _run(argv: list[str], name: str) -> str:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise SecretError(f"{name}: {argv[0]} did not end within {_TIMEOUT:.0f} s") from None
    except OSError as error:
        plain = error.errno == errno.ENOEXEC
        hint = f"if the file contains the secret itself and is not a program: chmod -x {argv[0]}" if plain else ""
        raise SecretError(f"{name}: {argv[0]} cannot be run: {error.strerror}", hint=hint) from None
    if done.returncode:
        raise SecretError(f"{name}: {argv[0]} failed with status {done.returncode}")
    return _text(done.stdout, name)


def _text(data: bytes, name: str) -> str:
    if len(data) > _LIMIT:
        raise SecretError(f"{name} is larger than {_LIMIT} bytes")
    if data.startswith(codecs.BOM_UTF8):
        hint = "save the file as UTF-8 without a BOM, which would become part of the secret"
        raise SecretError(f"{name} begins with a byte order mark (BOM)", hint=hint)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError(f"{name} is not text") from None

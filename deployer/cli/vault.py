"""``vault``: files and strings encrypted as Ansible Vault does; no plaintext in argv, none on a disk."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Flag, Subcommand, err, out
from deployer.cli.flags import SOURCE_FLAGS, options
from deployer.errors import ConfigError
from deployer.model import Secret

if TYPE_CHECKING:
    from deployer.load.secrets import Vaults
    from deployer.load.vault import VaultPassword

_FILE = Flag("file", "the file", word=True)
_PASSWORDS = tuple(flag for flag in SOURCE_FLAGS if "vault" in flag.name)
_CHOICE = Flag("encrypt-vault-id", "encrypt with the password of this label, where several are given")
_NEW = (
    Flag("new-vault-password-file", "file with the new password, or program that prints it"),
    Flag("new-vault-id", "the new password with a label: LABEL@FILE or LABEL@prompt"),
)
_ASK = "give --vault-password-file, --vault-id or --ask-vault-pass"


def _encrypt(c: Context, *, file: str, encrypt_vault_id: str, **given: Any) -> None:
    """Encrypt a file in place."""
    del c
    from deployer.load import vault_files

    vault_files.encrypt_file(Path(file), _one(_given(given), encrypt_vault_id))
    err(f"{file} is encrypted")


def _decrypt(c: Context, *, file: str, **given: Any) -> None:
    """Decrypt a file in place."""
    del c
    from deployer.load import vault_files

    vault_files.decrypt_file(Path(file), _old(given))
    err(f"{file} is decrypted")


def _view(c: Context, *, file: str, **given: Any) -> None:
    """Print the content of an encrypted file."""
    del c
    from deployer.load import vault_files

    sys.stdout.buffer.write(vault_files.view(Path(file), _old(given)))
    sys.stdout.buffer.flush()


def _edit(c: Context, *, file: str, **given: Any) -> None:
    """Edit an encrypted file in $EDITOR, in memory only, and encrypt it again."""
    del c
    from deployer.load import vault_files

    changed = vault_files.edit(Path(file), _old(given))
    err(f"{file} is {'encrypted again' if changed else 'unchanged'}")


def _rekey(c: Context, *, file: str, new_vault_password_file: str, new_vault_id: str, **given: Any) -> None:
    """Encrypt a file again with another password."""
    del c
    from deployer.load import secrets, vault_files

    old = _old(given)
    if new_vault_password_file and new_vault_id:
        raise ConfigError("--new-vault-password-file and --new-vault-id exclude each other")
    if new_vault_password_file:
        new = secrets.password_file(Path(new_vault_password_file))()
    else:
        new = secrets.vault_id(new_vault_id, _ask_twice)() if new_vault_id else _asked("New vault password")
    vault_files.rekey(Path(file), old, new)
    err(f"{file} is encrypted with the new password")


def _encrypt_string(c: Context, *, text: str, name: str, encrypt_vault_id: str, **given: Any) -> None:
    """Encrypt standard input as a variable's value, without its final line break."""
    del c
    from deployer.load import vault_files

    if text:
        hint = "give it on standard input: deployer cookie generate | deployer vault encrypt_string --name cookie"
        raise ConfigError("a text on the command line is read by everybody on this machine", hint=hint)
    password = _one(_given(given), encrypt_vault_id)
    read = getpass.getpass("Text to encrypt: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    if not read:
        raise ConfigError("there is no text on standard input")
    out(vault_files.encrypt_string(Secret(read, name or "text"), password, name).rstrip("\n"))


def _given(given: dict[str, Any]) -> Vaults:
    return options({"playbook": "", **given}).vaults()


def _old(given: dict[str, Any]) -> Vaults:
    """Return the passwords that may open a vault; a person who gave none is asked."""
    if not any(given.values()) and sys.stdin.isatty():
        given["ask_vault_pass"] = True
    return _given(given)


def _one(vaults: Vaults, label: str) -> VaultPassword:
    """Return the password to encrypt with."""
    found: Sequence[VaultPassword] = [one for one in vaults.passwords if label in ("", one.vault_id)]
    if not found and not label:
        return _asked("New vault password")
    if len(found) != 1:
        wrong = f"there is no vault password labelled {label}" if label else "several vault passwords are given"
        raise ConfigError(wrong, hint="say which one encrypts: --encrypt-vault-id LABEL")
    return found[0]


def _asked(prompt: str) -> VaultPassword:
    from deployer.load.vault import VaultPassword

    return VaultPassword("default", Secret(_ask_twice(prompt), "vault password"))


def _ask_twice(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise ConfigError("there is no vault password to encrypt with", hint=_ASK)
    first = getpass.getpass(f"{prompt.rstrip(': ')}: ")
    if first != getpass.getpass("Once more: "):
        raise ConfigError("the two passwords differ")
    return first


COMMANDS = (
    Collection(
        "vault",
        Subcommand(_encrypt, (_FILE, *_PASSWORDS, _CHOICE)),
        Subcommand(_decrypt, (_FILE, *_PASSWORDS)),
        Subcommand(_view, (_FILE, *_PASSWORDS)),
        Subcommand(_edit, (_FILE, *_PASSWORDS)),
        Subcommand(_rekey, (_FILE, *_PASSWORDS, *_NEW)),
        Subcommand(
            _encrypt_string,
            (Flag("name", "the variable's name"), Flag("text", "refused: others could read it"), *_PASSWORDS, _CHOICE),
        ),
    ),
)

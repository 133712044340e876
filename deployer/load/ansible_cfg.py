"""Reads from ``ansible.cfg`` the settings about inventories, roles, logins and passwords; the rest is ignored."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import ConfigError
from deployer.load import yaml
from deployer.syntax import truth

UNCHECKED = (
    "{file} says host_key_checking = False: host keys are checked all the same; --accept-new-host-keys trusts hosts"
    " that known_hosts does not know, a changed key is never trusted"
)
_WRITABLE = (
    "{file} is left alone, as Ansible does: everybody can write into its directory; ANSIBLE_CONFIG={file} takes it"
)


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings of the first ``ansible.cfg`` that is found; its relative paths start at its directory.

    Attributes:
        notes: notes about it for the user.
    """

    inventory: tuple[str, ...] = ()
    roles_path: tuple[Path, ...] = ()
    remote_user: str = ""
    private_key_file: str = ""
    vault_password_file: str = ""
    forks: int = 0
    notes: tuple[str, ...] = ()


def configured(environ: Mapping[str, str] | None = None) -> Configured:
    """Return the settings of ``ansible.cfg``: from ANSIBLE_CONFIG, the working directory, the home or /etc/ansible.

    Args:
        environ: the environment; default: this process's.

    Raises:
        ConfigError: it cannot be read, or a value of it is wrong.
    """
    env = os.environ if environ is None else environ
    here, notes = Path("ansible.cfg"), []
    if env.get("ANSIBLE_CONFIG"):
        named = Path(env["ANSIBLE_CONFIG"]).expanduser()
        files = [named / "ansible.cfg" if named.is_dir() else named]
    else:
        files = [here, Path(env.get("HOME", "/nonexistent")) / ".ansible.cfg", Path("/etc/ansible/ansible.cfg")]
    if files[0] is here and here.is_file() and Path().stat().st_mode & stat.S_IWOTH:
        notes.append(_WRITABLE.format(file=here.resolve()))
        files = files[1:]
    file = next((file for file in files if file.is_file()), None)
    return Configured(notes=tuple(notes)) if file is None else _read(file, notes)


def _read(file: Path, notes: list[str]) -> Configured:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False, inline_comment_prefixes=(";",))
    try:
        parser.read_string(yaml.source(file), str(file))
    except configparser.Error as error:
        problem = str(error).splitlines()[0]
        raise ConfigError(f"is no ansible.cfg: {problem}", where=file, hint="[defaults], then NAME = VALUE") from None
    given = {name: value.strip() for name, value in parser.items("defaults")} if "defaults" in parser else {}
    checking = given.get("host_key_checking", "")
    if checking and (truth(checking.lower()) is False or checking == "0"):
        notes.append(UNCHECKED.format(file=file))
    forks = given.get("forks", "0") or "0"
    if not forks.isdecimal() or int(forks) > 10_000:
        raise ConfigError(f"forks is {forks!r}", where=file, hint="a whole number")
    return Configured(
        inventory=tuple(_path(word, file) for word in given.get("inventory", "").split(",") if word.strip()),
        roles_path=tuple(Path(_path(word, file)) for word in given.get("roles_path", "").split(":") if word.strip()),
        remote_user=given.get("remote_user", ""),
        private_key_file=_path(given.get("private_key_file", ""), file),
        vault_password_file=_path(given.get("vault_password_file", ""), file),
        forks=int(forks),
        notes=tuple(notes),
    )


def _path(word: str, file: Path) -> str:
    """Return a path in the file: environment variables are expanded, and it is relative to the file's directory."""
    if not word.strip():
        return ""
    found = Path(os.path.expandvars(word.strip())).expanduser()
    return str(found if found.is_absolute() else file.parent / found)

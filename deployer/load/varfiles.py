"""Files of variables, also encrypted ones: ``group_vars/``, ``host_vars/``, ``vars_files``, those of roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.load import vault, yaml
from deployer.load.keywords import mapping
from deployer.load.marked import Encrypted, Map, Seq
from deployer.load.secrets import Vaults
from deployer.model import Mark, Secret
from deployer.syntax import VARIABLE

_SUFFIXES = (".yml", ".yaml", ".json")


def read_vars(path: Path, vaults: Vaults | None) -> Map:
    """Return the variables of one file.

    Every value of a file that is encrypted as a whole is a secret and is never templated; keep what is not secret in a
    plain file beside it.

    Args:
        path: the file.
        vaults: opens encrypted files; None leaves their variables out (``inventory --list`` asks for no password).

    Raises:
        ConfigError: it is not YAML, not a mapping, or has a name no variable can have.
        SecretError: it cannot be decrypted.
    """
    text = yaml.source(path)
    if not vault.is_encrypted(text):
        return variables(
            yaml.parse(yaml.json_as_yaml(text) if path.suffix == ".json" else text, str(path)), Mark(str(path))
        )
    if vaults is None:
        return Map(mark=Mark(str(path)))
    try:
        plain = vaults.decrypt(text, path).decode()
    except UnicodeDecodeError:
        plain = "\0"
    try:
        found = variables(yaml.parse(plain, str(path)), Mark(str(path)))
    except ConfigError as error:  # its message may quote what was encrypted
        hint = "deployer vault view shows the file"
        raise ConfigError(
            "what was encrypted here is not a mapping of variables", where=error.where, hint=hint
        ) from None
    sealed: Map = _sealed(found, path.name)
    return sealed


def variables(value: Any, where: Mark) -> Map:
    """Return a mapping of variables as read from YAML; nothing at all counts as an empty one.

    Raises:
        ConfigError: it is not a mapping, or a name is not letters, digits and underscores.
    """
    if value is None:
        return Map(mark=where)
    found = mapping(value, "variables", where, "write NAME: VALUE lines")
    for name in found:
        if not VARIABLE.fullmatch(name):
            hint = "use letters, digits and underscores, and do not start with a digit"
            raise ConfigError(f"{name!r} cannot be the name of a variable", where=found.at(name), hint=hint)
    return found


class VarFiles:
    """``group_vars/`` and ``host_vars/`` folders; every file is read once, however many hosts it serves."""

    def __init__(self, vaults: Vaults | None) -> None:
        self._vaults = vaults
        self._found: dict[tuple[Path, str], dict[str, list[Path]]] = {}
        self._read: dict[Path, Map] = {}

    def of(self, directory: Path, folder: str, name: str) -> list[Map]:
        """Return the variables in ``FOLDER/NAME.yml``, ``.yaml``, ``.json``, bare, and in all of ``FOLDER/NAME/``."""
        if (directory, folder) not in self._found:
            self._found[directory, folder] = _entries(directory / folder)
        found = []
        for path in self._found[directory, folder].get(name, ()):
            if path not in self._read:
                self._read[path] = read_vars(path, self._vaults)
            found.append(self._read[path])
        return found


def _entries(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each name in a folder of variables; directories stand for all files in them."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            found.setdefault(path.name, []).extend(file for file in sorted(path.rglob("*")) if _is_vars(file))
        elif path.exists() and path.name[0] != "." and path.name[-1] != "~":  # web1.example.com is a host's name
            name = path.stem if path.suffix in _SUFFIXES else path.name
            found.setdefault(name, []).append(path)
    return found


def _is_vars(path: Path) -> bool:
    # What is no file is refused by whoever reads it, with its name.
    return (
        path.exists()
        and not path.is_dir()
        and path.suffix in (*_SUFFIXES, "")
        and path.name[0] != "."
        and path.name[-1] != "~"
    )


def _sealed(value: Any, name: str) -> Any:
    if isinstance(value, Map):
        return Map({key: _sealed(item, key) for key, item in value.items()}, value.mark, value.marks)
    if isinstance(value, Seq):
        return Seq((_sealed(item, f"{name}[{i}]") for i, item in enumerate(value)), value.mark)
    if value is None or isinstance(value, bool | Encrypted):
        return value
    return Secret(str(value), name)

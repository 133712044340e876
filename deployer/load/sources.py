"""Files on the controller that tasks name: looked up as Ansible does, read and hashed once for all hosts."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deployer.errors import At, ConfigError
from deployer.load import vault
from deployer.load.secrets import Vaults
from deployer.load.template import Variables
from deployer.model import Blob, Mark, Secret, Task
from deployer.regular import open_regular, read_regular

if TYPE_CHECKING:
    from deployer.load.dialect import Dialect

SMALL = 1024 * 1024
"""Bytes up to which a file is held in memory; larger ones are streamed from disk."""


def at_home(name: str) -> Path:
    """Return a path with somebody's home for ``~``; where there is nobody of the name it stays, as in a shell."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path's own raises then


class _Version(NamedTuple):
    """What a file's content is kept by: written anew meanwhile, by a task on this machine, it is another one.

    Its time of modification does not tell: cp -p, rsync and tar write that themselves.
    """

    path: Path
    inode: int
    changed: int
    size: int


@dataclass(slots=True)
class Sources:
    """The files of one play."""

    directory: Path
    vaults: Vaults
    _blobs: dict[_Version, Blob] = field(default_factory=dict)
    _texts: dict[_Version, str | Secret] = field(default_factory=dict)
    _tried: dict[tuple[str, str, Path | None, str, str], tuple[Path, ...]] = field(default_factory=dict)

    def find(self, name: str, folder: str, task: Task, where: Mark) -> Path:
        """Return the file that a task means.

        Searched in ``FOLDER/`` and the top of the role, of the task file's directory, then of the playbook's; a tarball
        in the directory of the file that names it, the playbook's and the working directory. An absolute path is
        itself.

        Raises:
            ConfigError: it is nowhere, or is a directory.
        """
        with At(where):
            key = name, folder, task.role_path, task.mark.file, where.file
            tried = self._tried.get(key) or self._tried.setdefault(key, self._places(*key[:2], task, where))
            for path in tried:
                if path.is_file():
                    return path
                if path.is_dir():
                    hint = "name the files under loop:"
                    raise ConfigError(f"{path} is a directory", hint=hint)
            searched = "\n  ".join(str(path) for path in tried)
            raise ConfigError(f"there is no file {name!r}", hint=f"searched:\n  {searched}")

    def _places(self, name: str, folder: str, task: Task, where: Mark) -> tuple[Path, ...]:
        given = at_home(name)
        if given.is_absolute():
            return (given,)
        own = [Path(where.file).parent, self.directory, Path()]
        places = own if folder == "tarball" else self.places(folder, task)
        return tuple(place / given for place in dict.fromkeys(places))

    def places(self, folder: str, task: Task) -> list[Path]:
        """Return where a task's files are looked for: ``FOLDER/`` and the top of its role, its file, the playbook."""
        roots = task.role_path, Path(task.mark.file).absolute().parent, self.directory
        return list(dict.fromkeys(place for root in roots if root for place in (root / folder, root)))

    def blob(self, path: Path) -> Blob:
        """Return a file's content; an encrypted file's is a secret.

        Raises:
            ConfigError: it cannot be read.
            SecretError: it cannot be decrypted.
        """
        with At(path):
            try:
                key = _version(path)
                if key not in self._blobs:
                    self._blobs[key] = self._small(path) if key.size <= SMALL else _large(path)
                return self._blobs[key]
            except OSError as error:
                raise ConfigError(f"cannot be read: {error.strerror}") from None

    def rendered(self, path: Path, variables: Variables, said: Dialect = ()) -> Blob:
        """Return a template rendered, read as ``said``; a secret in it makes all of it a secret.

        Raises:
            ConfigError: it is not UTF-8, or the template is wrong; with the template's own line.
        """
        with At(path):
            try:
                key = _version(path)
                if key not in self._texts:
                    self._texts[key] = self._opened(read_regular(path).decode(), path)
                text = self._texts[key]
            except OSError as error:
                raise ConfigError(f"cannot be read: {error.strerror}") from None
            except UnicodeDecodeError:
                raise ConfigError("is not UTF-8; use copy for what is not text") from None
            if isinstance(text, Secret):
                raise ConfigError("is encrypted; encrypt the values it uses, not the template")
            return Blob.of(variables.render_file(text, str(path), path.name, said))

    def _small(self, path: Path) -> Blob:
        data = read_regular(path)
        if not data.startswith(b"$ANSIBLE_VAULT;"):
            return Blob.of(data)
        return Blob.of(self._opened(data.decode("ascii", "replace"), path))

    def _opened(self, text: str, path: Path) -> str | Secret:
        with At(path):
            if not vault.is_encrypted(text):
                return text
            try:
                return Secret(self.vaults.decrypt(text, path).decode(), path.name)
            except UnicodeDecodeError:
                raise ConfigError("holds no text once decrypted") from None


def _version(path: Path) -> _Version:
    stat = path.stat()
    return _Version(path, stat.st_ino, stat.st_ctime_ns, stat.st_size)


def _large(path: Path) -> Blob:
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return Blob(None, path, file.tell(), digest.hexdigest())

"""Other spellings of arguments: older values of ``state``, slashes at the ends of paths, lists as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import kind
from deployer.load.marked import Encrypted, Text
from deployer.load.results import Foreseen
from deployer.load.secrets import is_source
from deployer.model import Secret

_INSTALLED = {"installed": "present", "removed": "absent"}
_STATES: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("apt", "package"), _INSTALLED),
    "systemd": {"running": "started"},
}
_INTO = {"copy": "src", "template": "src"}
"""Modules whose ``dest`` may be a directory, and the argument whose last part is the file's name there."""
_PAIRS = {"rabbitmq_policy": ("tags",)}
"""Mappings that may be written as text, ``KEY=VALUE,KEY=VALUE``."""
_LISTS: Mapping[str, tuple[str, ...]] = {
    "uri": ("status_code",),
    "user": ("groups",),
    **dict.fromkeys(("apt", "package"), ("name", "pkg", "package")),
}
"""Lists that may be written as text with commas between."""
_PATHS = ("path", "dest", "chdir")
_FOLDERS = ("unarchive", "get_url")
"""Modules for which a slash at the end of ``dest`` has a meaning."""


def spelled(module: str, key: str, value: Any, args: Mapping[str, Any]) -> Any:
    """Return an argument in the spelling of its module; other values stay as they are, for the module to check.

    Args:
        module: its short name.
        key: the argument.
        value: as written, rendered or not.
        args: all arguments of the task.
    """
    if module == "copy" and key == "content" and isinstance(value, Mapping | list) and not is_source(value):
        return _json(value)
    if not isinstance(value, str):
        return value
    if (module, key) == ("user", "groups") and not value.strip():  # what join(',') makes of no groups
        return []
    if key in _LISTS.get(module, ()) and "," in value and "{" not in value:
        return [_same_place(value, name.strip()) for name in value.split(",") if name.strip()]
    if key == "state":
        return _same_place(value, _STATES.get(module, {}).get(value, value))
    if key in _PAIRS.get(module, ()) and "=" in value and not value.lstrip().startswith("{"):
        words = (word for word in re.split(r"[,\s]+", value) if word)
        return {name: said for name, _, said in (word.partition("=") for word in words)}
    if key not in _PATHS or not value.startswith("/") or value == "/" or (key == "dest" and module in _FOLDERS):
        return value
    path = re.sub("/{2,}", "/", value)
    if not path.endswith("/"):
        return _same_place(value, path)
    source = args.get(_INTO.get(module, "")) if key == "dest" else None
    name = _file_name(source)
    return _same_place(value, path + name if name else path.rstrip("/"))


def _json(value: Any) -> str | Secret:
    """Return a mapping or a list as the text that copy writes; if it contains a secret, the whole text is a Secret."""
    secrets: list[Secret] = []

    def plain(inner: object) -> str:
        if isinstance(inner, Foreseen):
            inner.wait()
        if isinstance(inner, Encrypted):  # as written: it is decrypted when it is rendered
            return ""
        if not isinstance(inner, Secret):
            raise ConfigError(f"content holds {kind(inner)}")
        secrets.append(inner)
        return str(inner.reveal())

    text = json.dumps(value, default=plain)
    return Secret(text, "content") if secrets else text


def _file_name(source: Any) -> str:
    plain = isinstance(source, str) and "{{" not in source and not source.endswith("/")
    return PurePosixPath(source).name if plain else ""


def _same_place(written: str, said: str) -> str:
    return Text(said, written.mark) if isinstance(written, Text) and said != written else said

"""Inventories that programs print, and what ``ansible-inventory --list`` prints → groups as YAML would have them."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError
from deployer.fields import kind
from deployer.load import yaml
from deployer.load.keywords import mapping
from deployer.load.marked import Encrypted, Map, Seq, Text, mark_of
from deployer.model import Mark
from deployer.regular import open_regular

LIMITS = {"seconds": 60.0}
"""How long an inventory program may take for one answer."""
_WORDS = ("hosts", "vars", "children")
AskHost = Callable[[str], Map]
"""Gives the variables of a host, as ``--host`` does."""


def is_program(path: Path) -> bool:
    """Return whether an inventory file is one that is run: it begins as a program does, and may be executed.

    Raises:
        ConfigError: it begins with ``#!``, and may not be executed.
    """
    with At(path):
        try:
            with open_regular(path) as file:
                head = file.read(4)
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}") from None
        if not head.startswith((b"#!", b"\x7fELF")):
            return False
        if not os.access(path, os.X_OK):
            hint = f"chmod +x {path}, where it may be run; or save what it prints as JSON: {path.name} --list"
            raise ConfigError("is a program that is not executable", hint=hint)
        return True


def printed(path: Path, *words: str) -> Map:
    """Run an inventory program and return the mapping that it prints as JSON.

    It gets no input, and is killed with all it has started when its time is up.

    Raises:
        ConfigError: it cannot be run, fails, takes too long, prints too much or something else.
    """
    said = " ".join((path.name, *words))
    with At(path):
        data = _output(path, words, said)
        try:
            found = yaml.parse(yaml.json_as_yaml(data.decode()), str(path))
        except UnicodeDecodeError:
            found = None
        except ConfigError as error:
            raise ConfigError(f"{said} prints no JSON: {error.message}", where=error.where) from None
        if not isinstance(found, Map):
            raise ConfigError(f"{said} prints {'no text' if found is None else kind(found)}, not a mapping in JSON")
        return found


def _output(path: Path, words: tuple[str, ...], said: str) -> bytes:
    argv, late = [str(path.absolute()), *words], threading.Event()
    with tempfile.TemporaryFile() as told:
        try:
            program = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told, start_new_session=True
            )
        except OSError as error:
            raise ConfigError(f"cannot be run: {error.strerror}") from None

        def end() -> None:
            late.set()
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)

        timer = threading.Timer(LIMITS["seconds"], end)
        timer.start()
        try:
            with program.stdout or told as out:
                data = out.read(yaml.MAX_BYTES + 1)
                if len(data) > yaml.MAX_BYTES:
                    end()
            status = program.wait()
        except BaseException:  # Ctrl-C reaches only us: the program has a session of its own
            end()
            raise
        finally:
            timer.cancel()
        if len(data) > yaml.MAX_BYTES:
            raise ConfigError(f"{said} prints more than {yaml.MAX_BYTES} bytes")
        if late.is_set():
            raise ConfigError(f"{said} did not end within {LIMITS['seconds']:g} s")
        if status:
            told.seek(max(0, told.seek(0, os.SEEK_END) - 2000))
            last = told.read().decode(errors="replace").strip().splitlines()[-1:]
            raise ConfigError(f"{said} failed with status {status}", hint=last[0] if last else "it says nothing")
        return data


def listed_groups(content: Map, ask: AskHost | None = None) -> dict[str, Map]:
    """Return the groups of what ``--list`` prints, in the form that they have in YAML.

    Args:
        content: as printed.
        ask: gives the variables of a host where there is no ``_meta``; None: there are none.

    Raises:
        ConfigError: it has another form.
    """
    content = _marked(content)
    meta = _mapped(content.get("_meta"), "_meta", content.at("_meta"))
    known: Mapping[str, Any] = _mapped(meta.get("hostvars"), "_meta.hostvars", meta.at("hostvars"))
    known = known if "hostvars" in meta or ask is None else _Asked(ask)
    found: dict[str, Map] = {}
    for name in (name for name in content if name != "_meta"):
        body = _body(name, content[name], content.at(name))
        hosts = {host: known.get(host) for host in _names(body, "hosts", name)}
        children = {child: None for child in _names(body, "children", name) if child != "ungrouped"}
        group = Map({"hosts": _at(hosts, body.mark), "children": _at(children, body.mark)}, body.mark)
        if "vars" in body:
            group["vars"], group.marks["vars"] = body["vars"], body.at("vars")
        into = "all" if name == "ungrouped" else name
        if into in found:  # all, whose hosts without a group stand in a group of their own
            found[into]["hosts"] = _at({**found[into]["hosts"], **hosts}, body.mark)
        else:
            found[into] = group
    return found


class _Asked(dict[str, Any]):
    """Variables of hosts, each asked for once."""

    def __init__(self, ask: AskHost) -> None:
        self._ask = ask

    def get(self, name: str, default: Any = None) -> Any:
        del default
        if name not in self:
            self[name] = _marked(self._ask(name))
        return self[name]


def _marked(value: Any) -> Any:
    """Return a value with what Ansible's JSON says of encrypted text, and of text that is no template, understood."""
    if isinstance(value, Seq):
        return Seq(map(_marked, value), value.mark)
    if not isinstance(value, Map):
        return value
    word, text = next(iter(value.items())) if len(value) == 1 else ("", None)
    if word == "__ansible_vault" and isinstance(text, str):
        return Encrypted(str(text), value.mark)
    if word == "__ansible_unsafe" and isinstance(text, str):
        return Text(text, value.mark, unsafe=True)
    return Map({key: _marked(item) for key, item in value.items()}, value.mark, value.marks)


def _body(name: str, value: Any, where: Mark) -> Map:
    if isinstance(value, list):
        return Map({"hosts": value}, where, {"hosts": where})
    body = _mapped(value, f"the group {name!r}", where)
    if body and not any(word in body for word in _WORDS):  # a host with its variables
        return Map({"hosts": [name], "vars": body}, where, {"vars": where})
    return body


def _names(body: Map, word: str, group: str) -> list[str]:
    found = body.get(word) or []
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return [str(name) for name in found]
    problem = f"{word} of {group!r} must be a list of names, not {kind(found)}"
    raise ConfigError(problem, where=mark_of(found, body.at(word)))


def _mapped(value: Any, what: str, where: Mark) -> Map:
    return Map(mark=where) if value is None else mapping(value, what, where)


def _at(values: Mapping[str, Any], where: Mark) -> Map:
    return Map(values, where, dict.fromkeys(values, where))

"""Asks the OpenSSH client, if there is one, how it evaluates its own configuration for a host (``ssh -G``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from functools import cache
from pathlib import Path

from deployer.model import Mark
from deployer.transport.ssh_lines import SSH_WORDS, warn
from deployer.transport.ssh_words import SshSettings

_PATIENCE = 20.0
"""Seconds: CanonicalizeHostname asks the name servers."""
_LISTS = ("userknownhostsfile", "globalknownhostsfile", "canonicaldomains")
_DEFAULT_KEYS = 3
_answers: dict[tuple[object, ...], SshSettings | None] = {}
_lock = threading.Lock()


@cache
def client() -> str:
    """Return the path of the client; empty when there is none."""
    return shutil.which("ssh") or ""


def ask_client(
    file: Path | None, state: int, address: str, user: str = "", port: int | None = None
) -> SshSettings | None:
    """Return the output of ``ssh -G`` for a host, cached for each state of the files; None when it refuses them.

    Args:
        file: the configuration to use; None: the user's and the system's.
        state: changes when a file has changed.
        address: the name of the host; it was checked, so that it is no option.
        user: the user name, if the inventory sets it.
        port: the port, if the inventory sets it.
    """
    key = (file, state, address, user, port)
    with _lock:
        if key in _answers:
            return _answers[key]
    found = _ask(file, address, user, port)  # without the lock, so that several hosts are asked in parallel
    with _lock:
        return _answers.setdefault(key, found)


def _ask(file: Path | None, address: str, user: str, port: int | None) -> SshSettings | None:
    chosen = [
        *(["-F", str(file)] if file else []),
        *(["-l", user] if user else []),
        *(["-p", str(port)] if port else []),
    ]
    try:
        done = subprocess.run(
            [client(), "-G", *chosen, "--", address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env=os.environ | {"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        words = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        warn(Mark(str(file or "")), f"ssh does not take it, so it is read without: {'; '.join(words)[:500]}")
        return None
    return _parsed(done.stdout.decode("utf-8", "surrogateescape"))


def _parsed(text: str) -> SshSettings:
    said: SshSettings = {}
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        if word == "identityfile":
            said[word] = (*said.get(word, ()), value)
        elif word in SSH_WORDS and value:
            said[word] = tuple(value.split()) if word in _LISTS else (value,)
    files = said.get("identityfile", ())
    if len(files) >= _DEFAULT_KEYS and all(name.startswith("~/.ssh/id_") for name in files):
        del said["identityfile"]  # these are only the client's defaults
    return said

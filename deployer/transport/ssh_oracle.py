"""What the OpenSSH client itself makes of its configuration (``ssh -G``), where there is one: nobody knows better."""

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
    """Return where the client is; empty where there is none."""
    return shutil.which("ssh") or ""


def ask_client(
    file: Path | None, state: int, address: str, user: str = "", port: int | None = None
) -> SshSettings | None:
    """Return what ``ssh -G`` says of a host, asked once for each state of the files; None when it refuses them.

    Args:
        file: instead of the person's and the system's configuration; None: those.
        state: other when a file has changed.
        address: the name it is asked by; checked, so that it is no option.
        user: the login that is chosen already.
        port: the port that is chosen already.
    """
    key = (file, state, address, user, port)
    with _lock:
        if key in _answers:
            return _answers[key]
    found = _ask(file, address, user, port)  # several hosts side by side
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
        del said["identityfile"]  # nobody asked for these
    return said

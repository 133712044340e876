"""What a person asked for on the command line."""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import ConfigError
from deployer.load.secrets import Vaults, ask_vault_pass, password_file, vault_id

FORKS = 50
"""How many hosts at once, where nobody says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person asked for on the command line; the names are the flags'."""

    playbook: str
    inventory: tuple[str, ...] = ()
    limit: str = ""
    tags: str = ""
    skip_tags: str = ""
    start_at_task: str = ""
    extra_vars: tuple[str, ...] = ()
    forks: int = FORKS
    user: str = ""
    private_key: str = ""
    become: bool = False
    ask_become_pass: bool = False
    accept_new_host_keys: bool = False
    vault_password_file: tuple[str, ...] = ()
    vault_id: tuple[str, ...] = ()
    ask_vault_pass: bool = False
    allow_empty: bool = False
    detailed_exitcode: bool = False
    diff: bool = False
    json: bool = False
    verbose: int = 0
    hosts: str = ""
    report: tuple[str, ...] = ()
    strict: bool = False
    ansible_fallback: bool = False

    def vaults(self) -> Vaults:
        """Return the vault passwords, none of them read yet."""
        makers = [vault_id(word, ask_hidden) for word in self.vault_id]
        makers += [password_file(Path(word)) for word in self.vault_password_file]
        makers += [ask_vault_pass(ask_hidden)] if self.ask_vault_pass else []
        return Vaults(makers)


def words_of(text: str) -> frozenset[str]:
    """Return the words of ``--tags`` and ``--skip-tags``, between commas."""
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def ask_hidden(prompt: str) -> str:
    """Ask at the terminal for what nobody is to see; where there is none, a line of standard input is the answer.

    Raises:
        ConfigError: there is no answer: the end of the input, or Ctrl-D.
    """
    return _answer(prompt, _hidden)


def ask_open(prompt: str, private: bool) -> str:
    """Ask for a variable, hidden or as it is typed; raises as `ask_hidden`."""
    return _answer(prompt, _hidden if private else input)


def _answer(prompt: str, read: Callable[[str], str]) -> str:
    what = prompt.rstrip(": ")
    try:
        return read(f"{what}: ")
    except EOFError:
        hint = "type it, or give it as a line of standard input"
        raise ConfigError(f"{what}: nothing was given", hint=hint) from None


def _hidden(question: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(question)
    except getpass.GetPassWarning:
        if sys.stdin.isatty():
            raise ConfigError(f"{question}this terminal would show what is typed") from None
        return input()

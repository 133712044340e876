"""``ansible.cfg`` where the command line says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deployer.load.ansible_cfg import configured
from deployer.options import FORKS, Options


def with_ansible_cfg(options: Options) -> tuple[Options, tuple[Path, ...], tuple[str, ...]]:
    """Return the options completed, directories that hold roles, and what a person has to know.

    Raises:
        ConfigError: the file cannot be read, or a value of it is wrong.
    """
    found = configured()
    no_vault = not (options.vault_password_file or options.vault_id or options.ask_vault_pass)
    secret = found.vault_password_file if no_vault else ""
    completed = replace(
        options,
        inventory=options.inventory or (() if options.hosts else found.inventory),
        user=options.user or found.remote_user,
        private_key=options.private_key or found.private_key_file,
        vault_password_file=(secret,) if secret else options.vault_password_file,
        forks=found.forks if found.forks and options.forks == FORKS else options.forks,
    )
    return completed, found.roles_path, found.notes

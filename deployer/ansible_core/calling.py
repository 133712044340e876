"""How ansible-playbook is called: its words, its environment, and the directory in which it finds the part it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.ansible_core.installed import Installed
from deployer.ansible_core.serving import Served
from deployer.engine.roll.play import Goal
from deployer.load.ansible_cfg import configured
from deployer.model import AnsiblePart
from deployer.options import Options

OWN_VAULT = "deployer"
"""The label of the password with which the variables of the command line are encrypted."""
_PLUGINS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class AnsibleCall:
    """One call of ansible-playbook; nothing in it is a secret."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


def shown_as(part: AnsiblePart, served: Served) -> Path:
    """Return a playbook that has only the part, in a directory that is else the playbook's own, by links."""
    shown = served.directory / "playbook"
    shown.mkdir(exist_ok=True)
    for one in part.file.parent.iterdir():
        if one.name != part.file.name and not (shown / one.name).is_symlink():
            (shown / one.name).symlink_to(one)
    playbook = shown / part.file.name
    playbook.write_text(part.text)
    return playbook


def call_of(
    part: AnsiblePart,
    options: Options,
    found: Installed,
    served: Served,
    *,
    goal: Goal,
    vault_labels: Sequence[str],
    limit: Sequence[str],
    syntax: bool = False,
) -> AnsibleCall:
    """Return the call for a part of a playbook.

    Args:
        part: what is run.
        options: of our own command line.
        found: which ansible-core.
        served: who answers it; `serving` knows ``inventory`` and ``vault-N``.
        goal: everything but a deploy is its check mode.
        vault_labels: of the vault passwords, in the order of N.
        limit: hosts that take part; empty: all.
        syntax: only whether it can be read.
    """
    playbook = shown_as(part, served)
    argv = [str(found.program), "-i", str(served.program("inventory")), "-e", f"@{served.directory / 'variables.json'}"]
    for number, label in enumerate(vault_labels):
        argv += ["--vault-id", f"{label}@{served.program(f'vault-{number}')}"]
    if limit:
        argv += ["--limit", f"@{served.write('limit', chr(10).join((*limit, '')))}"]
    words = (
        ("--tags", options.tags), ("--skip-tags", options.skip_tags), ("--user", options.user),
        ("--private-key", options.private_key), ("--forks", str(options.forks)),
    )  # fmt: skip
    argv += [one for flag, value in words if value for one in (flag, value)]
    argv += ["--become"] if options.become else []
    argv += ["--syntax-check"] if syntax else ["--diff", *([] if goal is Goal.DEPLOY else ["--check"])]
    environment = _environment(part, options, served, playbook.parent)
    return AnsibleCall((*argv, str(playbook)), environment)


def _environment(part: AnsiblePart, options: Options, served: Served, shown: Path) -> dict[str, str]:
    """Return this process's environment with what has to be so whatever ``ansible.cfg`` says."""
    directory = part.file.parent
    roles = (directory / "roles", directory.parent / "roles", Path("roles").absolute(), *configured().roles_path)
    plugins = ":".join(filter(None, (str(_PLUGINS), os.environ.get("ANSIBLE_CALLBACK_PLUGINS", ""))))
    strict = "accept-new" if options.accept_new_host_keys else "yes"
    ssh = os.environ.get("ANSIBLE_SSH_EXTRA_ARGS", "")
    fixed = {
        "ANSIBLE_CACHE_PLUGIN": "memory",  # facts and what is set would lie in files
        "ANSIBLE_CALLBACK_PLUGINS": plugins,
        "ANSIBLE_STDOUT_CALLBACK": "deployer_events",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_INVENTORY_ENABLED": "script",
        "ANSIBLE_LOCAL_TEMP": str(served.memory),
        "ANSIBLE_LOG_PATH": os.devnull,
        "ANSIBLE_PIPELINING": "1",  # arguments of modules travel to the host without a file
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_ROLES_PATH": ":".join(str(role) for role in roles if role.is_dir()) or str(directory / "roles"),
        "ANSIBLE_SSH_EXTRA_ARGS": f"-o StrictHostKeyChecking={strict} {ssh}".strip(),
        "DEPLOYER_ANSIBLE_SOCKET": str(served.socket),
        "DEPLOYER_ANSIBLE_SHOWN": str(shown),
        "DEPLOYER_ANSIBLE_REAL": str(directory),
    }
    return {"LANG": "C.UTF-8", **os.environ, **fixed}

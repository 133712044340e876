"""Where ansible-core is: beside the interpreter that runs deployer, or in PATH; and which version it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deployer.errors import ConfigError

LEAST = (2, 16)
"""The oldest ansible-core that is taken."""
_ASKING = 300.0
_HINT = "pip install 'beam-deployer[ansible]', or have ansible-playbook in PATH"


@dataclass(frozen=True, slots=True)
class Installed:
    """An ``ansible-playbook``, and the version of its ansible-core."""

    program: Path
    version: str

    @property
    def called(self) -> str:
        """What it is called in notes."""
        return f"ansible-core {self.version}"


@cache
def installed_ansible() -> Installed:
    """Return the ansible-core that runs what a playbook hands to it.

    Raises:
        ConfigError: there is none, it does not say its version, or it is too old.
    """
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = str(beside) if beside.is_file() else shutil.which("ansible-playbook")
    if not found:
        raise ConfigError("engine: ansible needs ansible-core, and there is no ansible-playbook", hint=_HINT)
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=_ASKING, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{found} cannot be run: {type(error).__name__}", hint=_HINT) from None
    match = re.match(r"ansible-playbook \[(?:core|base) (\d+)\.(\d+)([^\]]*)\]", done.stdout)
    if not match:
        raise ConfigError(f"{found} --version says nothing of ansible-core", hint=_HINT)
    if (int(match[1]), int(match[2])) < LEAST:
        least = ".".join(map(str, LEAST))
        raise ConfigError(
            f"{found} is ansible-core {match[1]}.{match[2]}{match[3]}: {least} is the oldest that is taken"
        )
    return Installed(Path(found), f"{match[1]}.{match[2]}{match[3]}")


def lacking_collection(said: str) -> str:
    """Return a line that says what brings a module that ansible-core has not found; nothing where it is something else.

    ansible-core comes with ``ansible.builtin`` alone; its redirections know in which collection a module went.
    """
    named = re.search(r"Error loading plugin '(\w+\.\w+)\.\w+': No module named 'ansible_collections", said)
    if not named and "couldn't resolve module/action" not in said:
        return ""
    missing = named[1] if named else "NAMESPACE.NAME"
    return f"\n  modules come in collections, and one is missing here: ansible-galaxy collection install {missing}"

"""Arguments of Ansible that have no effect here, and the values with which they are accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import describe
from deployer.load.unsupported import NotHere

_LABELS = ("seuser", "serole", "setype", "selevel")
_LABELLED = ("copy", "file", "template", "lineinfile", "blockinfile", "replace", "get_url", "unarchive", "ini_file")
_OFF = ("false", "no", "off", "0")
_ON = ("true", "yes", "on", "1")
_ANY = ()

SILENT: Mapping[tuple[str, str], tuple[str, ...]] = {
    **{(module, word): _ANY for module in _LABELLED for word in _LABELS},
    **{(module, "warn"): _ANY for module in ("command", "shell")},
    **{("systemd", word): _ANY for word in ("pattern", "runlevel", "sleep", "arguments", "args")},
    **{(module, "strip_empty_ends"): _ON for module in ("command", "shell")},
    ("systemd", "use"): ("auto", "systemd", "service"),
    ("systemd", "scope"): ("system",),
    ("systemd", "no_block"): _OFF,
    ("systemd", "daemon_reexec"): _OFF,
    **{(module, "use"): ("auto", "apt") for module in ("package", "apt")},
    **{(module, "follow"): _OFF for module in ("copy", "template")},
    ("copy", "local_follow"): _ON,
    ("copy", "directory_mode"): _ANY,  # of directories that are copied, which `trees` makes
    ("file", "follow"): _ON,
    ("get_url", "use_proxy"): _ON,
    ("apt", "allow_downgrade"): _OFF,
    ("apt", "allow_change_held_packages"): _OFF,
    ("user", "local"): _OFF,
    ("user", "non_unique"): _OFF,
    ("user", "move_home"): _OFF,
    ("user", "generate_ssh_key"): _OFF,
    **{("user", f"ssh_key_{word}"): _ANY for word in ("bits", "comment", "file", "passphrase", "type")},  # of that key
    **{(module, "unsafe_writes"): _ANY for module in _LABELLED},  # a way out where a file cannot be renamed: an error
}
"""(Module, argument) → values that ask for what happens anyway; empty: any value, it has no effect on our hosts.

SELinux's labels have no effect without SELinux, Ansible has removed ``warn``, and Ansible, too, ignores the arguments
of ``service`` that do not apply to systemd.
"""


_OF_DNF = (
    *("enablerepo", "disablerepo", "disable_gpg_check", "enable_plugin", "disable_plugin", "allowerasing", "nobest"),
    *("skip_broken", "exclude", "releasever", "installroot", "security", "bugfix", "download_only"),
)


def is_silent(module: str, argument: str, value: Any) -> bool:
    """Return whether an argument has no effect; true for a template, which is checked again after it is rendered.

    Raises:
        NotHere: it is an argument for another system.
        ConfigError: it asks for something that is not supported.
    """
    if module == "package" and argument in _OF_DNF:
        hint = "apt has it not; a condition may leave the task out: when: ansible_os_family == 'RedHat'"
        raise NotHere(f"{argument} of a package is not supported", hint=hint)
    fine = SILENT.get((module, argument))
    if fine is None:
        return False
    if not fine or (isinstance(value, str) and "{{" in value) or str(value).lower() in fine:
        return True
    hint = f"{argument}: {fine[0]} is what is done here"
    raise ConfigError(f"{argument} cannot be {str(value)!r}", hint=hint)


def says_none(cls: type, argument: str, raw: Any, value: Any) -> bool:
    """Return whether a template gives None, as with ``default(None)``, for an argument that is empty by default."""
    if value is not None or raw is None:
        return False
    fields = (one for one in describe(cls) if argument in (one.name, *one.doc.alias.split()))
    return any(not one.required and (one.default is None or one.default in ("", ())) for one in fields)

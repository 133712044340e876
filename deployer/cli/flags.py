"""Flags that several commands have, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.cli.command import Flag

if TYPE_CHECKING:
    from deployer.options import Options

PLAYBOOK = Flag(
    "playbook", "a playbook file, or one that comes with deployer: site.yml, release.yml, audit.yml", word=True
)
SOURCE_FLAGS = (
    Flag("inventory", "an inventory file or directory; repeatable", "i", ()),
    Flag(
        "extra-vars",
        "set variables, overriding all others: key=value, key.part=value, YAML or @file; repeatable",
        "e",
        (),
    ),
    Flag("vault-password-file", "a file with the vault password, or a program that prints it; repeatable", "", ()),
    Flag("vault-id", "a vault password with a label: LABEL@FILE or LABEL@prompt; repeatable", "", ()),
    Flag("ask-vault-pass", "ask for the vault password", "", default=False),
)
CONNECTION = (
    Flag("user", "log in as this user, unless the inventory names one", "u"),
    Flag("become", "become root with sudo", "b", default=False),
    Flag("ask-become-pass", "ask for the sudo password", "K", default=False),
    Flag("private-key", "log in with this key only, unless the inventory names one"),
    Flag(
        "accept-new-host-keys",
        "trust hosts that known_hosts does not list; a changed key is still refused",
        default=False,
    ),
    Flag("forks", "number of hosts at the same time", "f", 50),
)
CHOICE = (
    Flag("limit", "only hosts that match a pattern of names and groups, such as web:!web3", "l"),
    Flag("tags", "only tasks with these tags, comma-separated", "t"),
    Flag("skip-tags", "skip tasks with these tags, comma-separated"),
    Flag("start-at-task", "skip everything before the first task of this name"),
    Flag("allow-empty", "accept a pattern that matches no host", default=False),
)
STRICT = Flag("strict", "refuse tasks that run every time, such as commands without a guard", default=False)
FALLBACK = Flag("ansible-fallback", "run with ansible-core what deployer does not support; says which", default=False)
REPORT = (
    Flag("diff", "show changes inside files", "D", default=False),
    Flag("json", "print events as JSON lines", default=False),
    Flag("verbose", "show more: unchanged tasks, where tasks are written, every rung; repeatable", "v", 0, count=True),
)
PAGE = Flag("report", "also write a file: .html, a self-contained page, or .json; repeatable", "", ())
COMMON = (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, *CHOICE, *REPORT)
REST = (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, *CHOICE[1:3], *REPORT)
CHECK = Flag("check", "change nothing, only show what would change (= deployer plan)", "C", default=False)
DETAILED = Flag("detailed-exitcode", "exit 2 when something would change", default=False)
LISTS = (
    Flag("list-hosts", "only list the hosts of each play", default=False),
    Flag("list-tasks", "only list the tasks of each play", default=False),
    Flag("list-tags", "only list the tags of each play", default=False),
    Flag("syntax-check", "only read everything and report errors", default=False),
)
WALKED = (DETAILED, STRICT, FALLBACK, *LISTS, PAGE)
ASK = (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, CHOICE[0], *REPORT)


def options(given: dict[str, Any]) -> Options:
    """Return the flags as the application takes them."""
    from deployer.options import Options

    flags: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return Options(**flags)

"""Flags that several commands have, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.cli.command import Flag

if TYPE_CHECKING:
    from deployer.options import Options

PLAYBOOK = Flag(
    "playbook", "a playbook file, or one that ships with deployer: site.yml, release.yml, audit.yml", word=True
)
SOURCE_FLAGS = (
    Flag("inventory", "an inventory file or directory; may be repeated", "i", ()),
    Flag(
        "extra-vars",
        "variables that win over all others: key=value, key.part=value, YAML or @file; may be repeated",
        "e",
        (),
    ),
    Flag("vault-password-file", "file with the vault password, or program that prints it; may be repeated", "", ()),
    Flag("vault-id", "a vault password with a label: LABEL@FILE or LABEL@prompt; may be repeated", "", ()),
    Flag("ask-vault-pass", "ask for the vault password", "", default=False),
)
CONNECTION = (
    Flag("user", "log in as this user, where the inventory names none", "u"),
    Flag("become", "work as root through sudo", "b", default=False),
    Flag("ask-become-pass", "ask for the sudo password", "K", default=False),
    Flag("private-key", "log in with this key alone, where the inventory names none"),
    Flag("accept-new-host-keys", "trust hosts that known_hosts does not know; changed keys are refused", default=False),
    Flag("forks", "how many hosts at once", "f", 50),
)
CHOICE = (
    Flag("limit", "only these hosts: a pattern of names and groups, such as web:!web3", "l"),
    Flag("tags", "only tasks with these tags, comma-separated", "t"),
    Flag("skip-tags", "no tasks with these tags, comma-separated"),
    Flag("start-at-task", "leave out all that stands before the first task of this name"),
    Flag("allow-empty", "a pattern that matches no host is no error", default=False),
)
STRICT = Flag("strict", "refuse tasks that would run every time, as commands without a guard do", default=False)
FALLBACK = Flag("ansible-fallback", "let ansible-core run what is not supported here, and say so", default=False)
REPORT = (
    Flag("diff", "show what changes inside of files", "D", default=False),
    Flag("json", "print events as JSON lines", default=False),
    Flag("verbose", "more: tasks without changes, their places, every rung; may be repeated", "v", 0, count=True),
)
PAGE = Flag("report", "write it to a file too: .html, one page that stands alone, or .json; may be repeated", "", ())
COMMON = (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, *CHOICE, *REPORT)
REST = (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, *CHOICE[1:3], *REPORT)
CHECK = Flag("check", "change nothing, say what would change (= deployer plan)", "C", default=False)
DETAILED = Flag("detailed-exitcode", "exit 2 when something would change", default=False)
LISTS = (
    Flag("list-hosts", "print the hosts of each play, and do nothing", default=False),
    Flag("list-tasks", "print the tasks of each play, and do nothing", default=False),
    Flag("list-tags", "print the tags of each play, and do nothing", default=False),
    Flag("syntax-check", "read everything, say what is wrong, and do nothing", default=False),
)
WALKED = (DETAILED, STRICT, FALLBACK, *LISTS, PAGE)
ASK = (PLAYBOOK, *SOURCE_FLAGS, *CONNECTION, CHOICE[0], *REPORT)


def options(given: dict[str, Any]) -> Options:
    """Return the flags as the application takes them."""
    from deployer.options import Options

    flags: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return Options(**flags)

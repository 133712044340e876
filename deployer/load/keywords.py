"""The words of plays and tasks that are understood, and what to write instead of those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.errors import ConfigError
from deployer.fields import kind, nearest
from deployer.load.marked import Map, Seq, Text, mark_of
from deployer.model import Mark

SHARED = ("name", "vars", "tags", "when", "become", "become_user", "environment")
PLAY = (
    *("name", "vars", "tags", "become", "become_user", "environment"),
    *(
        "hosts",
        "vars_files",
        "roles",
        "pre_tasks",
        "tasks",
        "post_tasks",
        "handlers",
        "gather_facts",
        "any_errors_fatal",
    ),
    *("serial", "max_fail_percentage", "order", "hooks"),
)
TASK = (*SHARED, "loop", "notify")
HANDLER = (*TASK, "listen")
HOOK = (*SHARED, "loop", "run_once", "delegate_to")
ROLE = (*SHARED, "role")

INSTEAD: Mapping[str, str] = {
    "action": "write the module's name as the key: copy: {…}",
    "always": "a failed host is left as it is and reported; nothing runs after a failure",
    "any_errors_fatal": "it belongs to the play",
    "args": "write all arguments below the module: command: {cmd: …, creates: …}",
    "async": "long work belongs in a systemd unit; deployer waits for what it starts",
    "become_flags": "only become: true and become_user: NAME",
    "become_method": "sudo is the one method",
    "block": "write when, become or tags at each task, or put the tasks into a role and write them there",
    "changed_when": "command takes creates, removes, onlyif, unless: the plan has to know before it runs",
    "check_mode": "deployer plan never changes anything, deployer deploy always may",
    "collections": "modules are called by their short names",
    "connection": "set ansible_connection in the inventory",
    "debugger": "deployer render --host HOST prints the exact programs",
    "delegate_to": "write a play for that host; hooks of a play understand delegate_to: localhost",
    "diff": "use --diff; secrets are masked by their type",
    "failed_when": "write the condition into the command: a status other than 0 is a failure",
    "force_handlers": "a handler that could not run is remembered on the host and run next time",
    "hooks": "they belong to the play",
    "gather_subset": "facts are one small program; use gather_facts: true or false",
    "ignore_errors": "write the command so that it succeeds where failure is fine: PROGRAM || :",
    "ignore_unreachable": "other hosts always go on",
    "include_role": "use import_role, or list it under roles:",
    "include_tasks": "use import_tasks, which is read before anything runs",
    "include_vars": "use vars_files, or group_vars/",
    "listen": "only handlers listen",
    "local_action": "write a play for a host with ansible_connection: local",
    "loop_control": "the loop variable is item",
    "max_fail_percentage": "it belongs to the play",
    "module_defaults": "write the arguments at each task, or a loop",
    "no_log": "it is not needed: a value from !vault, env:, file: or command: is a secret and prints as ***",
    "notify": "a hook acts by itself: restart there what has to be restarted",
    "order": "it belongs to the play",
    "poll": "long work belongs in a systemd unit; deployer waits for what it starts",
    "port": "set ansible_port in the inventory",
    "register": "command takes creates, removes, onlyif, unless; conditions take facts and variables",
    "remote_user": "set ansible_user in the inventory, or use -u",
    "rescue": "a failed host is left as it is and reported; nothing runs after a failure",
    "retries": "verify waits by itself: health: {timeout: 60}",
    "run_once": "write a play whose hosts: names one host; hooks of a play understand it",
    "serial": "it belongs to the play",
    "strategy": "all hosts run in parallel, each at its own pace",
    "tasks_from": "make it a role of its own",
    "throttle": "use --forks",
    "until": "verify waits by itself: health: {timeout: 60}",
    "vars_prompt": "use -e NAME=VALUE, or {env: NAME} for secrets",
    "with_dict": 'loop: "{{ NAME | dict2items }}"',
    "with_fileglob": "list the files under loop:",
    "with_first_found": "name the one file",
    "with_items": "loop:",
    "with_list": "loop:",
    "with_nested": "list the combinations under loop:",
    "with_sequence": 'loop: "{{ range(1, 4) | list }}"',
    "with_subelements": "list the combinations under loop:",
}
"""What to write instead of a word of Ansible's that is not supported."""

_COLLECTIONS = ("ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general.")


_ALIASES = {"service": "systemd", "systemd_service": "systemd"}


def short_name(name: str) -> str:
    """Return a module's short name: ``copy`` for ``ansible.builtin.copy``, ``systemd`` for ``service``."""
    short = next((name.removeprefix(prefix) for prefix in _COLLECTIONS if name.startswith(prefix)), name)
    return _ALIASES.get(short, short)


def check_words(given: Map, known: Iterable[str], what: str) -> None:
    """Refuse words that are not understood.

    Raises:
        ConfigError: with what to write instead, or the nearest known word.
    """
    for word in given:
        if word in known:
            continue
        if word in INSTEAD:
            raise ConfigError(f"{word!r} is not supported in {what}", where=given.at(word), hint=INSTEAD[word])
        raise ConfigError(f"unknown word {word!r} in {what}", where=given.at(word), hint=nearest(word, known))


def mapping(value: Any, what: str, where: Mark) -> Map:
    """Return ``value``, which has to be a mapping.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(value, Map):
        return value
    raise ConfigError(f"{what} must be a mapping, not {kind(value)}", where=mark_of(value, where))


def sequence(value: Any, what: str, where: Mark) -> Seq:
    """Return ``value``, which has to be a list or nothing.

    Raises:
        ConfigError: it is something else.
    """
    if value is None:
        return Seq(mark=where)
    if isinstance(value, Seq):
        return value
    raise ConfigError(
        f"{what} must be a list, not {kind(value)}", where=mark_of(value, where), hint="begin lines with -"
    )


def text(given: Map, word: str, default: str | None = None) -> str | None:
    """Return the text under a word, or ``default`` when the word is not there.

    Raises:
        ConfigError: it is not text.
    """
    value = given.get(word)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{word} must be text, not {kind(value)}", where=mark_of(value, given.at(word)))
    return value if isinstance(value, str) else str(value)


def boolean(given: Map, word: str) -> bool | None:
    """Return the boolean under a word, or None when the word is not there.

    Raises:
        ConfigError: it is anything but ``true`` and ``false``; ``yes`` and ``on`` are text.
    """
    value = given.get(word)
    if value is None or isinstance(value, bool):
        return value
    raise ConfigError(
        f"{word} must be true or false, not {kind(value)}", where=given.at(word), hint="write true or false"
    )


def words(given: Map, word: str) -> tuple[Text, ...]:
    """Return the texts under a word that takes one text or a list of them.

    Raises:
        ConfigError: it is something else.
    """
    value = given.get(word)
    if value is None:
        return ()
    found = []
    for i, item in enumerate(value if isinstance(value, Seq) else [value]):
        at = mark_of(item, value.at(i) if isinstance(value, Seq) else given.at(word))
        if not isinstance(item, str | int) or isinstance(item, bool):
            raise ConfigError(f"{word} must be text or a list of texts, not {kind(item)}", where=at)
        found.append(item if isinstance(item, Text) else Text(str(item), at))
    return tuple(found)

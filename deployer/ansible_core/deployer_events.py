"""Ansible's callback that tells deployer what happens, one JSON object a line, through a socket.

ansible-core loads this file by its path, in its own interpreter: nothing of deployer may be imported here.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: deployer_events
type: stdout
short_description: what happens, for deployer
description:
  - Writes every result as a line of JSON to the socket that DEPLOYER_ANSIBLE_SOCKET names.
"""

SAID = 64 * 1024
"""Characters of a diff's side, and of a message."""


class CallbackModule(CallbackBase):  # type: ignore[misc,unused-ignore]
    """Tells each event; what ``no_log`` hides was taken out by Ansible before it comes here."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "deployer_events"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._out: Any = None
        self._handler = False

    def _tell(self, kind: str, **said: Any) -> None:
        if self._out is None:
            self._out = socket.socket(socket.AF_UNIX)
            self._out.connect(os.environ["DEPLOYER_ANSIBLE_SOCKET"])
            self._out.sendall(b"events\n")
        line = json.dumps({"kind": kind, **said}, default=str)
        self._out.sendall(line.encode("utf-8", "surrogateescape") + b"\n")

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Let plays find their files where the playbook is written, and not where its part lies."""
        shown, real = os.environ["DEPLOYER_ANSIBLE_SHOWN"], os.environ["DEPLOYER_ANSIBLE_REAL"]
        for play in playbook.get_plays():
            found = play._included_path or playbook._basedir
            if found == shown or found.startswith(shown + os.sep):
                play._included_path = real + found[len(shown) :]

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins, or another of its batches."""
        known = play.get_variable_manager().get_vars(play=play, include_hostvars=False)
        hosts = {name: [str(host) for host in known.get(f"ansible_play_{name}", ())] for name in ("hosts_all", "batch")}
        self._tell("play", id=str(play._uuid), name=play.get_name().strip(), **hosts)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task begins."""
        del task, is_conditional
        self._handler = False

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """A handler begins."""
        del task
        self._handler = True

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A host begins a task."""
        self._tell("start", host=host.get_name(), task=task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well on a host."""
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed on a host."""
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task was left out on a host."""
        self._result("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host does not answer."""
        self._result("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """All is over."""
        self._tell("stats", hosts={str(host): stats.summarize(host) for host in stats.processed})

    def _result(self, how: str, result: Any) -> None:
        task, given = result._task, result._result
        items = [item for item in given.get("results") or [] if isinstance(item, dict)]
        every = items or [given]
        self._tell(
            how,
            host=result._host.get_name(),
            task=task.get_name(),
            action=str(task.action),
            where=task.get_path() or "",
            handler=self._handler,
            changed=bool(given.get("changed")),
            message=_message(given, items),
            check=bool(task.check_mode),
            hidden=bool(getattr(task, "no_log", False) is True or given.get("censored")),
            diffs=[side for item in every for side in _diffs(item)][:200],
        )


def _message(given: dict[str, Any], items: list[dict[str, Any]]) -> str:
    """Return what a result says for a person: of a loop, what its failed items say."""
    failed = [item for item in items if item.get("failed")]
    words = [_words(item) for item in (failed or [given])]
    return "\n".join(word for word in words if word)[-SAID:]


def _words(given: dict[str, Any]) -> str:
    names = ("msg", "reason", "skip_reason", "skipped_reason", "stderr", "module_stderr", "stdout", "module_stdout")
    found = [str(given[name]).strip() for name in names if given.get(name)]
    return "\n".join(dict.fromkeys(found))


def _diffs(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sides of a module's diff as text: of a mapping key by key, of a file under its name."""
    found: list[dict[str, Any]] = []
    diff = item.get("diff")
    for one in diff if isinstance(diff, list) else [diff]:
        if not isinstance(one, dict):
            continue
        before, after = one.get("before"), one.get("after")
        name = str(item.get("dest") or item.get("path") or "")
        if isinstance(before, dict) and isinstance(after, dict):
            keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
            found += [
                {"key": str(key), "before": _text(before.get(key)), "after": _text(after.get(key))} for key in keys
            ]
        elif "prepared" in one:
            found.append({"key": name or "diff", "before": "", "after": str(one["prepared"])[:SAID]})
        elif before != after:
            header = str(one.get("after_header") or one.get("before_header") or "").partition(" (content)")[0]
            shown = name or (os.path.basename(header) if "/ansible-local-" in header else header)  # noqa: PTH119
            found.append({"key": shown, "before": _text(before), "after": _text(after)})
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value[:SAID] if isinstance(value, str) else None
    return json.dumps(value, sort_keys=True, default=str)[:SAID]

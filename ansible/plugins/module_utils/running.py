"""How the three actions of this collection run deployer on the controller, and read its events."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from ansible.errors import AnsibleActionFail

from ansible import context
from ansible.plugins.action import ActionBase


class DeployerAction(ActionBase):
    """An action that runs deployer once for all hosts of the play."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    COMMAND = ""
    CHECK_COMMAND = ""
    OWN = ()
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        """Run it and return what a module returns."""
        del tmp
        result = super().run(None, task_vars)
        given = self._given()
        check = bool(self._task.check_mode)
        command = self.CHECK_COMMAND if check else self.COMMAND
        with ExitStack() as stack:
            argv, files = self._words(command, given, task_vars or {}, stack)
            done = subprocess.run(
                argv,
                cwd=self._loader.get_basedir(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                pass_fds=files,
                check=False,
            )
        events = []
        for line in done.stdout.splitlines():
            with suppress(ValueError):
                events.append(json.loads(line))
        result.update(self._told(done, events, given))
        return result

    def _given(self):
        known = {"playbook": "site.yml", "inventory": [], "hosts": "", "variables": {}, "executable": "", "tags": []}
        known.update(dict.fromkeys(self.OWN))
        unknown = sorted(set(self._task.args) - set(known))
        if unknown:
            raise AnsibleActionFail(
                f"{self._task.action} has no option {', '.join(unknown)}; it has {', '.join(known)}"
            )
        return {**known, **self._task.args}

    def _words(self, command, given, task_vars, stack):
        argv = [_program(given["executable"]), command, given["playbook"], "--json"]
        for path in _listed(given["inventory"]) or task_vars.get("ansible_inventory_sources") or []:
            argv += ["-i", str(path)]
        left = [host for host in task_vars.get("ansible_play_batch") or [] if host not in self._gone(task_vars)]
        argv += ["--limit", given["hosts"] or ",".join(left)]
        flags = (("remote_user", "--user"), ("private_key_file", "--private-key"), ("forks", "--forks"))
        for name, flag in flags:
            value = context.CLIARGS.get(name)
            if value and value != {"forks": 5}.get(name):
                argv += [flag, str(value)]
        argv += ["--become"] if context.CLIARGS.get("become") else []
        argv += ["--diff"] if self._task.diff else []
        argv += ["--tags", ",".join(_listed(given["tags"]))] if given["tags"] else []
        files = []
        for number, (label, secret) in enumerate(getattr(self._loader._vault, "secrets", None) or []):
            files.append(_open_file(secret.bytes, stack))
            argv += ["--vault-id", f"{label or f'given{number}'}@/dev/fd/{files[-1]}"]
        variables = dict(given["variables"] or {})
        if given.get("tarball"):
            variables.pop("release.tarball", None)
            argv += ["-e", f"release.tarball={self._loader.path_dwim(str(given['tarball']))}"]
        if variables:
            files.append(_open_file(json.dumps(variables, default=str).encode(), stack))
            argv += ["-e", f"@/dev/fd/{files[-1]}"]
        return argv + self._more(given), files

    def _gone(self, task_vars):
        every = task_vars.get("ansible_play_hosts_all") or []
        left = task_vars.get("ansible_play_hosts") or every
        return set(every) - set(left)

    def _more(self, given):
        del given
        return []

    def _told(self, done, events, given):
        del given
        ends = [event for event in events if event["event"] == "HostEnded"]
        hosts = {}
        for end in ends:
            before = hosts.get(end["host"], {"changed": 0, "total": 0, "problem": ""})
            hosts[end["host"]] = {
                "ending": end["ending"],
                "changed": before["changed"] + end["changed"],
                "total": before["total"] + end["total"],
                "problem": "\n".join(filter(None, (before["problem"], end["problem"]))),
                "release": end["release"],
            }
        found = {
            "changed": any(host["changed"] for host in hosts.values()),
            "rc": done.returncode,
            "failed": False,  # said at all: Ansible takes any rc but 0 for a failure
            "hosts": hosts,
            "rungs": [event for event in events if event["event"] == "RungRead" and event["ok"] is False],
        }
        if self._task.diff:
            found["diff"] = [
                {
                    "before": change["before"] or "",
                    "after": change["after"] or "",
                    "before_header": f"{event['host']}: {event['task']} {change['key']}",
                    "after_header": f"{event['host']}: {event['task']} {change['key']}",
                }
                for event in events
                if event["event"] == "TaskPlanned"
                for change in event["changes"]
            ]
        if done.returncode not in (0, 2):
            problems = [f"{name}: {host['problem']}" for name, host in hosts.items() if host["problem"]]
            found.update(failed=True, msg="\n".join(problems) or done.stderr.strip() or "deployer does not say why")
        return found


def _program(executable):
    beside = Path(sys.executable).with_name("deployer")
    found = executable or (str(beside) if beside.is_file() else shutil.which("deployer"))
    if not found:
        raise AnsibleActionFail("there is no deployer on the controller: pip install beam-deployer, or say executable:")
    return found


def _listed(value):
    return [value] if isinstance(value, str) else [str(one) for one in value or []]


def _open_file(data, stack):
    """Return an open file with these bytes that has no name anywhere; in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("deployer")
        stack.callback(os.close, file)
    else:
        file = stack.enter_context(tempfile.TemporaryFile()).fileno()  # noqa: SIM115
    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file

"""A part of a playbook, run by ansible-core over the hosts of our run: its turn, its word, our report."""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from deployer.ansible_core.calling import OWN_VAULT, AnsibleCall, call_of
from deployer.ansible_core.hearing import AnsibleHearing, HostTold
from deployer.ansible_core.installed import Installed, installed_ansible, lacking_collection
from deployer.ansible_core.masks import Masks, secrets_below, secrets_in
from deployer.ansible_core.serving import Served, serving
from deployer.ansible_core.told import as_ansible, inventory_json
from deployer.engine.host_run import Context, HostRun, ended_by
from deployer.engine.roll.play import Goal
from deployer.errors import ConfigError, Interrupted, StepError
from deployer.events import Ending, HostEnded, Note, Stage
from deployer.load.pieces import apart, put
from deployer.load.results import is_known
from deployer.load.vault import encrypt
from deployer.model import AnsiblePart, Host, Play, Secret
from deployer.project import Project
from deployer.resolve import Resolver
from deployer.sh import Program, Sh

_PYTHON = Sh(
    "for name in python3 /usr/libexec/platform-python /usr/bin/python3.[0-9]* python; do "
    'if command -v "$name" >/dev/null; then echo "$name"; exit 0; fi; done'
)
_ASKING = 60.0
_TICK = 0.2
_SAID = 20_000
_RAW = re.compile(r"(?m)^\s*(?:-\s+)?(?:ansible\.builtin\.)?(?:raw|script)\s*:")


@dataclass(slots=True)
class AnsibleRun:
    """One play of ours that ansible-core runs.

    Attributes:
        project: what the whole run is about.
        play: has the part in `Play.ansible`.
        resolver: knows how hosts are reached.
        hosts: of the play, as our own limit leaves them.
    """

    project: Project
    play: Play
    resolver: Resolver
    hosts: Sequence[Host]

    @property
    def part(self) -> AnsiblePart:
        """What of the playbook it is."""
        assert self.play.ansible  # noqa: S101
        return self.play.ansible

    def check(self) -> None:
        """Have ansible-core read the part.

        Raises:
            ConfigError: it cannot be read, or there is no ansible-core.
        """
        found = installed_ansible()
        with self._served(lambda _: None) as (served, masks):
            code, said = self._call(served, found, Goal.PLAN, (), syntax=True).ended(lambda: False)
        if code:
            raise ConfigError(self._complaint(found, masks.mask(said), served), where=self.play.mark)

    def run(self, context: Context, goal: Goal, drift_code: int = 0) -> int:
        """Run it over all hosts and return the exit code.

        Args:
            context: what every walk needs.
            goal: a deploy runs it, all others look what its check mode says.
            drift_code: the exit code that a host asks for when something would change.

        Raises:
            ConfigError: what is written is wrong; no connection was opened.
        """
        found = installed_ansible()
        runs = [HostRun(host, context.clock()) for host in self.hosts]
        told: dict[str, HostTold] = {}
        context.emit(Note(self._note(found, goal)))

        def work() -> None:
            context.each(runs, lambda run: self._meet(context, run))
            refused = any(isinstance(run.problem, ConfigError) for run in runs)
            if goal is Goal.DEPLOY and (refused or not context.may_write(runs)):
                return
            self._work(context, goal, found, [run for run in runs if not run.problem], told)

        def end(run: HostRun) -> HostEnded:
            return self._end(context, goal, run, told.get(run.name, HostTold()), drift_code)

        return context.walk(self.play.name, goal.value, runs, work, end)

    def _note(self, found: Installed, goal: Goal) -> str:
        why = f"as --ansible-fallback lets it: {self.part.reason}" if self.part.reason else "as engine: ansible says"
        word = "" if goal is Goal.DEPLOY else "; what follows is the word of its check mode, which nobody reads again"
        return f"{self.play.name} ({self.play.mark}): run by {found.called} ({found.program}), {why}{word}"

    def _meet(self, context: Context, run: HostRun) -> None:
        """Connect as for any play, and ask for Python."""
        transport = context.connect(run)
        context.emit(Stage(run.name, "probe"))
        (frame,) = transport.run(Program((_PYTHON,)), timeout=_ASKING)
        if not frame.out.strip() and not _RAW.search(self.part.text):
            hint = "install it in a play before: package: {name: python3}; or take the host out with --limit"
            raise ConfigError("has no Python, in which ansible-core's modules run", where=run.name, hint=hint)

    def _work(
        self, context: Context, goal: Goal, found: Installed, runs: Sequence[HostRun], told: dict[str, HostTold]
    ) -> None:
        if not runs:
            return
        names = [run.name for run in runs]
        for name in names:
            context.emit(Stage(name, "ansible"))
        hearing = AnsibleHearing(context.emit, goal, told)
        with self._served(hearing) as (served, masks):
            hearing.masks, hearing.moved = masks, (str(served.directory / "playbook"), str(self.part.file.parent))
            code, said = self._call(served, found, goal, names).ended(context.stop.is_set)
        if code and not hearing.begun and not context.stop.is_set():
            raise ConfigError(self._complaint(found, masks.mask(said), served), where=self.play.mark)
        for run in runs:
            one = told.setdefault(run.name, HostTold())
            run.problem = one.problem
            if code and not run.problem and context.stop.is_set():
                run.problem = Interrupted("ansible-core was stopped before this host was finished")
            elif code and not any(each.problem for each in told.values()):
                words = self._complaint(found, masks.mask(said), served)
                run.problem = StepError(words, where=run.name)

    def _complaint(self, found: Installed, said: str, served: Served) -> str:
        text = said.replace(str(served.directory / "playbook"), str(self.part.file.parent)).strip()
        lines = [line for line in text.splitlines() if line.strip()]
        words = "\n  ".join(lines[-30:])
        return f"{found.called} does not run this:\n  {words or 'it does not say why'}{lacking_collection(text)}"

    def _end(self, context: Context, goal: Goal, run: HostRun, told: HostTold, drift_code: int) -> HostEnded:
        seconds = context.clock() - run.begin
        if problem := run.problem:
            return HostEnded(
                run.name, ended_by(problem), told.changed, told.total, seconds, str(problem), problem.exit_code
            )
        drift = told.changed and goal is Goal.AUDIT
        ending: Ending = "drift" if drift else "unknown" if told.unknown else "changed" if told.changed else "ok"
        code = drift_code if told.changed and goal is not Goal.DEPLOY else 0
        return HostEnded(run.name, ending, told.changed, told.total, seconds, "", code)

    @contextmanager
    def _served(self, hear: Callable[[Any], None]) -> Iterator[tuple[Served, Masks]]:
        project = self.project
        more = {host.name: self._more(host) for host in project.inventory.hosts.values()}
        own = Secret(secrets.token_urlsafe(32), "password of this run")
        passwords = [*(password.secret for password in project.vaults.passwords), own]
        answers = {"inventory": lambda: inventory_json(project.inventory, more)}
        for number, password in enumerate(passwords):
            answers[f"vault-{number}"] = lambda secret=password: secret.reveal().encode() + b"\n"  # type: ignore[misc]
        known = [project.extra, self.play.vars, more, *(host.vars for host in project.inventory.hosts.values())]
        found = [secret for value in known for secret in secrets_in(value, project.vaults)]
        found += secrets_below([self.part.file.parent, self.part.file.parent.parent / "roles"], project.vaults)
        found += [password.reveal() for password in passwords]
        with serving(answers, hear, own) as served:
            yield served, Masks(found)

    def _more(self, host: Host) -> dict[str, Any]:
        """Return what a host has beyond its inventory: pieces of ``-e``, the sudo password, what tasks have set.

        What they will set when they have run is unknown to ansible-core, too.
        """
        told = self.project.settings.facts.get(host.name, {})
        found: dict[str, Any] = {name: value for name, value in told.items() if is_known(value)}
        for name, pieces in apart(self.project.extra)[1].items():
            for path, value in pieces.items() if name in host.vars else ():
                found[name] = put(found.get(name, host.vars[name]), path, value)
        if host in self.hosts and (password := self.resolver.connection(host).become_password):
            found["ansible_become_password"] = password
        return found

    def _call(
        self, served: Served, found: Installed, goal: Goal, names: Sequence[str], *, syntax: bool = False
    ) -> _Called:
        options, extra = self.project.options, dict(apart(self.project.extra)[0])
        answered = {
            prompt.name: self.play.vars[prompt.name] for prompt in self.play.prompts if prompt.name in self.play.vars
        }
        variables = json.dumps(as_ansible({**answered, **extra})).encode()
        # The file lies on a disk: it is encrypted, with a password that only this run has, and that it is asked for.
        served.write("variables.json", encrypt(variables, served.password, OWN_VAULT))
        labels = [*(password.vault_id for password in self.project.vaults.passwords), OWN_VAULT]
        here = [name for name in self.part.patterns if name in ("localhost", "127.0.0.1", "::1")]
        limit = [*names, *([] if options.limit else here)] if set(names) - set(here) else []
        call = call_of(self.part, options, found, served, goal=goal, vault_labels=labels, limit=limit, syntax=syntax)
        return _Called(call)


@dataclass(slots=True)
class _Called:
    """A call that has not begun."""

    call: AnsibleCall

    def ended(self, stop: Callable[[], bool]) -> tuple[int, str]:
        """Run it to its end, or until ``stop``, and return its exit code and what it printed."""
        call = self.call
        process = subprocess.Popen(
            call.argv,
            env=dict(call.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        said: list[str] = []
        reader = threading.Thread(
            target=lambda: said.append((process.stdout.read() if process.stdout else "")[-_SAID:])
        )
        reader.start()
        asked = False
        try:
            while process.poll() is None:
                if stop() and not asked:
                    asked = True
                    process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_TICK)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            reader.join(10)
            if process.stdout:
                process.stdout.close()
        return process.returncode, "".join(said)[-_SAID:]

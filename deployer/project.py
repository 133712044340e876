"""What a run is about: what a person asked for, and all that is loaded for it. Nothing here connects to a host."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deployer.errors import ConfigError
from deployer.gathering import Gathering
from deployer.load.inventory import Inventory, load_inventory, named_inventory
from deployer.load.playbook import find_playbook, load_playbook
from deployer.load.secrets import Vaults
from deployer.load.settings import SetVariables
from deployer.load.template import Layer
from deployer.load.variables import extra_variables
from deployer.model import Host, Play, Secret
from deployer.options import Options, ask_hidden, ask_open, words_of
from deployer.resolve import EVERYTHING, CliConnection, FleetNeeds, Resolver, RunWords, judge
from deployer.transport import SshOptions, Transport, open_transport


@dataclass(frozen=True, slots=True)
class Project:
    """Everything loaded: what the whole run is about.

    Attributes:
        extra: variables of the command line.
        become_password: of sudo, where it was asked for.
        only: names of the hosts that take part; None: all.
        done: names of hosts that take no part because an earlier run has brought them to what is declared.
        facts: what hosts have said of themselves in this run; ``settings``: what tasks have set on them.
        notes: what a person has to know before anything runs.
    """

    options: Options
    inventory: Inventory
    plays: tuple[Play, ...]
    vaults: Vaults
    extra: dict[str, Any]
    become_password: Secret | None = None
    only: frozenset[str] | None = None
    done: frozenset[str] = frozenset()
    facts: dict[str, Layer] = field(default_factory=dict)
    settings: SetVariables = field(default_factory=SetVariables)
    notes: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Path, ...]:
        """The playbook and the inventories, as absolute paths."""
        playbook = find_playbook(Path(self.options.playbook))
        return (playbook.resolve(), *(Path(path).resolve() for path in self.options.inventory))

    @property
    def inventories(self) -> tuple[str, ...]:
        """What a run is on: the inventories' absolute paths, or the hosts that ``-i a,b`` names, in order."""
        paths = tuple(str(path) for path in self.sources[1:])
        return paths or tuple(sorted(self.inventory.hosts))

    def hosts(self, play: Play) -> tuple[Host, ...]:
        """Return the hosts of a play that ``--limit`` leaves.

        Raises:
            ConfigError: there are none, and that was not permitted.
        """
        words = play.hosts.split(",") if play.ansible and len(play.ansible.patterns) > 1 else [play.hosts]
        empty, select = self.options.allow_empty or len(self.plays) > 1 or len(words) > 1, self.inventory.select
        some = (select(word, self.options.limit, where=play.mark, allow_empty=empty) for word in words)
        found = {host.name: host for hosts in some for host in hosts}
        return tuple(host for name, host in found.items() if self.only is None or name in self.only)

    def why_none(self, play: Play) -> str:
        """Return why a play among several has no host to work on, for a person."""
        words = f"the play {play.name!r} ({play.mark}) is skipped"
        try:
            declared = self.inventory.select(play.hosts, where=play.mark)
        except ConfigError as error:
            return f"{words}: {error.message}" + (f"\n  {error.hint}" if "did you mean" in error.hint else "")
        limit = (
            f"--limit {self.options.limit} leaves none of its hosts" if self.options.limit else "none is left of them"
        )
        return f"{words}: {limit} ({', '.join(host.name for host in declared[:5])}{', …' if declared[5:] else ''})"

    def work(self) -> list[tuple[Play, tuple[Host, ...]]]:
        """Return each play with its hosts.

        Raises:
            ConfigError: no host is left, or a tag is wrong.
        """
        found = [(play, self.hosts(play)) for play in self.plays]
        if wanted := words_of(self.options.tags):
            from deployer.asked import check_tags

            check_tags(self.plays, wanted)
        if not any(hosts for _, hosts in found) and not self.options.allow_empty:
            hint = "check hosts: of the plays and --limit; --allow-empty permits this"
            raise ConfigError("no host is left to work on", hint=hint)
        return found

    def resolver(self, play: Play, needs: FleetNeeds = EVERYTHING) -> Resolver:
        """Return what resolves a play for its hosts; ``needs``: what of the fleet is read."""
        options, names = self.options, [host.name for host in self.hosts(play)]
        if play.turns.order != "inventory":
            from deployer.engine.roll.rollout import arranged

            names = arranged(names, play.turns.order)
        cli = CliConnection(
            user=options.user or None,
            private_key=Path(options.private_key) if options.private_key else None,
            become=options.become or None,
            become_password=self.become_password,
        )
        run = RunWords(
            strict=options.strict,
            extra_vars=self.extra,
            tags=words_of(options.tags),
            skip_tags=words_of(options.skip_tags),
            vaults=self.vaults,
            cli=cli,
            facts=self.facts,
            settings=self.settings,
            first=next(iter(names), ""),
            hosts=names,
            told=_told(options),
            needs=needs,
        )
        return Resolver(self.inventory, play, run)

    def opener(self, resolver: Resolver) -> Callable[[Host], Transport]:
        """Return what connects to a host."""
        ssh = SshOptions(accept_new=self.options.accept_new_host_keys, ask=ask_hidden if sys.stdin.isatty() else None)
        return lambda host: open_transport(host.name, resolver.connection(host), ssh)


def _told(options: Options) -> dict[str, Any]:
    """Return what Ansible's variables say of the command line; the limit only where there is one."""
    files = [str(Path(one).resolve()) for one in options.inventory]
    limit = {"ansible_limit": options.limit} if options.limit else {}
    return limit | {
        "ansible_run_tags": sorted(words_of(options.tags)) or ["all"],
        "ansible_skip_tags": sorted(words_of(options.skip_tags)),
        "ansible_inventory_sources": files or [f"{options.hosts},"],
        "ansible_forks": options.forks,
    }


def load(
    options: Options, *, ask: bool = True, need_secrets: bool = True, first: Callable[[Project], object] = bool
) -> Project:
    """Read inventory, playbook and variables; raises ConfigError. Nothing is connected to.

    Args:
        options: what to load.
        ask: hosts will be connected to, so that ``--ask-become-pass`` asks.
        need_secrets: False leaves encrypted files of variables out, unless a vault password is given.
        first: is shown what was read before anything is asked; what it raises ends the loading.
    """
    flag = "--hosts" if options.hosts else "-i"
    options, role_paths, notes = _ansible_cfg(_named(options))
    vaults = options.vaults()
    inventory, plays = _read(options, vaults, role_paths, need_secrets, flag)
    extra = extra_variables(options.extra_vars, vaults)
    first(Project(options, inventory, plays, vaults, extra))
    prompter = ask_open if ask and sys.stdin.isatty() else None
    if any(play.prompts or play.vars_files or "{{" in play.hosts for play in plays):
        from deployer.asked import answered_play

        plays = tuple(answered_play(play, extra, vaults, prompter, need=ask) for play in plays)
    if options.start_at_task:
        from deployer.asked import started_at

        plays = started_at(plays, options.start_at_task)
    notes += (*inventory.notes, *(note for play in plays for note in play.notes))
    for play in (play for play in plays if play.local):
        inventory = inventory.with_here(play.hosts)
    if any("." in name for name in extra):
        from deployer.asked import check_pieces

        check_pieces(extra, inventory, plays)
    become = Secret(ask_hidden("sudo password"), "sudo password") if ask and options.ask_become_pass else None
    return Project(options, inventory, plays, vaults, extra, become, notes=notes)


def names_hosts(word: str) -> bool:
    """Return whether a word of ``-i`` is a list of hosts, as Ansible has it: with a comma, and no path."""
    return "," in word and "/" not in word and not Path(word).exists()


def _named(options: Options) -> Options:
    """Return the options with the hosts that ``-i a,b`` names."""
    named = [one for one in options.inventory if names_hosts(one)]
    if named and len(named) < len(options.inventory):
        hint = "write the hosts into a file of their own; -i takes several files"
        raise ConfigError(f"-i {named[0]} names hosts, and another -i is a file", hint=hint)
    return replace(options, inventory=(), hosts=",".join(named)) if named else options


def _read(
    options: Options, vaults: Vaults, role_paths: tuple[Path, ...], need_secrets: bool, flag: str
) -> tuple[Inventory, tuple[Play, ...]]:
    """Read inventory and playbook; raises ConfigError: what is wrong in either, or that no inventory is given."""
    playbook = Path(options.playbook) if options.playbook else None
    problems, plays = Gathering(), tuple[Play, ...]()
    with problems.going_on():
        more: dict[str, Any] = {"role_paths": role_paths, "judge": judge, "fallback": options.ansible_fallback}
        plays = load_playbook(playbook, vaults=vaults, **more) if playbook else ()
    if not options.inventory and not options.hosts:
        raise ConfigError(
            "no inventory is given", hint="add -i INVENTORY; deployer docs inventory.example.yml shows one"
        )
    opener = vaults if vaults or (playbook and need_secrets) else None  # looking around needs no vault password
    directory = plays[0].directory if plays else None
    with problems.going_on():
        inventory = (
            load_inventory(options.inventory, playbook_dir=directory, vaults=opener)
            if options.inventory
            else named_inventory(options.hosts, flag)
        )
    problems.check()
    return inventory, plays


def _ansible_cfg(options: Options) -> tuple[Options, tuple[Path, ...], tuple[str, ...]]:
    """Return the options with what ``ansible.cfg`` says, its directories of roles, and notes for a person."""
    places = Path("ansible.cfg"), Path.home() / ".ansible.cfg", Path("/etc/ansible/ansible.cfg")
    if not os.environ.get("ANSIBLE_CONFIG") and not any(place.is_file() for place in places):
        return options, (), ()
    from deployer.configured import with_ansible_cfg

    return with_ansible_cfg(options)

"""The variables of a host, of a play on it, and of one task there, in layers with Ansible's order of precedence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from deployer.load.inventory import Inventory
from deployer.load.pieces import apart
from deployer.load.settings import RunVariables, SetVariables
from deployer.load.template import Layer, Variables
from deployer.model import Host, Mark, Play, Task

MANAGED = "Written by deployer; changes made here are undone."
"""The value of ``ansible_managed``, if no variable of that name is set."""

_VERSION: Mapping[str, Any] = {"full": "2.19.0", "string": "2.19.0", "major": 2, "minor": 19, "revision": 0}
"""``ansible_version``: the version of the language that deployer follows. ``ansible_check_mode`` is always false: a
plan shows what a deploy does."""

_MANAGED = Layer({"ansible_managed": MANAGED}, final=True)


class Scopes:
    """The variables of every host and task of a play; each set is made once and kept.

    Highest precedence first: the fleet's words (normalised), Ansible's magic variables, the loop's item, ``-e``, role
    and task variables, those of the play, facts, those of the inventory, role defaults.
    """

    def __init__(self, inventory: Inventory, play: Play, run: RunVariables) -> None:
        self._inventory, self._play, self._vaults = inventory, play, run.vaults
        whole, self._pieces = apart(run.extra_vars)
        self._extra = Layer(whole)
        self._shared = {**self._magic(run.hosts), **run.told}
        self._hosts: dict[str, Variables] = {}
        self._plays: dict[str, Variables] = {}
        self._facts, self._settings = run.facts, run.settings
        self._start: SetVariables | None = None
        self._fleet: dict[str, Layer] = {}
        self._tasks: tuple[str, dict[tuple[int, int], Variables]] = "", {}  # of the host whose turn it is
        self._names_of: dict[str, dict[str, Any]] = {}
        self._moments: dict[tuple[str, Mark, int], Variables] = {}

    def learn(self, host: Host, facts: Mapping[str, Any] | None) -> None:
        """Add a host's facts; they are data and never templated. None: keep the facts from an earlier play."""
        if facts is not None:
            self._facts[host.name] = Layer(dict(facts), final=True)
            self._hosts.pop(host.name, None)

    def begin(self, host: Host) -> None:
        """Start a host's tasks with the variables that earlier plays have set."""
        if self._start is None:
            self._start = self._settings.copy()
            self._hosts.clear()  # who was looked at before has nothing of it
        self._settings.begin(host.name, self._start)
        self._forget(host)

    def put(
        self,
        host: Host,
        facts: Mapping[str, Any],
        files: Mapping[str, Any],
        read: Mapping[str, Any] | None = None,
        *,
        hushed: bool = False,
    ) -> None:
        """Set variables for later tasks and later plays on the host; ``hushed``: reports must not show them."""
        self._settings.put(host.name, facts, files, read or {}, hushed=hushed)
        self._forget(host)

    def _forget(self, host: Host) -> None:
        if self._tasks[0] == host.name:
            self._tasks = "", {}

    def _set(self, settings: SetVariables | None, host: Host) -> tuple[Layer, ...]:
        return settings.layers(host.name) if settings else ()

    def _told(self, settings: SetVariables | None, host: Host) -> Layer:
        """Return a host's facts, including those that tasks have read."""
        facts = self._facts.get(host.name, Layer({}))
        return settings.with_read(host.name, facts) if settings else facts

    def shadow(self, host: Host, words: Mapping[str, Any]) -> None:
        """Let the fleet's normalised words override the written ones."""
        self._fleet[host.name] = Layer(dict(words), final=True)

    def host(self, host: Host) -> Variables:
        """Return the variables from inventory, ``-e`` and facts; ``hostvars`` shows these."""
        if host.name not in self._hosts:
            named, facts = Layer(self._named(host), final=True), self._told(self._start, host)
            mine = self._set(self._start, host)
            self._hosts[host.name] = self._variables(named, self._extra, *mine, facts, Layer(host.vars))
        return self._hosts[host.name]

    def outside(self, host: Host) -> Variables:
        """Return the same for a host outside of the play, with ``hostvars`` for use in its own words."""
        return self.host(host).over(Layer({"hostvars": self._shared["hostvars"]}, final=True))

    def play(self, host: Host) -> Variables:
        """Return the variables with those of the play, but without facts and the fleet's normalised words."""
        if host.name not in self._plays:
            layers = self._names(host), self._extra, Layer(self._play.vars), Layer(host.vars)
            self._plays[host.name] = self._variables(*layers)
        return self._plays[host.name]

    def words(self, host: Host) -> Variables:
        """Return the variables for the play's own keywords, including the fleet's normalised words."""
        strong = self._fleet.get(host.name, Layer({})), self._names(host), self._extra
        return self._variables(*strong, Layer(self._play.vars), self._told(self._start, host), Layer(host.vars))

    def task(self, host: Host, task: Task) -> Variables:
        """Return what names mean in one task."""
        if self._tasks[0] != host.name:
            self._tasks = host.name, {}
        kept, key = self._tasks[1], (id(task.defaults), id(task.vars))
        if key not in kept:
            role = Layer({"role_name": task.role, "role_path": str(task.role_path)} if task.role else {}, final=True)
            facts = self._told(self._settings, host)
            words = self._fleet.get(host.name, Layer({}))
            mine = self._set(self._settings, host)
            params = (Layer(task.params),) if task.params and mine else ()
            strong = words, self._names(host), role, self._extra, *params, *mine, Layer(task.vars)
            kept[key] = self._variables(*strong, Layer(self._play.vars), facts, Layer(host.vars), Layer(task.defaults))
        return kept[key]

    def once(self, host: Host, task: Task, nth: int, *, now: bool) -> Variables:
        """Return what names meant in a task that a host does once for all: later tasks may have set them anew.

        Args:
            host: which does it.
            task: as written.
            nth: how many times the task was met, this one included.
            now: the host itself is there.
        """
        key = host.name, task.mark, nth
        if now:
            self._moments[key] = self.task(host, task)
        return self._moments[key] if key in self._moments else self.task(host, task)

    def _variables(self, *layers: Layer) -> Variables:
        own: dict[str, Any] = {}
        found = Variables((*layers, Layer(own, final=True), _MANAGED), self._vaults.reveal, self._pieces)
        own["vars"] = found
        return found

    def _names(self, host: Host) -> Layer:
        return Layer({**self._shared, **self._named(host)}, final=True)

    def _named(self, host: Host) -> dict[str, Any]:
        if host.name not in self._names_of:
            self._names_of[host.name] = {
                "inventory_hostname": host.name,
                "inventory_hostname_short": host.name.partition(".")[0],
                "group_names": sorted(name for name in host.groups if name != "all"),
                "groups": self._groups,
                **_source(host.mark.file),
            }
        return self._names_of[host.name]

    @cached_property
    def _groups(self) -> dict[str, list[str]]:
        """All groups' hosts: one for all hosts, since no template can change it."""
        return {name: list(hosts) for name, hosts in self._inventory.members.items()}

    def batch(self, host: Host, names: Sequence[str]) -> None:
        """Let a host know which hosts have their turn with it."""
        self._named(host).update(ansible_play_batch=list(names), play_hosts=list(names))

    def _magic(self, hosts: Sequence[str]) -> dict[str, Any]:
        roles = list(dict.fromkeys(task.role for task in self._play.tasks if task.role))
        chosen = list(hosts) or [host.name for host in self._inventory.select(self._play.hosts, allow_empty=True)]
        return {
            "ansible_play_hosts": chosen,
            "ansible_play_hosts_all": chosen,
            "ansible_play_batch": chosen,
            "play_hosts": chosen,
            "ansible_play_role_names": roles,
            "ansible_role_names": roles,
            "role_names": roles,
            "ansible_check_mode": False,
            "ansible_diff_mode": False,
            "ansible_version": _VERSION,
            "ansible_play_name": self._play.name,
            "hostvars": HostVars(self, self._inventory),
            "playbook_dir": str(Path(self._play.directory).resolve()),
        }


class HostVars(Mapping[str, Any]):
    """``hostvars``: the variables of any host of the inventory, templated when looked at."""

    def __init__(self, scopes: Scopes, inventory: Inventory) -> None:
        self._scopes, self._inventory = scopes, inventory

    def __getitem__(self, name: str) -> Variables:
        return self._scopes.host(self._inventory.hosts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._inventory.hosts)

    def __len__(self) -> int:
        return len(self._inventory.hosts)


@cache
def _source(file: str) -> dict[str, str]:
    if not file or file.startswith("-"):
        return {}
    path = Path(file).resolve()
    return {"inventory_file": str(path), "inventory_dir": str(path.parent)}

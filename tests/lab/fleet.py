"""A fleet as a person writes one: an inventory with the fleet's words and a cookie file, and the real command line.

What the command did is judged by its exit code, its ``--json`` lines, and by looking at the hosts with plain ssh.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab, LabHost

PROGRAM = Path(sys.executable).with_name("deployer")
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
COOKIE = "Xq3vT9mW2kLr8ZpYb5Nd7HcJ4sGf6Ra1UeQoVt0C"
PATIENCE = 480
LEFTOVERS = """\
find / -xdev -name '.deployer.*' -o -name '.unpack.*' -o -name '.old.*' -o -name '*.nft.new' -o -name .new
find /run/deployer /var/lib/deployer -mindepth 1 ! -path /run/deployer/holder ! -path /run/deployer/lease \
  ! -path /run/deployer/proven 2>/dev/null"""
"""What lists everything that a run may leave lying about on a host, for plain sh; nothing of it should be there."""
Event = dict[str, Any]


class _Plain(yaml.SafeDumper):
    """Without anchors, which strict YAML refuses."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True)
class Ran:
    """What one run of the command line left: its exit code, both outputs, and its events when asked for."""

    code: int
    out: str
    err: str
    events: tuple[Event, ...] = ()

    def of(self, kind: str, **fields: Any) -> list[Event]:
        """The events of a class whose fields have these values."""
        return [each for each in self.events if each["event"] == kind and fields.items() <= each.items()]

    def planned(self, host: LabHost, verdict: str = "change") -> list[str]:
        """The labels of a host's tasks and handlers with this answer, in order."""
        return [each["task"] for each in self.of("TaskPlanned", host=host.name, verdict=verdict)]

    def end(self, host: LabHost) -> Event:
        """How it ended for a host."""
        (found,) = self.of("HostEnded", host=host.name)
        return found

    def bad_rungs(self) -> dict[str, Event]:
        """Node → the rung it fell off."""
        return {each["node"]: each for each in self.of("RungRead", ok=False)}

    def rungs(self, host: LabHost) -> dict[int, bool | None]:
        """Rung → its answer, of a host with one node."""
        return {each["rung"]: each["ok"] for each in self.of("RungRead", host=host.name)}


@dataclass
class Fleet:
    """An inventory being written and the command that reads it; change ``words`` and ``of`` and run again.

    Attributes:
        words: variables of all hosts.
        of: variables of one host by its name; they win.
        environ: added to the command's environment.
        plays: a test's own, by name.
    """

    directory: Path
    lab: Lab
    hosts: Sequence[LabHost]
    words: dict[str, Any]
    of: dict[str, dict[str, Any]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    plays: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        """Where the inventory is written before each run."""
        return self.directory / "inventory.yml"

    def write(self) -> Path:
        """Write inventory and cookie; returns the inventory's path."""
        told = yaml.safe_load(self.lab.inventory.read_text())["all"]["children"]["lab"]["hosts"]
        hosts = {host.name: told[host.name] | self.of.get(host.name, {}) for host in self.hosts}
        text = yaml.dump({"all": {"children": {"fleet": {"hosts": hosts, "vars": self.words}}}}, Dumper=_Plain)
        self.inventory.write_text(text)
        cookie = self.directory / "cookie"
        if not cookie.exists():
            cookie.touch(0o600)
            cookie.write_text(COOKIE)
        return self.inventory

    def argv(self, command: str, *flags: str, playbook: str | Path = PLAYBOOKS / "site.yml") -> list[str]:
        """The command as a person types it; looking at the inventory takes no playbook, and hosts come behind it."""
        said, *rest = command.split(" on ")
        words = said.split() if command == "inventory" else [*said.split(), str(playbook), *rest]
        return [str(PROGRAM), *words, "-i", str(self.write()), *flags]

    def environment(self) -> dict[str, str]:
        """Nothing of this machine's person: no agent, no ~/.ssh."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8", **self.environ}

    def run(self, command: str, *flags: str, playbook: str | Path = PLAYBOOKS / "site.yml", stdin: str = "") -> Ran:
        """Run it to its end and read its events."""
        done = self.show(command, "--json", *flags, playbook=playbook, stdin=stdin)
        return Ran(done.code, done.out, done.err, tuple(json.loads(line) for line in done.out.splitlines()))

    def show(self, command: str, *flags: str, playbook: str | Path = PLAYBOOKS / "site.yml", stdin: str = "") -> Ran:
        """Run it as a person does, for the text it prints."""
        argv = self.argv(command, *flags, playbook=playbook)
        done = subprocess.run(
            argv, env=self.environment(), input=stdin, capture_output=True, text=True, timeout=PATIENCE,
            cwd=self.directory,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, command: str, *flags: str, playbook: str | Path = PLAYBOOKS / "site.yml") -> subprocess.Popen[str]:
        """Start it and let it run; its events can be read from ``stdout`` as they come."""
        return subprocess.Popen(
            self.argv(command, "--json", *flags, playbook=playbook), env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.directory,
        )  # fmt: skip

    def play(self, *plays: dict[str, Any]) -> Path:
        """Write a playbook beside the inventory."""
        place = self.directory / "play.yml"
        place.write_text(yaml.dump(list(plays), Dumper=_Plain, sort_keys=False))
        return place


def fleet_of(directory: Path, hosts: Sequence[LabHost], tarball: Path, **words: Any) -> Fleet:
    """The demo on these hosts of one lab; ``words`` replace the defaults whole."""
    lab = labs.status(hosts[0].home.parent.parent.name)
    assert lab is not None
    defaults: dict[str, Any] = {
        "release": {"name": "demo", "tarball": str(tarball)},
        "cluster": {"name": "demo", "cookie": {"file": str(directory / "cookie")}, "mesh": "boot"},
        "env": {"PORT": "4000"},
        "firewall": {"admin": [lab.subnet], "public": ["4000/tcp"]},
        "health": {"http": "http://127.0.0.1:4000/health", "timeout": 60, "stable": 1},
    }
    return Fleet(directory, lab, hosts, defaults | words)


def shop_of(directory: Path, hosts: Sequence[LabHost], tarball: Path, **words: Any) -> Fleet:
    """The shop on these hosts of a lab that has a database, which each new release migrates."""
    made = fleet_of(directory, hosts, tarball)
    assert made.lab.database is not None
    env = {"PORT": "4000", "PHX_SERVER": "true", "SECRET_KEY_BASE": "a" * 64}
    made.words |= {
        "release": {"name": "shop", "tarball": str(tarball), "migrate": {"command": "bin/migrate"}},
        "cluster": made.words["cluster"] | {"name": "shop"},
        "env": env | {"DATABASE_URL": labs.database_url(made.lab.database)},
    } | words  # fmt: skip
    return made


def untouched(lab: Lab, count: int) -> tuple[LabHost, ...]:
    """The first hosts of a lab, put back to the image."""
    for host in lab.hosts[:count]:
        labs.reset(host.name, lab.name)
    fresh = labs.status(lab.name)
    assert fresh is not None
    return fresh.hosts[:count]


def disk(host: LabHost) -> dict[str, str]:
    """What the host has written; of /var/tmp systemd clears away what a stopped unit had, at some moment later."""
    return {path: told for path, told in labs.upper_state(host).items() if not path.startswith("var/tmp")}


def health(host: LabHost, port: int = 4000) -> tuple[int, dict[str, Any]]:
    """What the app's page says to this machine, through the host's firewall: (status, body); (0, {}) for no answer."""
    try:
        with urllib.request.urlopen(f"http://{host.address}:{port}/health", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, {}


def walk(fleet: Fleet, ssh: Callable[..., tuple[int, str]], drift: str, tasks: list[str]) -> Ran:
    """A flavour's way, on untouched hosts: deployed, green, deployed again, audited.

    With DEPLOYER_LAB_ALL=1 its whole way: drifted, found, fixed too, which `test_drift` has of each kind of task.

    Args:
        drift: run on the first host by plain ssh.
        tasks: what an audit then has to find there.

    Returns the first deploy.
    """
    first = fleet.run("deploy")
    assert first.code == 0, first.out + first.err
    assert {each["ok"] for each in first.of("RungRead")} <= {True, None}
    assert {each["node"] for each in first.of("RungRead", rung=Rung.HEALTH, ok=True, host=fleet.hosts[0].name)}
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, []), again.out
    if os.environ.get("DEPLOYER_LAB_ALL") == "1":
        assert ssh(fleet.hosts[0], drift)[0] == 0
        audit = fleet.run("audit")
        assert (audit.code, audit.planned(fleet.hosts[0])) == (2, tasks)
        assert [audit.planned(host) for host in fleet.hosts[1:]] == [[]] * (len(fleet.hosts) - 1)
        fixed = fleet.run("deploy")
        assert fixed.code == 0, fixed.out
    clean = fleet.run("audit")
    assert (clean.code, clean.of("TaskPlanned", verdict="change")) == (0, [])
    return first


def open_ports(address: str) -> set[int]:
    """EPMD's and the distribution's ports that this machine, a stranger to the cluster, finds open at an address."""
    found = set()
    for port in (4369, *range(9100, 9110)):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as knock:
            knock.settimeout(0.3)
            found |= {port} if knock.connect_ex((address, port)) == 0 else set()
    return found

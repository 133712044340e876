"""Two small real modules, a handler, and a host that is a directory on which a real shell runs what hosts get."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.engine.walk.walk import Walk
from deployer.events import Event
from deployer.model import Absent, Blob, Connection, Host, Mark, Present, Task, Unknown
from deployer.modules.base import Changes, Module, Observed, State, Step, lines, records, sh
from deployer.resolve import Action, HostPlay
from deployer.sh import Frame, Program, Sh, decode, encode, payload
from deployer.sh.frame import BOOTSTRAP


@dataclass(frozen=True, kw_only=True)
class Note(Module):
    """A file with one line of text; its directory has to be there first."""

    path: Path
    text: str
    present: bool = True
    lies: bool = False

    def desired(self) -> State:
        return Present({"text": self.text}) if self.present else Absent()

    def probe(self) -> Sh:
        return lines(
            sh('[ -d {} ] || unknown "its directory does not exist yet"', self.path.parent),
            sh('if [ -f {0} ]; then emit text "$(cat {0})"; fi', self.path),
        )

    def parse(self, out: str) -> Observed:
        return Present(records(out, "text")) if out else Absent()

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        if not changes:
            return ()
        if self.lies:
            return (Step("pretend", sh(":")),)
        if not self.present:
            return (Step(f"remove {self.path.name}", sh("rm {}", self.path)),)
        return (Step(f"write {self.path.name}", sh('cat "$1" >{}', self.path), (Blob.of(self.text),)),)

    def touches(self) -> tuple[str, ...]:
        return (str(self.path),)


@dataclass(frozen=True, kw_only=True)
class Folder(Module):
    """A directory."""

    path: Path

    def desired(self) -> State:
        return Present({})

    def probe(self) -> Sh:
        return sh("if [ -d {} ]; then emit type directory; fi", self.path)

    def parse(self, out: str) -> Observed:
        return Present(records(out, "type")) if out else Absent()

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        return (Step(f"make {self.path.name}", sh("mkdir {}", self.path)),) if changes else ()

    def touches(self) -> tuple[str, ...]:
        return (str(self.path),)


@dataclass(frozen=True, kw_only=True)
class Service(Module):
    """Something that has to be started again once its file changes; it notes its starts in a log."""

    log: Path
    file: Path

    def desired(self) -> State:
        return Present({"runs": "yes"})

    def probe(self) -> Sh:
        return sh(
            "if [ -f {0} ] && [ ! {1} -nt {0} ]; then emit runs yes; else emit runs stale; fi", self.log, self.file
        )

    def parse(self, out: str) -> Observed:
        return Present(records(out, "runs"))

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        return self.act() if changes else ()

    def act(self) -> tuple[Step, ...]:
        return (Step("start", sh("echo start >>{}", self.log)),)

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        return Present({"runs": "stale"}) if str(self.file) in touched else observed


@dataclass(frozen=True, kw_only=True)
class Broken(Module):
    """Its step fails, its probe is what it is told."""

    asks: str = "emit state wrong"
    does: str = "echo because >&2; exit 7"

    def desired(self) -> State:
        return Present({"state": "right"})

    def probe(self) -> Sh:
        return Sh(self.asks)

    def parse(self, out: str) -> Observed:
        return Present(records(out, "state"))

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        return (Step("try", Sh(self.does)),) if changes else ()


def action(module: Module, name: str = "", line: int = 1, **more: Any) -> Action:
    """Return an action as the resolver would make it."""
    label = name or type(module).__name__.lower()
    task = Task(label, label, {}, Mark("site.yml", line), role=more.pop("role", ""))
    return Action(task, label, module, **more)


def host_play(*actions: Action, handlers: Iterable[Action] = ()) -> HostPlay:
    """Return a play of one host."""
    host = Host("web1", {}, (), Mark("inventory.yml", 1))
    return HostPlay(host, Connection("192.0.2.1"), actions, tuple(handlers))


class Events(list[Event]):
    """Collects events, and gives those of a class."""

    def __init__(self) -> None:
        super().__init__()
        self._acts: list[tuple[type[Event], Callable[[Any], object]]] = []

    def __call__(self, event: Event) -> None:
        self.append(event)
        for kind, act in self._acts:
            if isinstance(event, kind):
                act(event)

    def when(self, kind: type[Event], act: Callable[[Any], object]) -> None:
        """Have something done at each event of a class to come."""
        self._acts.append((kind, act))

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


@dataclass
class DirectoryHost:
    """A host whose home and temporary files lie in one directory; a real dash runs every program, whole."""

    root: Path
    name: str = "web1"
    host_key: str = "SHA256:directory"
    programs: list[Program] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        self.programs.append(program)
        text = encode(program)
        for theirs, ours in (
            ("home=/var/lib/deployer", f"home={self.home}"),
            ("run_dir=/run/deployer", f"run_dir={self.home}"),
        ):
            assert theirs in text or not (program.writes or "run_dir" not in theirs)
            text = text.replace(theirs, ours)
        _, *blobs = payload(program)
        raw = text.encode("utf-8", "surrogateescape")
        sent = b"".join([b"%d\n%b" % (len(raw), raw), *blobs])
        self.home.mkdir(exist_ok=True)
        done = subprocess.run(
            ["dash", "-c", BOOTSTRAP, "deployer", ""],
            input=sent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(self.home)},
            timeout=timeout,
        )
        yield from decode(program, iter([done.stdout]))

    def connect(self, address: str, port: int, *, timeout: float) -> Any:
        raise ConnectionRefusedError(f"{address}:{port}")

    def reopen(self) -> None:
        pass

    def prove_ways(self) -> None:
        pass

    def close(self) -> None:
        pass


def unknown(reason: str = "later") -> Unknown:
    return Unknown(reason)


def walk(
    host: DirectoryHost, *actions: Action, handlers: tuple[Action, ...] = (), extra_probes: tuple[Sh, ...] = ()
) -> Walk:
    return Walk(host, host_play(*actions, handlers=handlers), Events(), extra_probes)

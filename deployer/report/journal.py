"""The journals of this machine's deploys and rollbacks: one file for each run, with one line for each event.

The files are in ``$XDG_STATE_HOME/deployer/runs`` (``~/.local/state``), readable only by their owner. They contain the
run, its playbook and hosts, the labels of the tasks that change, how each host ended, and the exit code. They contain
no values, no variables of the command line, and no digest from which a secret could be guessed: digests of files are
keyed, with a key in a file beside them.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from deployer.events import Event, HostEnded, PlayStarted, RunEnded, TaskPlanned
from deployer.machine_key import machine_key, state_home

JOURNALS_KEPT = 100
"""Number of journals to keep; the oldest are removed first."""
_NEAR = ("group_vars", "host_vars")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first line: the run, and what it was started with.

    Attributes:
        run: the name of the run as in the records of hosts: ``TIME-DIGITS PERSON@MACHINE``.
        goal: ``deploy`` or ``rollback``.
        time: seconds since 1970.
        playbook: its absolute path.
        inventories: their absolute paths, in order; or the names of hosts given instead.
        limit: as on the command line; the same for ``tags`` and ``skip_tags``.
        extra_vars: whether there were any.
        digests: path → keyed digest of the file or directory.
        plays: the hosts of each play, in order.
    """

    run: str
    goal: str = "deploy"
    time: int = field(default_factory=lambda: int(time.time()))
    playbook: str
    inventories: tuple[str, ...]
    limit: str = ""
    tags: str = ""
    skip_tags: str = ""
    start_at_task: str = ""
    extra_vars: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)
    plays: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one run.

    Attributes:
        planned: host → labels of its tasks that would change.
        ended: for each start of a play: host → how it ended.
        code: the exit code; None: the run was killed.
    """

    head: Head
    planned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ended: tuple[Mapping[str, str], ...] = ()
    code: int | None = None

    def endings(self, host: str) -> tuple[str, ...]:
        """Return how the plays of a host ended; empty text for a play that did not end.

        A play may start more than once, for some of its hosts each time, or never, if it has no hosts.
        """
        found = [ends[host] for ends in self.ended if host in ends]
        return (*found, *[""] * (sum(host in hosts for hosts in self.head.plays) - len(found)))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of all plays."""
        return tuple(dict.fromkeys(host for hosts in self.head.plays for host in hosts))

    @property
    def plan(self) -> str:
        """What the run would do, in a few words: ``release.yml: 12 tasks on 3 hosts``."""
        tasks = len({label for labels in self.planned.values() for label in labels})
        name, hosts = Path(self.head.playbook).name, len(self.planned)
        return f"{name}: {tasks} task{'s'[: tasks != 1]} on {hosts} host{'s'[: hosts != 1]}"


class Journals:
    """All readable journals of a directory, by default that of this user."""

    def __init__(self, place: Path | None = None) -> None:
        self.place = place or _home()

    def keyed(self, paths: Sequence[Path]) -> dict[str, str]:
        """Return path → keyed digest of files and directories, including variable files beside an inventory."""
        key = _key(self.place)
        return {str(path): _digest(key, path) for path in paths} if key else {}

    def alike(self, playbook: Path, inventories: Sequence[str]) -> Iterator[Journal]:
        """Yield the journals of the same playbook and inventories (as `Head` has them), the newest first."""
        wanted = (str(playbook), tuple(inventories))
        for file in reversed(_files(self.place)):
            found = read_journal(file)
            if found and (found.head.playbook, found.head.inventories) == wanted:
                yield found

    def of(self, run: str) -> Journal | None:
        """Return the journal of a run, by its name in the records of hosts."""
        name = run.partition(" ")[0]
        found = read_journal(self.place / f"{name}.jsonl") if name and "/" not in name else None
        return found if found and found.head.run == run else None


class Writer:
    """Writes the journal of one run. If that fails, it warns once, and the run goes on.

    The journal begins with the first play: a run that is refused before that has changed nothing, and needs none.

    Args:
        head: the first line.
        place: the directory.
    """

    def __init__(self, head: Head, place: Path | None = None) -> None:
        self._head: Head | None = head
        self._place = place or _home()
        self._file: TextIO | None = None

    def __call__(self, event: Event) -> None:
        """Write one event, if it is needed later."""
        match event:
            case PlayStarted():
                self._begin()
                self._write({"play": event.play})
            case TaskPlanned(verdict="change" | "runs"):
                self._write({"host": event.host, "plan": event.task})
            case HostEnded():
                ended = {"ending": event.ending, "code": event.code, "release": event.release}
                self._write({"host": event.host, **ended})
            case RunEnded():
                self._write({"end": event.code})

    def close(self) -> None:
        """Close the file."""
        if self._file:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _begin(self) -> None:
        head, self._head = self._head, None
        if head:
            try:
                self._file = _open(self._place, head.run.partition(" ")[0])
            except OSError as error:
                _warn(error)
            self._write({"head": asdict(head)})

    def _write(self, line: Mapping[str, Any]) -> None:
        if not self._file:
            return
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            self.close()
            _warn(error)


def read_journal(file: Path) -> Journal | None:
    """Read a journal, up to a line that is cut; None for what is none."""
    head, planned, ended, code = None, dict[str, list[str]](), list[dict[str, str]](), None
    with suppress(OSError, ValueError, TypeError, KeyError, IndexError):
        for text in file.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if "head" in line:
                given = line["head"]
                plays = tuple(tuple(hosts) for hosts in given.pop("plays"))
                head = Head(inventories=tuple(given.pop("inventories")), plays=plays, **given)
            elif "play" in line:
                ended.append({})
            elif "plan" in line:
                planned.setdefault(line["host"], []).append(line["plan"])
            elif "ending" in line:
                ended[-1][line["host"]] = line["ending"]
            elif "end" in line:
                code = line["end"]
    return (
        Journal(head, {host: tuple(labels) for host, labels in planned.items()}, tuple(ended), code) if head else None
    )


def _home() -> Path:
    return (state_home() or Path(os.devnull)) / "runs"


def _files(place: Path) -> list[Path]:
    try:
        return sorted(file for file in place.iterdir() if file.suffix == ".jsonl")
    except OSError:
        return []


def _open(place: Path, name: str) -> TextIO:
    place.mkdir(0o700, parents=True, exist_ok=True)
    place.chmod(0o700)
    for old in _files(place)[: 1 - JOURNALS_KEPT]:
        old.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(place / f"{name}.jsonl", flags, 0o600), "w", encoding="utf-8")


def _key(place: Path) -> bytes:
    """Return this machine's key for digests, made when there is none; empty when that cannot be."""
    with suppress(OSError):
        return machine_key(place)
    return b""


def _digest(key: bytes, path: Path) -> str:
    near = [path, *(path.parent / folder for folder in _NEAR)]
    files = sorted(file for one in near for file in ([one] if one.is_file() else one.rglob("*")) if file.is_file())
    whole = hmac.new(key, digestmod="sha256")
    for file in files:
        with suppress(OSError):
            content = file.read_bytes()
            whole.update(f"{file} {len(content)}\n".encode("utf-8", "surrogateescape") + content)
    return whole.hexdigest()[:32]


def _warn(error: OSError) -> None:
    said = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    sys.stderr.write(f"warning: this run is not noted here ({said}); deployer resume will not know of it\n")

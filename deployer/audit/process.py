"""A running BEAM or EPMD, and what was read of it; what could not be read never counts as good."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

Records = Mapping[str, str]
FDS = 196_608
"""Where the reader cuts a process's descriptors, in bytes."""


class CannotTell(Exception):
    """What a rule needs could not be read; the message says what and why."""


class NotApplicable(Exception):
    """A rule is about something that is not there; the message says what."""


@dataclass(frozen=True)
class Process:
    """A BEAM or an EPMD that runs on the host.

    Attributes:
        raw: what was read of it; what could not be read is not in it.
        listening: inode → (address, port) of every listening TCP socket of the host.
        registered: the name that EPMD lists at a port of its own, where its arguments name none (RabbitMQ).
    """

    pid: str
    raw: Records
    listening: Mapping[str, tuple[str, int]]
    registered: str = ""

    def read(self, key: str, what: str) -> str:
        """Return one reading; ``what`` names it in the answer.

        Raises:
            CannotTell: this user may not read it.
        """
        if key not in self.raw:
            raise CannotTell(f"{self.name}: this user cannot read {what}")
        return self.raw[key]

    @cached_property
    def argv(self) -> tuple[str, ...]:
        """Its arguments, the cookie among them masked; raises CannotTell."""
        return tuple(self.read("argv", "its command line").split("\n"))

    def flag(self, name: str) -> str | None:
        """Return the last value of a flag of its arguments, ``-proto_dist``; None without it. Raises CannotTell."""
        found = [after for word, after in pairwise(_flags(self.argv)) if word == name]
        return found[-1] if found else None

    @property
    def name(self) -> str:
        """Its node's name, else its process."""
        if self.raw.get("kind") == "epmd":
            return f"EPMD (process {self.pid})"
        told = _flags(self.raw.get("argv", "").split("\n"))
        named = (after for word, after in pairwise(told) if word in ("-name", "-sname"))
        return next(named, self.registered or f"process {self.pid}")

    @property
    def shows_cookie(self) -> bool:
        """Whether its cookie is in its arguments; a flag after ``-setcookie`` is not a cookie."""
        return any(word == "-setcookie" and not after.startswith("-") for word, after in pairwise(self.argv))

    @property
    def user(self) -> str:
        """The name of the user it runs as; raises CannotTell."""
        return self.read("user", "its user").partition(" ")[2]

    @property
    def uid(self) -> str:
        """The number of the user it runs as; raises CannotTell."""
        return self.read("user", "its user").partition(" ")[0]

    @property
    def unit(self) -> str:
        """Its systemd service; empty where it runs in none. Raises CannotTell."""
        found = self.read("unit", "its control group")
        return found if found.endswith(".service") and not _LOGIN.match(found) else ""

    @property
    def exe(self) -> str:
        """Its program; raises CannotTell."""
        return self.read("exe", "its program").removesuffix(" (deleted)")

    @property
    def root(self) -> str:
        """The directory that holds its ``erts-VSN``."""
        return self.exe.partition("/erts-")[0]

    @property
    def erts(self) -> str:
        """The version of its runtime; empty when its path does not tell."""
        return self.exe.partition("/erts-")[2].partition("/")[0]

    @property
    def alive(self) -> bool:
        """Whether it is reached by other nodes, as far as its arguments and EPMD tell."""
        if self.flag("-name") or self.flag("-sname") or self.registered:
            return True
        # EPMD may have forgotten it; whoever knows the port still reaches it.
        return "fds" in self.raw and any(port in self.port_range for _, port in self.sockets)

    @property
    def port_range(self) -> range:
        """The ports that its arguments leave to its distribution; none where they say nothing. Raises CannotTell."""
        first, last = self.flag("inet_dist_listen_min") or "", self.flag("inet_dist_listen_max") or ""
        return range(int(first), int(last) + 1) if first.isdecimal() and last.isdecimal() else range(0)

    def status(self, word: str) -> str:
        """Return a line of ``/proc/PID/status``.

        Raises:
            CannotTell: it is not there.
        """
        found = re.search(rf"^{word}:\s*(.*)$", self.read("status", "its status"), re.MULTILINE)
        if not found:
            raise CannotTell(f"{self.name}: /proc does not show its {word}")
        return found[1]

    def limit(self, words: str) -> tuple[str, str]:
        """Return a resource's soft and hard limit.

        Raises:
            CannotTell: it is not there.
        """
        found = re.search(rf"^{words}\s+(\S+)\s+(\S+)", self.read("limits", "its limits"), re.MULTILINE)
        if not found:
            raise CannotTell(f"{self.name}: /proc does not show its limit {words!r}")
        return found[1], found[2]

    @property
    def environ(self) -> Mapping[str, str]:
        """What steers the runtime in its environment.

        Raises:
            CannotTell: this user may not read it.
        """
        told = self.read("environ", "its environment")
        return dict(line.partition("=")[::2] for line in told.splitlines())

    @property
    def libraries(self) -> Iterator[tuple[str, str]]:
        """Name and version of each application that is seen where it looks for them; a name may come twice.

        Raises:
            CannotTell: none can be seen.
        """
        for line in self.read("lib", "its libraries").splitlines():
            found = re.fullmatch(r"([^-]+)-([0-9].*)", line)
            if found:
                yield found[1], found[2]

    def need_all_libraries(self) -> None:
        """Make sure that `libraries` has all of them; raises CannotTell."""
        self.read("environ", "its environment, which may name more libraries (ERL_LIBS)")

    def need_home(self) -> None:
        """Make sure that its HOME is its own and not only the account's; raises CannotTell."""
        self.read("environ", "its environment, which says where its HOME is")

    @cached_property
    def inodes(self) -> frozenset[str]:
        """Its sockets, as far as they could be looked at."""
        return frozenset(word[8:-1] for word in self.raw.get("fds", "").split() if word.startswith("socket:["))

    @property
    def sockets(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports at which it listens.

        Raises:
            CannotTell: this user may not look at its sockets, or they are more than are read.
        """
        own = self.inodes if self.read("fds", "its sockets") else frozenset()
        if len(self.raw["fds"]) >= FDS:
            raise CannotTell(f"{self.name}: it has more open files than deployer reads: where it listens is not known")
        return tuple(sorted(place for inode, place in self.listening.items() if inode in own))


_LOGIN = re.compile(r"(ssh|sshd|dropbear|cron|crond|atd|(serial-|console-|container-)?getty)(@.*)?\.service$")
"""Services that start what people start; without logind that stays in their control groups."""


def _flags(argv: Sequence[str]) -> Sequence[str]:
    """Return the arguments that steer the runtime: what follows ``-extra`` is the application's own."""
    return argv[: argv.index("-extra")] if "-extra" in argv else argv


def modes(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield mode, owner, group and path of each line that ``stat -c '%a %U %G %n'`` printed."""
    for line in text.splitlines():
        mode, _, rest = line.partition(" ")
        owner, _, rest = rest.partition(" ")
        group, _, path = rest.partition(" ")
        if path and re.fullmatch("[0-7]{1,5}", mode):
            yield int(mode, 8), owner, group, path

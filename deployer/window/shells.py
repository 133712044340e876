"""``console`` and ``ssh``: a person's terminal in a running node, and on a host."""

from __future__ import annotations

import re
import secrets
import shlex
from contextlib import suppress
from pathlib import Path

from deployer.beam.distribution import DistributionError
from deployer.beam.forms import has_module
from deployer.beam.term import Atom
from deployer.errors import ConfigError, DeployerError, HostError, StepError
from deployer.model import Host
from deployer.sh import Sh, sh
from deployer.transport import Transport
from deployer.transport.paramiko import SshTransport
from deployer.transport.session import Session, Terminal
from deployer.window.choice import Fleet, Spot
from deployer.window.door import Door, ask_node, note, note_line, open_doors, unnoted, words_of_note
from deployer.window.keyboard import attach, here, pass_on

_PATIENCE, _SECOND_LOOK = 20.0, 8.0
_DOT_LIMIT = 1 << 20
SAID_KEPT = 1 << 16
"""Bytes that are kept of what a command says beside its answer."""
_PROMPT = re.compile(rb"iex\(|\)1> ")
"""What a shell of Elixir begins with, and one of Erlang."""
_UNNOTED = 74
_REMOTE = f'connection=$1 who=$2 what=$3; {note_line()} || exit {_UNNOTED}; [ -e "$4" ] || exit 69; exec "$5" remote'


def session_on(transport: Transport, *, become: bool) -> Session:
    """Return a session of a host that is reached over SSH; raises HostError for another."""
    if not isinstance(transport, SshTransport):
        raise HostError("it is this machine (ansible_connection: local): run the command here", where=transport.name)
    return transport.session(become=become)


def only_door(found: tuple[Door, ...], problems: list[DeployerError]) -> Door:
    """Return the one door that was asked for, or raise why it is not open."""
    if problems:
        raise problems[0]
    return found[0]


def as_step(name: str, error: DistributionError) -> StepError:
    """Return what a node has answered as the failure of a step: its host is read well."""
    told = error.message if error.message.startswith(name) else f"{name}: {error.message}"
    return StepError(told, hint=error.hint)


def fit(spot: Spot) -> None:
    """Refuse a node that has no ``NODE-ctl``, because another tool installs it; raises ConfigError."""
    if spot.node.foreign:
        hint = f"deployer rpc works with it; or deployer ssh {spot.host.name}, and its own tools"
        raise ConfigError(f"{spot.name} is not installed by deployer, so there is no command of its release", hint=hint)


def console(fleet: Fleet, word: str, *, dot_iex: str = "") -> int:
    """Open the shell of a running node on this terminal, and return its exit status.

    Args:
        fleet: the inventory.
        word: the node.
        dot_iex: a file of this machine that is evaluated first, with its variables and imports kept; empty: none.

    Raises:
        ConfigError: there is no terminal, no such node, no such file, or no IEx in the node that could read it.
        NotConverged: it does not run; with why, and what would help.
        HostError: its host cannot be reached.
    """
    (spot,) = fleet.choose([word], one=True)
    fit(spot)
    terminal, dot = here(), _read_dot(dot_iex)
    if terminal is None:
        raise ConfigError("a console needs a terminal", hint=f"for scripts: deployer rpc {word} 'EXPR'")
    transport = fleet.open(spot.host)
    try:
        return _converse_at(terminal, fleet, spot, transport, dot)
    finally:
        transport.close()


def _converse_at(terminal: Terminal, fleet: Fleet, spot: Spot, transport: Transport, dot: bytes) -> int:
    """Let a person talk to a node. Where no file has to be left first, its shell is all that the host is asked for."""
    place = ""
    if dot:
        (door,) = open_doors(fleet, (spot,), "console {}", over=transport)
        if not door.runs:
            raise door.down(with_words=True)
        place = _leave(door, dot)
    session = session_on(transport, become=fleet.resolver.connection(spot.host).become)
    typist = _Typist(session, place)
    try:
        session.open(sh("{} remote", spot.node.ctl) if dot else _noted_remote(spot), terminal)
        code = attach(session, saw=typist)
    finally:
        session.close()
        if place:
            _take_away(door, place)
    if typist.prompted or not code:
        return code
    if code == _UNNOTED and not dot:
        raise unnoted(transport)
    return _why_not(fleet, spot, transport, code)


def _noted_remote(spot: Spot) -> Sh:
    """Return words that leave a note and become the shell of a node that runs; login shells of all kinds take them."""
    who, what = words_of_note(f"console {spot.name}")
    given = _REMOTE, who, what, f"{spot.node.runtime}/.erlang.cookie", spot.node.ctl
    return sh('/bin/sh -c {} deployer "$SSH_CONNECTION" {} {} {} {}', *given)


def ssh_to_node(fleet: Fleet, word: str, command: tuple[str, ...], *, become: bool, quiet: bool = False) -> int:
    """Log in to a host, or run one command there, and return its exit status.

    Args:
        fleet: the inventory.
        word: the host, or a node on it.
        command: one word is a line for the login shell; several are a program and its arguments. Empty: a login.
        become: as root.
        quiet: the host's journal is told that somebody came, and not for which command.

    Raises:
        ConfigError: no such host, or there is no terminal to log in on.
        HostError: it cannot be reached.
    """
    host, terminal = fleet.host(word), here()
    if terminal is None and not command:
        raise ConfigError("a login needs a terminal", hint=f"deployer ssh {word} -- COMMAND")
    line = command[0] if len(command) == 1 else shlex.join(command)
    transport = fleet.open(host)
    try:
        _note_login(transport, host, "" if quiet else line)
        session = session_on(transport, become=become)
        try:
            _begin(session, line, become=become)
            return attach(session) if terminal else pass_on(session)
        finally:
            session.close()
    finally:
        transport.close()


def _begin(session: Session, line: str, *, become: bool) -> None:
    terminal = here()
    if not become:
        return session.run_plainly(line, terminal) if line else session.open(None, terminal)
    shell = sh("/bin/sh -c {}", line) if line else sh('"${{SHELL:-/bin/sh}}" -l')
    if terminal:
        words = sh("/bin/sh -c {}", f"cd; exec {shell}")
        return session.open(words, terminal)
    return session.open(sh("unset LC_ALL; cd; exec {}", shell), None)


def _note_login(transport: Transport, host: Host, line: str) -> None:
    """A login that may not write into the journal is in it by sshd's own words."""
    with suppress(HostError):
        ask_node(transport, note(f"ssh {host.name}" + (f": {line}" if line else "")), become=False)


class _Typist:
    """Sees the first prompt, and types the line that reads a file where there is one."""

    def __init__(self, session: Session, place: str) -> None:
        self._session, self._place, self._shown = session, place, b""
        self.prompted = False

    def __call__(self, shown: bytes) -> None:
        if not self.prompted:
            self._shown = (self._shown + shown)[-4096:]
            self.prompted = bool(_PROMPT.search(self._shown))
            if self.prompted and self._place:
                self._session.send(f'import_file("{self._place}")\r'.encode())


def _why_not(fleet: Fleet, spot: Spot, transport: Transport, code: int) -> int:
    """Raise why a node has let no shell in, which its release calls nodedown whatever it is; else return the code."""
    (door,) = open_doors(fleet, (spot,), "", over=transport)
    if not door.runs:
        raise door.down(with_words=True)
    try:
        door.enter(_SECOND_LOOK).close()
    except DistributionError as error:
        raise as_step(spot.name, error) from None
    return code


def _read_dot(name: str) -> bytes:
    if not name:
        return b""
    try:
        text = Path(name).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"--dot-iex {name}: {error.strerror}") from None
    if not text or len(text) > _DOT_LIMIT:
        raise ConfigError(f"--dot-iex {name} is empty, or larger than {_DOT_LIMIT} bytes")
    return text


def _leave(door: Door, text: bytes) -> str:
    """Have the node write the file where only it can read it; no root has a hand in that."""
    place = f"{door.spot.node.runtime}/.iex-{secrets.token_hex(8)}.exs"
    raw = [*place.encode()]
    with door.enter(_PATIENCE) as peer:
        if not has_module(peer, "Elixir.IEx"):
            hint = "leave it out: this console is Erlang's; or, with Elixir, add :iex to extra_applications and deploy"
            raise ConfigError(f"--dot-iex: {door.spot.name} has no IEx, which would read the file", hint=hint)
        done = peer.call("file", "write_file", [raw, b"", [Atom("exclusive")]])
        if done == Atom("ok"):
            peer.call("file", "change_mode", [raw, 0o600])
            done = peer.call("file", "write_file", [raw, text])
    if done != Atom("ok"):
        raise HostError(f"{place} cannot be written", where=door.spot.name)
    return place


def _take_away(door: Door, place: str) -> None:
    with suppress(DistributionError, DeployerError, OSError), door.enter(_PATIENCE) as peer:
        peer.call("file", "delete", [[*place.encode()]])

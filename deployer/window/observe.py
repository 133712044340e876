"""``observe``: the observer of this machine's own Erlang at a running node, through the SSH connection.

A hidden node of this machine reaches the other one under its true name, by an EPMD module of ours that knows the one
way there, a port of the loopback (`loopback.py`); it listens nowhere and can connect to nobody else. The cookie is in a
file of a HOME of its own, in no argv and no environment, and gone as soon as the two nodes know each other.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer.beam.distribution import Call, DistributionError, own_name
from deployer.beam.identity import Identity
from deployer.beam.names import NodeName
from deployer.beam.term import Atom, term_text
from deployer.errors import ConfigError, ConnectionLost, DeployerError, Interrupted, NotConverged
from deployer.report.plain import safe
from deployer.window.choice import Fleet
from deployer.window.door import Door, doors
from deployer.window.local_erlang import LocalErlang, local_erlang, private_place, write_private
from deployer.window.loopback import Loopback
from deployer.window.shells import as_step, only_door

_PATIENCE = 20.0
_LIFE = 365 * 86400.0
_ENDING = 10.0
_APART = 2
"""OTP releases that two nodes may be apart. Source: Erlang Reference Manual, "Distributed Erlang", compatibility."""
_OUR_WORDS = ("ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS", "ERL_LIBS", "ERL_EPMD_PORT", "ERL_EPMD_ADDRESS")
"""What would change the node's name, its cookie, or where it listens."""
_TLS = """[{{client, [{{certfile, "{0}/chain.pem"}}, {{keyfile, "{0}/key.pem"}}, {{cacertfile, "{0}/authority.pem"}},
 {{verify, verify_peer}}, {{versions, ['tlsv1.3']}}]}}].
"""
_SECRETS = (".erlang.cookie", "key.pem", "chain.pem", "authority.pem")


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a node says that whoever connects to it has to know."""

    otp: int
    net_ticktime: int


def observe(fleet: Fleet, word: str, *, printed: bool = False) -> int:
    """Open the observer of this machine's Erlang at a running node; return 0 when its window is closed.

    Args:
        fleet: the inventory.
        word: the node.
        printed: print the command that would open it, and hold the way to the node open until Ctrl-C.

    Raises:
        ConfigError: no such node; Erlang, its observer or a display is missing here.
        NotConverged: the node does not run, or the two do not fit.
        HostError: its host cannot be reached, or the connection broke.
        Interrupted: Ctrl-C, SIGTERM, SIGHUP; all is cleaned up.
    """
    (spot,) = fleet.choose([word], one=True)
    problems: list[DeployerError] = []
    with _stoppable(), private_place() as place:
        erlang = local_erlang(place, window=not printed)
        with doors(fleet, (spot,), "observe {}", lambda _, error: problems.append(error)) as found:
            door = only_door(found, problems)
            facts = _ask(door)
            check_fit(door.spot.name, erlang, facts.otp, tls=door.tls is not None)
            way = Loopback(lambda: door.stream(_LIFE), lambda text: sys.stderr.write(f"{safe(text)}\n"))
            try:
                _leave_secrets(door, place)
                argv = observer_argv(
                    door.target.node, erlang, place, way.port, facts.net_ticktime, tls=door.tls is not None
                )
                return _hold(argv, place) if printed else _watch(door, way, argv, place)
            finally:
                way.close()


def _ask(door: Door) -> _Facts:
    name = door.spot.name
    calls = (
        Call("erlang", "system_info", [Atom("otp_release")]), Call("net_kernel", "get_net_ticktime"),
        Call("code", "which", [Atom("observer_backend")]),
    )  # fmt: skip
    try:
        with door.enter(_PATIENCE) as peer:
            otp, net_ticktime, backend = peer.calls(calls)
    except DistributionError as error:
        raise as_step(name, error) from None
    if backend == Atom("non_existing"):
        hint = "mix.exs: extra_applications: [:logger, :runtime_tools], as mix phx.new writes it"
        raise NotConverged(f"{name}: its release has no runtime_tools, which an observer asks", hint=hint)
    number = term_text(otp) if not isinstance(otp, Exception) else None
    if not number or not number.isdecimal():
        raise NotConverged(f"{name} does not say which OTP it is")
    return _Facts(int(number), net_ticktime if isinstance(net_ticktime, int) else 60)


def check_fit(name: str, erlang: LocalErlang, otp: int, *, tls: bool) -> None:
    """Refuse a node that this machine's Erlang does not understand.

    Raises:
        NotConverged: their releases are too far apart.
        ConfigError: the Erlang of this machine has no TLS.
    """
    if abs(erlang.otp - otp) > _APART:
        told = (
            f"{name} runs OTP {otp}, and Erlang of this machine is OTP {erlang.otp}: they understand each other up to"
        )
        raise NotConverged(f"{told} {_APART} releases apart", hint=f"put an erl of OTP {otp} into PATH")
    if tls and "inet_tls_dist" not in erlang.has:
        raise ConfigError(f"{name} speaks TLS, and Erlang of this machine has none", hint="apt-get install erlang-ssl")


def observer_argv(
    node: NodeName, erlang: LocalErlang, place: Path, port: int, net_ticktime: int, *, tls: bool
) -> tuple[str, ...]:
    """Return the command that opens the observer; no secret is in it."""
    family, me = "inet6" if ":" in node.host else "inet", own_name(node, f"observe-{secrets.token_hex(4)}")
    return (
        erlang.program, "-noshell", "+Bd", "-name" if node.naming == "long" else "-sname", str(me),
        "-hidden", "-dist_listen", "false", "-start_epmd", "false", "-epmd_module", "deployer_observe",
        "-pa", str(place), "-proto_dist", f"{family}_{'tls' if tls else 'tcp'}",
        *(("-ssl_dist_optfile", f"{place}/tls.conf") if tls else ()),
        "-kernel", "dist_auto_connect", "never", "net_ticktime", str(net_ticktime),
        "-deployer_node", str(node), "-deployer_port", str(port), "-s", "deployer_observe", "open",
    )  # fmt: skip


def _leave_secrets(door: Door, place: Path) -> None:
    assert door.cookie is not None  # noqa: S101 - it was entered
    write_private(place / ".erlang.cookie", door.cookie.reveal())
    if isinstance(door.tls, Identity):
        write_private(place / "chain.pem", door.tls.chain)
        write_private(place / "key.pem", door.tls.key.reveal())
        write_private(place / "authority.pem", door.tls.authority)
        write_private(place / "tls.conf", _TLS.format(place))


def _hold(argv: tuple[str, ...], place: Path) -> int:
    """Print the command, and keep what it needs."""
    own = {key: value for key, value in _environment(place).items() if os.environ.get(key) != value}
    sys.stdout.write(shlex.join(["env", *(f"{key}={value}" for key, value in own.items()), *argv]) + "\n")
    sys.stdout.flush()
    sys.stderr.write("it works, in another terminal, until you press Ctrl-C here\n")
    while True:
        signal.pause()


def _watch(door: Door, way: Loopback, argv: tuple[str, ...], place: Path) -> int:
    """Open the window and wait for its end."""
    name, said = door.spot.name, deque[str](maxlen=8)
    with subprocess.Popen(
        argv, env=_environment(place), cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    ) as erlang:  # fmt: skip
        assert erlang.stdout  # noqa: S101 - it is a pipe
        try:
            word = ""
            for line in erlang.stdout:
                if not line.startswith("deployer: "):
                    said.append(f"  {safe(line.rstrip())}")
                    continue
                word = line.split()[1]
                if word == "connected":
                    way.shut()
                    _forget(place)
                elif word == "open":
                    sys.stderr.write(f"{name} is in the observer; to leave close its window, or press Ctrl-C\n")
        finally:
            _end(erlang)
    return _told(name, word, "\n".join(said))


def _told(name: str, word: str, said: str) -> int:
    """Return 0 for a window that a person has closed, or raise why it is gone."""
    if word == "closed":
        return 0
    if word == "down":
        raise ConnectionLost("the connection ended: the node went away, or the host did", where=name)
    why = "does not take this machine's node" if word == "refused" else "cannot be shown: the observer has ended"
    raise NotConverged(f"{name} {why}" + (f"; it said:\n{said}" if said else ""))


def _environment(place: Path) -> Mapping[str, str]:
    """Return the environment of the node: a HOME with its cookie, and where the person's desktop keeps things."""
    home = Path.home()
    kept = {key: value for key, value in os.environ.items() if key not in _OUR_WORDS}
    theirs = {"XAUTHORITY": home / ".Xauthority", "XDG_CONFIG_HOME": home / ".config"}
    kept |= {key: str(path) for key, path in theirs.items() if key not in kept and path.exists()}
    return kept | {"HOME": str(place), "ERL_CRASH_DUMP": os.devnull, "ERL_CRASH_DUMP_SECONDS": "0"}


def _forget(place: Path) -> None:
    for name in _SECRETS:
        (place / name).unlink(missing_ok=True)


def _end(erlang: subprocess.Popen[str]) -> None:
    """End the node by ending its input; one that does not heed that is killed."""
    assert erlang.stdin  # noqa: S101 - it is a pipe
    erlang.stdin.close()
    try:
        erlang.wait(_ENDING)
    except (subprocess.TimeoutExpired, KeyboardInterrupt, Interrupted):
        erlang.kill()


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let a SIGTERM or SIGHUP end what is under way as Ctrl-C does."""

    def stop(number: int, frame: object) -> None:
        del number, frame
        raise Interrupted("stopped")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

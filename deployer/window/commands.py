"""``rpc``, ``eval``, ``run``, ``trace``: expressions in a running node or a system of its own, commands, traces."""

from __future__ import annotations

import base64
import codecs
import os
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

from deployer.beam.distribution import DistributionError
from deployer.engine.host_run import worst
from deployer.errors import AnswerOf, ConfigError, DeployerError, Interrupted
from deployer.sh import Sh, sh
from deployer.window.apart import eval_words
from deployer.window.choice import Fleet, Spot, by_host
from deployer.window.door import Door, ask_node, doors
from deployer.window.evaluate import evaluate
from deployer.window.journal_lines import seconds_of
from deployer.window.keyboard import attach, here, pass_on
from deployer.window.shells import as_step, fit, session_on
from deployer.window.trace import trace_calls, traced
from deployer.window.voices import Voices

# The process that starts the unit may not have started it yet.
_END = """
unit={}
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  systemctl stop -- "$unit" 2>/dev/null || :
  grep -qsa -- "[d]${{unit#d}}" /proc/[0-9]*/cmdline || exit 0
  sleep 0.5
done
"""
_LONGEST_TRACE, _MOST_CALLS = 600, 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The nodes of a command, and its options.

    Attributes:
        fleet: the inventory.
        spots: the nodes.
        colour: print their names in colour.
        quiet: write only the command to the host's journal, without its content.
        forks: number of hosts at the same time.
    """

    fleet: Fleet
    spots: tuple[Spot, ...]
    colour: bool = False
    quiet: bool = False
    forks: int = 50

    def told(self, verb: str, what: str) -> str:
        """Return the line for the host's journal."""
        return f"{verb} {{}}" if self.quiet else f"{verb} {{}}: {what.replace('{}', '{ }')}"


def rpc(asked: Asked, expression: str, *, timeout: float) -> int:
    """Evaluate an expression in running nodes; return 0, or 1 if it raised, or 4 if a node did not answer.

    Its output and its value are printed, with the node's name in front if there are several nodes.
    """
    voices = _voices(asked)

    def one(door: Door) -> int:
        name = door.spot.name
        with door.enter(timeout) as peer:
            said = evaluate(peer, expression, lambda text: voices.say(name, text))
        if said.value:
            voices.say(name, said.value + "\n", sys.stdout if said.well else sys.stderr)
        return 0 if said.well else 1

    return _each(asked, asked.told("rpc", expression), one, voices)


def evaluate_apart(asked: Asked, expression: str, *, release: str = "", timeout: int = 0) -> int:
    """Evaluate an expression with the release of nodes, in systems of their own; returns what `run_window` does."""
    line = base64.b64encode(expression.encode()) + b"\n"
    return _run(asked, eval_words, asked.told("eval", expression), line, release=release, timeout=timeout)


def run_window(asked: Asked, command: Sequence[str], *, release: str = "", timeout: int = 0) -> int:
    """Run a command of the release like the nodes; return its exit status, or for several nodes 1 if one failed."""

    def run(_: Spot, ctl: Sh) -> Sh:
        return sh("{} run {}", ctl, command)

    return _run(asked, run, asked.told("run", " ".join(command)), b"", release=release, timeout=timeout)


def trace(asked: Asked, function: str, age: str, *, most: int) -> int:
    """Show calls of a function in running nodes as they return; return 0, or 1 where a node could not be traced.

    Args:
        asked: the nodes.
        function: such as ``Shop.place/2``.
        age: the longest time, such as ``10s``.
        most: the most calls to show of each node.

    Raises:
        ConfigError: the function, the time or the number is wrong.
    """
    what, seconds = traced(function), seconds_of(age)
    if seconds is None or not 0 < seconds <= _LONGEST_TRACE or not 0 < most <= _MOST_CALLS:
        hint = f"--for 1s to {_LONGEST_TRACE // 60}m, --max 1 to {_MOST_CALLS}"
        raise ConfigError(f"--for {age} --max {most} is not what a node is asked for", hint=hint)
    voices = _voices(asked)

    def one(door: Door) -> int:
        name = door.spot.name
        with door.enter(seconds + 20) as peer:
            count, why = trace_calls(peer, what, seconds=seconds, most=most, write=lambda text: voices.say(name, text))
        sys.stderr.write(f"{name}: {count} call{'s' if count != 1 else ''}; {why}\n")
        return 0

    return _each(asked, asked.told("trace", function), one, voices)


def _run(asked: Asked, wanted: Callable[[Spot, Sh], Sh], told: str, first: bytes, *, release: str, timeout: int) -> int:
    for spot in asked.spots:
        fit(spot)
    voices, alone = _voices(asked), len(asked.spots) == 1
    extra = [*(["--release", release] if release else []), *(["--timeout", str(timeout)] if timeout else [])]

    running: dict[str, Door] = {}

    def one(door: Door) -> int:
        unit = f"deployer-window-{secrets.token_hex(6)}"
        text = wanted(door.spot, sh("{} {} --unit {}", door.spot.node.ctl, extra, unit))
        running[unit] = door
        code = _converse(asked, door, text, first, voices, alone=alone)
        del running[unit]
        return code if alone else min(code, 1)

    def end() -> None:
        """End interrupted commands on their hosts, over a new connection: the old one may allow no further session."""
        for unit, door in list(running.items()):
            with suppress(DeployerError), closing(door.transport.another()) as other:
                ask_node(other, sh(_END, unit), become=_become(asked, door))

    return _each(asked, told, one, voices, end)


def _converse(asked: Asked, door: Door, text: Sh, first: bytes, voices: Voices, *, alone: bool) -> int:
    """Run one command of a node's release to its end; if it is the only one, with our own streams."""
    session, name = session_on(door.transport, become=_become(asked, door)), door.spot.name
    terminal = here() if alone and not first else None
    try:
        session.open(text if terminal else sh("exec {}", text), terminal)
        session.send(first)
        if terminal:
            return attach(session)
        if alone and not os.isatty(0):
            return pass_on(session)
        session.end_input()
        return session.pump(*(_teller(voices, name, at) for at in (1, 2)))
    finally:
        session.close()


def _teller(voices: Voices, name: str, descriptor: int) -> Callable[[bytes], object]:
    decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
    return lambda data: voices.say(name, decode(data), sys.stdout if descriptor == 1 else sys.stderr)


def _become(asked: Asked, door: Door) -> bool:
    return asked.fleet.resolver.connection(door.spot.host).become


def _voices(asked: Asked) -> Voices:
    return Voices([spot.name for spot in asked.spots], colour=asked.colour)


def _each(
    asked: Asked, told: str, one: Callable[[Door], int], voices: Voices, end: Callable[[], None] = lambda: None
) -> int:
    """Call ``one`` for all doors, hosts in parallel; return the exit code for all. ``end`` is called after Ctrl-C."""
    codes: list[int] = []
    over = threading.Event()

    def fail(spot: Spot, error: DeployerError) -> None:
        if over.is_set():
            return
        words = str(error) if spot.name in str(error) else f"{spot.name}: {error}"
        sys.stderr.write(f"error: {words}\n")
        codes.append(error.exit_code)

    def guarded(own: Sequence[Door]) -> None:
        for door in own:
            try:
                with AnswerOf(door.spot.host.name):
                    codes.append(one(door))
            except DistributionError as error:
                fail(door.spot, as_step(door.spot.name, error))
            except DeployerError as error:
                fail(door.spot, error)
            finally:
                voices.end(door.spot.name)

    with doors(asked.fleet, asked.spots, told, fail, forks=asked.forks) as found:
        try:
            _by_host(found, guarded, asked.forks)
        except (KeyboardInterrupt, Interrupted):
            over.set()
            end()
            raise
    if len(asked.spots) == 1:
        return codes[0]
    return worst(codes, over)


def _by_host(found: Sequence[Door], act: Callable[[Sequence[Door]], None], forks: int) -> None:
    """Call ``act`` for each host's doors in parallel; for a single host in this thread, which has the keyboard."""
    hosts = by_host(found, lambda door: door.spot)
    if len(hosts) == 1:
        act(found)
    elif hosts:
        pool = ThreadPoolExecutor(min(forks, len(hosts)))
        try:
            for done in [pool.submit(act, own) for own in hosts]:
                done.result()
        finally:  # the connections of interrupted hosts are about to be closed
            pool.shutdown(wait=False, cancel_futures=True)

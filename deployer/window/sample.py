"""What a node says of itself in one question, and what two answers say of the time between them.

Everything is asked by functions of ERTS and STDLIB that every node has (``erlang``, ``erl_eval``); nothing is loaded.
Source: ERTS, module ``erlang``: statistics/1, system_info/1, memory/0, process_info/2.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from deployer.beam.distribution import CallFailed, Peer
from deployer.beam.forms import parsed, run_forms
from deployer.beam.term import Atom, Term, show_term, term_text
from deployer.report.plain import safe

MANY = 50_000
"""Processes beyond which their message queues are not looked through at each refresh: it costs the node a second."""
ROWS_SHOWN = 40
_MOST = 1 << 64
"""No counter of a node is larger; what is can be no float."""
KEYS = {"m": "memory", "r": "reductions", "q": "message_queue_len"}
"""Key that a person presses → what the biggest processes are chosen by."""

_ASK = """
(fun() ->
  Count = erlang:system_info(process_count),
  Longest = if
    Count > Many -> -1;
    true -> lists:foldl(fun(Pid, Most) ->
      case erlang:process_info(Pid, message_queue_len) of {_, N} when N > Most -> N; _ -> Most end
    end, 0, erlang:processes())
  end,
  Text = fun(false) -> <<>>; (Value) -> unicode:characters_to_binary(Value) end,
  {Wall, _} = erlang:statistics(wall_clock),
  {Cpu, _} = erlang:statistics(runtime),
  {Reductions, _} = erlang:statistics(reductions),
  {Collections, Words, _} = erlang:statistics(garbage_collection),
  [{wall, Wall}, {cpu, Cpu}, {reductions, Reductions}, {collections, Collections}, {reclaimed, Words},
   {schedulers, erlang:system_info(schedulers_online)}, {run_queue, erlang:statistics(total_run_queue_lengths)},
   {processes, Count}, {process_limit, erlang:system_info(process_limit)},
   {ports, erlang:system_info(port_count)}, {port_limit, erlang:system_info(port_limit)},
   {atoms, erlang:system_info(atom_count)}, {atom_limit, erlang:system_info(atom_limit)},
   {tables, length(ets:all())}, {longest_queue, Longest}, {connected, length(nodes())},
   {hidden, length(nodes(hidden))}, {memory, erlang:memory()},
   {release, Text(os:getenv("RELEASE_VSN"))}, {otp, Text(erlang:system_info(otp_release))}]
end)().
"""
_ASK_BIGGEST = """
(fun() ->
  All = lists:foldl(fun(Pid, Found) ->
    case erlang:process_info(Pid, Key) of {_, N} -> [{N, Pid} | Found]; _ -> Found end
  end, [], erlang:processes()),
  [{list_to_binary(pid_to_list(Pid)), proc_lib:translate_initial_call(Pid),
    erlang:process_info(Pid, [registered_name, memory, reductions, message_queue_len, current_function])} ||
   {_, Pid} <- lists:sublist(lists:reverse(lists:sort(All)), Most)]
end)().
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of a node; sizes in bytes, times in milliseconds, the rest in numbers.

    Attributes:
        wall: since the node's start.
        cpu: processor time of the emulator since then.
        reclaimed: words that garbage collection has given back since then.
        longest_queue: messages that wait for the process with the most; -1: not looked, there are too many processes.
        memory: by kind, as ``erlang:memory/0`` has it.
        release: of which version its release is; empty when it does not say.
    """

    wall: int
    cpu: int
    reductions: int
    collections: int
    reclaimed: int
    schedulers: int
    run_queue: int
    processes: int
    process_limit: int
    ports: int
    port_limit: int
    atoms: int
    atom_limit: int
    tables: int
    longest_queue: int
    connected: int
    hidden: int
    memory: dict[str, int]
    release: str
    otp: str


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened between two answers, in a second.

    Attributes:
        busy: processor time, as a part of what all schedulers could use; 0 to 1, or a little more.
    """

    busy: float
    reductions: float
    collections: float


@dataclass(frozen=True, slots=True)
class Big:
    """One of a node's biggest processes."""

    pid: str
    name: str
    initial: str
    current: str
    memory: int
    reductions: int
    message_queue_len: int


class Asker:
    """Asks one node again and again over one connection; what is asked is parsed by the node once."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._ask = parsed(peer, _ASK)
        self._biggest: Term | None = None

    def sample(self) -> Sample:
        """Return what the node says now; raises DistributionError."""
        return read_sample(run_forms(self._peer, self._ask, {"Many": MANY}))

    def biggest(self, key: str) -> tuple[Big, ...]:
        """Return the biggest processes by ``memory``, ``reductions`` or ``message_queue_len``; raises as `sample`."""
        if self._biggest is None:
            self._biggest = parsed(self._peer, _ASK_BIGGEST)
        return read_biggest(run_forms(self._peer, self._biggest, {"Key": Atom(key), "Most": ROWS_SHOWN}))

    def close(self) -> None:
        """Close the connection."""
        self._peer.close()


def read_sample(answer: Term) -> Sample:
    """Turn a node's answer into a sample; raises CallFailed for what is none."""
    said: dict[str, Any] = {}
    for entry in answer if isinstance(answer, list) else ():
        match entry:
            case (Atom("memory"), list(kinds)):
                said["memory"] = {str(kind): size for kind, size in _pairs(kinds)}
            case (Atom("release" | "otp" as name), value):
                said[name] = safe((term_text(value) or "")[:64])
            case (Atom(name), int(value)) if abs(value) < _MOST:
                said[name] = value
    if said.keys() != {field.name for field in fields(Sample)}:
        raise CallFailed(f"the node answered {show_term(answer)}")
    return Sample(**said)


def read_biggest(answer: Term) -> tuple[Big, ...]:
    """Turn a node's answer into processes; those that ended meanwhile are left out."""
    found = []
    for entry in answer if isinstance(answer, list) else ():
        match entry:
            case (bytes(pid), initial, list(items)):
                said = {str(key): value for key, value in _pairs(items, only_numbers=False)}
                numbers = {
                    key: value if isinstance(value := said.get(key), int) and abs(value) < _MOST else 0
                    for key in ("memory", "reductions", "message_queue_len")
                }
                name = said.get("registered_name")
                found.append(
                    Big(
                        safe(pid.decode("latin-1")),
                        safe(called(name)) if isinstance(name, Atom) else "",
                        safe(function(initial)),
                        safe(function(said.get("current_function"))),
                        **numbers,
                    )
                )
    return tuple(found)


def rates(before: Sample, now: Sample) -> Rates | None:
    """Return what happened between two samples of one life of a node; None where there is nothing to say."""
    seconds = (now.wall - before.wall) / 1000
    if seconds <= 0:
        return None
    busy = (now.cpu - before.cpu) / 1000 / seconds / max(1, now.schedulers)
    return Rates(busy, (now.reductions - before.reductions) / seconds, (now.collections - before.collections) / seconds)


def called(atom: Atom) -> str:
    """Return a name as people write it: modules of Elixir without their prefix."""
    return atom.name.removeprefix("Elixir.")


def function(term: Term | None) -> str:
    """Return ``{Module, Function, Arity}`` as it is written in the language of its module."""
    match term:
        case (Atom(module), Atom(name), int(arity)):
            if module.startswith("Elixir."):
                return f"{module.removeprefix('Elixir.')}.{name}/{arity}"
            return f"{module}:{name}/{arity}"
    return ""


def _pairs(items: list[Term], *, only_numbers: bool = True) -> list[tuple[Atom, Any]]:
    return [
        (pair[0], pair[1])
        for pair in items
        if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Atom)
        and ((isinstance(pair[1], int) and abs(pair[1]) < _MOST) or not only_numbers)
    ]  # fmt: skip

"""``trace``: calls of one function in a running node, with arguments, results and times, bounded by the node itself.

The node's own ``erlang:trace`` does it. Its tracer counts, looks at its own mailbox, and stops by itself: when more
comes than it can read, nothing is traced any more, and what has come is what it counts. A process beside it writes the
lines, since that takes longer than a busy function does between two calls. When the connection ends, a guard beside it
ends the tracer and takes the pattern back, whatever has become of this side.
Source: ERTS, module ``erlang``, trace/3 and trace_pattern/3; "Match Specifications in Erlang".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from deployer.beam.distribution import CallFailed, Peer
from deployer.beam.forms import calling, parsed, value_of
from deployer.beam.leader import call_aloud
from deployer.beam.term import Atom, Term, show_term
from deployer.errors import ConfigError, NotConverged
from deployer.report.plain import safe
from deployer.sh import script

_FUNCTION = re.compile(
    r"(?:(?P<elixir>[A-Z]\w*(?:\.[A-Z]\w*)*)\.|:?(?P<erlang>[a-z]\w*)[.:])(?P<name>[a-z_]\w*[?!]?)(?:/(?P<arity>\d{1,3}|_))?",
    re.ASCII,
)

_WHY = {
    "number": "as many as were asked for (--max)",
    "time": "the time is over (--for)",
    "too_many": "stopped by the node: more calls than it could report",
}


@dataclass(frozen=True, slots=True)
class TracedFunction:
    """A function whose calls are wanted.

    Attributes:
        module: as the node knows it, such as ``Elixir.Shop``.
        arity: None: any.
        called: as a person writes it.
    """

    module: str
    name: str
    arity: int | None
    called: str


def traced(text: str) -> TracedFunction:
    """Return the function that ``Shop.place/2``, ``:ets.insert/2`` or ``ets:insert/2`` means; raises ConfigError."""
    match = _FUNCTION.fullmatch(text)
    if not match:
        raise ConfigError(f"{text!r} is no function", hint="write Shop.Orders.place/2, :ets.insert/2, or ets:insert/2")
    module = f"Elixir.{match['elixir']}" if match["elixir"] else match["erlang"]
    arity = None if match["arity"] in (None, "_") else int(match["arity"])
    return TracedFunction(module, match["name"], arity, text.partition("/")[0])


def trace_calls(
    peer: Peer, what: TracedFunction, *, seconds: float, most: int, write: Callable[[str], object]
) -> tuple[int, str]:
    """Trace until enough was seen; each call is written as one line when it returns.

    Args:
        peer: the node.
        what: whose calls.
        seconds: how long at most.
        most: how many calls at most.
        write: is given whole lines.

    Returns:
        How many calls there were, and why it ended.

    Raises:
        NotConverged: the node knows no such function, or somebody traces it already.
        DistributionError: the node did not answer, or went away.
    """
    bindings: dict[str, Term] = {
        "Module": Atom(what.module), "Function": Atom(what.name), "Called": what.called.encode(), "Most": most,
        "Arity": Atom("_") if what.arity is None else what.arity, "Milliseconds": int(seconds * 1000),
    }  # fmt: skip
    if peer.call("code", "is_loaded", [Atom(what.module)]) == Atom("false"):
        hint = "in a release all modules of its applications are loaded: is the name right?"
        raise NotConverged(
            f"no module {what.called.rpartition('.')[0] or what.module} is loaded in the node", hint=hint
        )
    answer = _answered(peer, what, bindings, write)
    match answer:
        case (Atom(why), int(count)) if why in _WHY:
            return count, _WHY[why]
    raise CallFailed(f"the node answered {show_term(answer)}")


def _answered(peer: Peer, what: TracedFunction, bindings: dict[str, Term], write: Callable[[str], object]) -> Term:
    """Return what the node says when it has traced; raises NotConverged where it does not begin."""
    try:
        # The pattern goes with the first call too many, not with the last one wanted: that may not have returned then.
        traced = calling(parsed(peer, script("trace.erl", "deployer.window").text + "\n"), bindings)
        return value_of(call_aloud(peer, traced, lambda text: write(safe(text))))
    except CallFailed as error:
        if "nothing" in error.message:
            raise NotConverged(f"the node knows no function {what.called} of that arity") from None
        if "traced_already" in error.message:
            raise NotConverged(f"somebody traces {what.called} already; one at a time") from None
        raise

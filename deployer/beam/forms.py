"""Erlang expressions in a running node, read by its own parser and evaluated by its own erl_eval (stdlib)."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.beam.distribution import Call, CallFailed, Peer
from deployer.beam.term import Atom, Term, show_term, term_text
from deployer.errors import StepError


def has_module(peer: Peer, name: str) -> bool:
    """Whether a node can load a module, such as ``Elixir.Code``; raises as `Peer.call`."""
    return peer.call("code", "which", [Atom(name)]) != Atom("non_existing")


def parsed(peer: Peer, expression: str) -> Term:
    """Return Erlang expressions as the node's own parser reads them; raises StepError where it cannot."""
    dotted = expression if expression.rstrip().endswith(".") else f"{expression}."
    match peer.call("erl_scan", "string", [[*map(ord, dotted)]]):
        case (Atom("ok"), tokens, _):
            match peer.call("erl_parse", "parse_exprs", [tokens]):
                case (Atom("ok"), forms):
                    return forms
                case (Atom("error"), (_, Atom(module), reason)):
                    words = peer.call(module, "format_error", [reason])
                    raise StepError(f"syntax error: {_flat(words)}")
    raise StepError("syntax error in the expression")


def run_forms(peer: Peer, forms: Term, bindings: Mapping[str, Term]) -> Term:
    """Return the value of `parsed` expressions with some variables bound; raises DistributionError."""
    call = calling(forms, bindings)
    return value_of(peer.call(call.module, call.function, call.args))


def calling(forms: Term, bindings: Mapping[str, Term]) -> Call:
    """Return the call that evaluates `parsed` expressions with some variables bound; `value_of` reads its answer."""
    return Call("erl_eval", "exprs", [forms, [(Atom(name), term) for name, term in bindings.items()]])


def value_of(answer: Term) -> Term:
    """Return the value in an answer to `calling`; raises CallFailed."""
    match answer:
        case (Atom("value"), value, _):
            return value
    raise CallFailed(f"the node answered {show_term(answer)}")


def _flat(words: Term) -> str:
    """Return iodata as text, for a message."""
    if isinstance(words, list):
        return "".join(_flat(word) if not isinstance(word, int) else chr(word) for word in words)
    return term_text(words) or show_term(words)

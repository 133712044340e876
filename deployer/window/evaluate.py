"""Expressions in a running node: in Elixir, or in Erlang where the node has no Elixir. Nothing is loaded into it.

What evaluates them is the node's own ``Code.eval_string`` or ``erl_eval``; it ends with the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployer.beam.distribution import Call, CallFailed, Peer
from deployer.beam.forms import calling, has_module, parsed, value_of
from deployer.beam.leader import call_aloud
from deployer.beam.term import Atom, show_term
from deployer.errors import StepError

# Whoever asks is the group leader: when the connection to it ends, so does what it has asked for.
_ELIXIR = """
(fn ->
  me = self()
  leader = Process.group_leader()
  watch = spawn(fn ->
    ref = Process.monitor(leader)
    receive do
      {:DOWN, ^ref, _, _, _} -> Process.exit(me, :kill)
      :done -> :ok
    end
  end)
  try do
    {value, _} = Code.eval_string(expression, [], file: "rpc")
    shown = [:ok, nil, :"do not show this result in output"]
    {:ok, if(value in shown, do: "", else: inspect(value, pretty: true, limit: 1000, printable_limit: 100_000))}
  catch
    kind, reason -> {:error, Exception.format(kind, reason, __STACKTRACE__)}
  after
    send(watch, :done)
  end
end).()
"""
_ERLANG = """
(fun() ->
  Me = self(), Leader = group_leader(),
  Watch = spawn(fun() ->
    Ref = erlang:monitor(process, Leader),
    receive {'DOWN', Ref, _, _, _} -> exit(Me, kill); done -> ok end
  end),
  Text = fun(Format, Terms) -> unicode:characters_to_binary(io_lib:format(Format, Terms)) end,
  try erl_eval:exprs(Forms, []) of
    {value, ok, _} -> {ok, <<>>};
    {value, Value, _} -> {ok, Text("~tp", [Value])}
  catch
    Kind:Reason:Stack -> {error, Text("** exception ~tp: ~tp~n~tp", [Kind, Reason, Stack])}
  after
    Watch ! done
  end
end)().
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What became of an expression.

    Attributes:
        well: it did not raise.
        value: its value as the node's shell shows it, empty for ``:ok`` and ``nil``; or what it raised.
    """

    well: bool
    value: str


def evaluate(peer: Peer, expression: str, write: Callable[[str], object]) -> Said:
    """Evaluate an expression in a node; what it prints is written as it comes.

    Raises:
        DistributionError: the node did not answer in time, went away, or failed to evaluate anything.
    """
    if has_module(peer, "Elixir.Code"):
        call = Call("Elixir.Code", "eval_string", [_ELIXIR.encode(), [(Atom("expression"), expression.encode())], []])
        answer = call_aloud(peer, call, write)
        outcome = answer[0] if isinstance(answer, tuple) else answer
    else:
        try:
            forms = parsed(peer, expression)
        except StepError as error:
            return Said(well=False, value=error.message)
        outcome = value_of(call_aloud(peer, calling(parsed(peer, _ERLANG), {"Forms": forms}), write))
    match outcome:
        case (Atom(word), bytes(value)) if word in ("ok", "error"):
            return Said(word == "ok", value.decode("utf-8", "replace"))
    raise CallFailed(f"the node answered {show_term(outcome)}")

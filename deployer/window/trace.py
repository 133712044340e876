"""``trace``: calls of one function in a running node, with arguments, results and times, bounded by the node itself.

The node's own ``erlang:trace`` does it. Its tracer counts, looks at its own mailbox, and stops by itself; a process
beside it writes the lines, since that takes longer than a busy function does between two calls. When the
connection ends, a guard beside it ends the tracer and takes the pattern back, whatever has become of this side.
Source: ERTS, module ``erlang``, trace/3 and trace_pattern/3; "Match Specifications in Erlang".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from deployer.beam.distribution import CallFailed, Peer
from deployer.beam.leader import call_aloud
from deployer.beam.term import Atom, Term, show_term
from deployer.errors import ConfigError, NotConverged
from deployer.report.plain import safe
from deployer.window.evaluate import calling, parsed, value_of

_FUNCTION = re.compile(
    r"(?:(?P<elixir>[A-Z]\w*(?:\.[A-Z]\w*)*)\.|:?(?P<erlang>[a-z]\w*)[.:])(?P<name>[a-z_]\w*[?!]?)(?:/(?P<arity>\d{1,3}|_))?",
    re.ASCII,
)

# The pattern goes with the first call too many, not with the last one wanted, which may not have returned by then.
_TRACE = """
(fun() ->
  Me = self(), Leader = group_leader(), Begin = erlang:monotonic_time(),
  case erlang:trace_info({Module, Function, case Arity of '_' -> 0; _ -> Arity end}, traced) of
    {traced, Kind} when Kind =/= false, Kind =/= undefined -> exit(traced_already);
    _ -> ok
  end,
  Pattern = {Module, Function, Arity},
  Forget = fun() -> erlang:trace_pattern(Pattern, false, [local]) end,
  Off = fun() -> Forget(), erlang:trace(processes, false, [call, monotonic_timestamp]) end,
  spawn(fun() ->
    erlang:monitor(process, Me), erlang:monitor(process, Leader),
    receive {'DOWN', _, _, _, _} -> ok after Milliseconds + 5000 -> ok end,
    exit(Me, kill), Off()
  end),
  process_flag(priority, high),
  process_flag(max_heap_size, #{size => 8000000, kill => true, error_logger => false}),
  Elixir = code:which('Elixir.Kernel') =/= non_existing,
  Show = fun(Term) ->
    Text = case Elixir of
      true -> 'Elixir.Kernel':inspect(Term, [{limit, 12}, {printable_limit, 200}, {width, infinity}]);
      false -> unicode:characters_to_binary(io_lib:format("~0tP", [Term, 20]))
    end,
    string:slice(Text, 0, 400)
  end,
  Say = fun(Pid, Arguments, End) ->
    Shown = lists:join(<<", ">>, [Show(Argument) || Argument <- Arguments]),
    {Format, Words} = case End of
      {returned, Value, Ms} -> {"-> ~ts (~.3f ms)", [Show(Value), Ms]};
      {raised, Class, Reason, Ms} -> {"** ~ts ~ts (~.3f ms)", [Class, Show(Reason), Ms]};
      open -> {"has not returned", []}
    end,
    Line = [pid_to_list(Pid), " ", Called, "(", Shown, ") ", io_lib:format(Format, Words), 10],
    Request = {put_chars, unicode, unicode:characters_to_binary(Line)},
    erlang:send(Leader, {io_request, Me, make_ref(), Request}, [nosuspend])
  end,
  Teller = spawn_link(fun() ->
    process_flag(max_heap_size, #{size => 8000000, kill => true, error_logger => false}),
    (fun Talk() ->
      receive {say, Pid, Arguments, End} -> Say(Pid, Arguments, End), Talk(); done -> Me ! told end
    end)()
  end),
  Tell = fun(Pid, Arguments, End) -> Teller ! {say, Pid, Arguments, End} end,
  Spent = fun(From, To) -> erlang:convert_time_unit(To - From, native, microsecond) / 1000 end,
  Pop = fun(Pid, Open) -> case maps:get(Pid, Open, []) of
    [{Arguments, From}] -> {Arguments, From, maps:remove(Pid, Open)};
    [{Arguments, From} | Rest] -> {Arguments, From, Open#{Pid := Rest}};
    [] -> none
  end end,
  case erlang:trace_pattern(Pattern, [{'_', [], [{exception_trace}]}], [local]) of
    0 -> exit(nothing);
    _ ->
      erlang:trace(processes, true, [call, monotonic_timestamp]),
      erlang:trace(Teller, false, [call, monotonic_timestamp])
  end,
  Loop = fun Loop(Count, Open, Until) ->
    {message_queue_len, Waiting} = process_info(Me, message_queue_len),
    Left = max(0, erlang:convert_time_unit(Until - erlang:monotonic_time(), native, millisecond)),
    Done = Count >= Most andalso map_size(Open) =:= 0,
    if
      Done -> {number, Count, Open};
      Waiting > 2000 -> {too_many, Count, Open};
      true ->
        receive
          {trace_ts, Pid, call, {_, _, Arguments}, At} when Count < Most ->
            Next = Open#{Pid => [{Arguments, At} | maps:get(Pid, Open, [])]},
            if
              Count + 1 >= Most ->
                Soon = erlang:monotonic_time() + erlang:convert_time_unit(2000, millisecond, native),
                Loop(Count + 1, Next, min(Until, Soon));
              true -> Loop(Count + 1, Next, Until)
            end;
          {trace_ts, _, call, _, _} when Count =:= Most ->
            Forget(),
            Loop(Count + 1, Open, Until);
          {trace_ts, Pid, return_from, _, Value, At} ->
            case Pop(Pid, Open) of
              none -> Loop(Count, Open, Until);
              {Arguments, From, Rest} ->
                Tell(Pid, Arguments, {returned, Value, Spent(From, At)}),
                Loop(Count, Rest, Until)
            end;
          {trace_ts, Pid, exception_from, _, {Class, Reason}, At} ->
            case Pop(Pid, Open) of
              none -> Loop(Count, Open, Until);
              {Arguments, From, Rest} ->
                Tell(Pid, Arguments, {raised, Class, Reason, Spent(From, At)}),
                Loop(Count, Rest, Until)
            end;
          _ -> Loop(Count, Open, Until)
        after Left -> {if Count >= Most -> number; true -> time end, Count, Open}
        end
    end
  end,
  {Why, Total, Left} = Loop(0, #{}, Begin + erlang:convert_time_unit(Milliseconds, millisecond, native)),
  Off(),
  [Tell(Pid, Arguments, open) || {Pid, Calls} <- maps:to_list(Left), {Arguments, _} <- lists:reverse(Calls)],
  Teller ! done,
  receive told -> ok after 5000 -> ok end,
  {Why, min(Most, Total)}
end)().
"""
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
    try:
        answer = value_of(call_aloud(peer, calling(parsed(peer, _TRACE), bindings), lambda text: write(safe(text))))
    except CallFailed as error:
        if "nothing" in error.message:
            raise NotConverged(f"the node knows no function {what.called} of that arity") from None
        if "traced_already" in error.message:
            raise NotConverged(f"somebody traces {what.called} already; one at a time") from None
        raise
    match answer:
        case (Atom(why), int(count)) if why in _WHY:
            return count, _WHY[why]
    raise CallFailed(f"the node answered {show_term(answer)}")

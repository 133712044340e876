"""Evaluates an expression in a system of its own: the text for the release's eval, in Elixir, or in Erlang for rebar3.

The expression itself is sent on standard input, so that it is in no argv.
"""

from __future__ import annotations

from deployer.sh import Sh, sh
from deployer.window.choice import Spot

_ELIXIR = (
    '{value, _} = "" |> IO.gets() |> String.trim() |> Base.decode64!() |> Code.eval_string([], file: "eval"); '
    "value in [:ok, nil] || IO.puts(inspect(value, pretty: true, limit: 1000, printable_limit: 100_000))"
)
_ERLANG = """
Read = fun
  ({ok, Found}) -> Found;
  ({ok, Found, _}) -> Found;
  (Wrong) ->
    {_, Module, Why} = element(2, Wrong),
    io:format(standard_error, "~ts~n", [Module:format_error(Why)]),
    halt(1)
end,
Line = base64:decode(string:trim(io:get_line(""))),
Text = string:trim(unicode:characters_to_list(Line), trailing, ". \\n") ++ ".",
case erl_eval:exprs(Read(erl_parse:parse_exprs(Read(erl_scan:string(Text)))), []) of
  {value, ok, _} -> ok;
  {value, Value, _} -> io:format("~tp~n", [Value])
end
"""
_EITHER = 'start=$1 expr=$2; [ ! -f "$start" ] || expr=$3; shift 3; exec "$@" eval "$expr"'


def eval_words(spot: Spot, ctl: Sh) -> Sh:
    """Return the command that evaluates an expression, which it reads as one line of Base64.

    Args:
        spot: the node. If it has a start file (the node role's rebar3.sh), its release evaluates Erlang.
        ctl: its command, with options.
    """
    return sh("/bin/sh -c {} sh {} {} {} {}", _EITHER, spot.node.start_file, _ELIXIR, _ERLANG, ctl)

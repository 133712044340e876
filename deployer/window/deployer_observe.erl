%% What an Erlang of this machine needs to watch a node of a host: a road to that one node in the place of EPMD, and the
%% window. Compiled where it is used, for the Erlang that is there. Source: Kernel, module erl_epmd, for the callbacks.
-module(deployer_observe).

-export([start_link/0, register_node/2, register_node/3, port_please/2, port_please/3, address_please/3,
         listen_port_please/2, names/1, open/0]).

%% In the place of EPMD: nobody is asked, nobody can find this node, and no other node than the one can be found.

start_link() ->
    ignore.

register_node(Name, Port) ->
    register_node(Name, Port, inet).

register_node(_, _, _) ->
    {ok, 1}.

listen_port_please(_, _) ->
    {ok, 0}.

names(_) ->
    {error, address}.

port_please(Name, Host) ->
    port_please(Name, Host, infinity).

port_please(_, _, _) ->
    noport.

address_please(Name, Host, Family) ->
    case word(deployer_node) =:= lists:flatten([Name, $@, Host]) of
        true -> {ok, loopback(Family), list_to_integer(word(deployer_port)), 6};
        false -> {error, nxdomain}
    end.

loopback(inet) -> {127, 0, 0, 1};
loopback(inet6) -> {0, 0, 0, 0, 0, 16#ffff, 16#7f00, 1}.

%% The window. Each line on standard output is a word for who started this; the end of its input ends all.

open() ->
    spawn(fun stay/0),
    Node = list_to_atom(word(deployer_node)),
    case net_kernel:connect_node(Node) of
        true ->
            erlang:monitor_node(Node, true),
            say("connected"),
            watch(Node);
        _ ->
            leave("refused")
    end.

watch(Node) ->
    case show(Node) of
        ok ->
            Window = erlang:monitor(process, whereis(observer)),
            say("open"),
            receive
                {nodedown, Node} -> leave("down");
                {'DOWN', Window, _, _, _} -> leave("closed")
            end;
        Other ->
            io:format("~tp~n", [Other]),
            leave("failed")
    end.

%% Before OTP 26 an observer begins at its own node: what its menu of nodes would say is said to it.
show(Node) ->
    code:ensure_loaded(observer),
    case erlang:function_exported(observer, start, 1) of
        true ->
            observer:start(Node);
        false ->
            Started = observer:start(),
            Before = [Other || Other <- [node() | nodes(connected)], Other < Node],
            Started =:= ok andalso
                (observer ! {wx, 1001 + length(Before), none, [], {wxCommand, command_menu_selected, "", 0, 0}}),
            Started
    end.

stay() ->
    case io:get_line("") of
        Line when is_list(Line) -> stay();
        _ -> halt(0)
    end.

leave(Word) ->
    say(Word),
    halt(0).

say(Word) ->
    io:format("deployer: ~s~n", [Word]).

word(Flag) ->
    {ok, [[Word]]} = init:get_argument(Flag),
    Word.

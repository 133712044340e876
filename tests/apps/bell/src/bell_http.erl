%% An HTTP/1.1 server of one page, GET /health: 200 with the version, the greeting and the nodes that are seen.
-module(bell_http).
-behaviour(gen_server).
-export([start_link/0, init/1, handle_call/3, handle_cast/2]).

-define(PATIENCE, 5000).

start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) ->
    {ok, Port} = application:get_env(bell, port),
    {ok, Socket} = gen_tcp:listen(Port, [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}]),
    logger:notice("bell ~s answers on port ~b", [version(), Port]),
    %% Linked: when the acceptor dies, this process dies with it and the supervisor starts both again.
    _ = spawn_link(fun() -> accept(Socket) end),
    {ok, Socket}.

handle_call(version, _From, Socket) -> {reply, version(), Socket}.
handle_cast(_Message, Socket) -> {noreply, Socket}.

accept(Listening) ->
    {ok, Socket} = gen_tcp:accept(Listening),
    _ = answer(Socket),
    ok = gen_tcp:close(Socket),
    accept(Listening).

%% A client that breaks off is its own business and must not take the acceptor with it.
answer(Socket) ->
    case gen_tcp:recv(Socket, 0, ?PATIENCE) of
        {ok, {http_request, 'GET', {abs_path, <<"/health">>}, _}} -> reply(Socket, "200 OK", health());
        {ok, {http_request, _, _, _}} -> reply(Socket, "404 Not Found", "not found");
        _ -> ok
    end.

reply(Socket, Status, Body) ->
    case gen_tcp:recv(Socket, 0, ?PATIENCE) of
        {ok, {http_header, _, _, _, _}} ->
            reply(Socket, Status, Body);
        {ok, http_eoh} ->
            Text = unicode:characters_to_binary(Body),
            Head = io_lib:format("HTTP/1.1 ~s\r\nconnection: close\r\ncontent-length: ~b\r\n\r\n", [Status, byte_size(Text)]),
            gen_tcp:send(Socket, [Head, Text]);
        _ ->
            ok
    end.

health() ->
    {ok, Greeting} = application:get_env(bell, greeting),
    {ok, Ring} = application:get_env(bell, ring),
    Nodes = lists:join(",", [[$", atom_to_list(Node), $"] || Node <- lists:sort(nodes())]),
    Format = "{\"version\":\"~s\",\"greeting\":\"~ts\",\"ring\":~b,\"nodes\":[~s]}",
    io_lib:format(Format, [version(), Greeting, Ring, Nodes]).

version() ->
    {ok, Version} = application:get_key(bell, vsn),
    Version.

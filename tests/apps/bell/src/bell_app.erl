%% The root of the supervision tree, and what a migration calls.
-module(bell_app).
-behaviour(application).
-behaviour(supervisor).
-export([start/2, stop/1, init/1, migrate/0]).

%% BELL_CRASH=true fails at boot; so does a build that has a file `fault` beside its ebin.
start(_Type, _Args) ->
    {ok, Crash} = application:get_env(bell, crash),
    Fault = filelib:is_file(filename:join(code:lib_dir(bell), "fault")),
    case Crash orelse Fault of
        true -> {error, refuses_to_start};
        false -> supervisor:start_link({local, bell_sup}, ?MODULE, [])
    end.

stop(_State) -> ok.

init([]) ->
    Http = #{id => bell_http, start => {bell_http, start_link, []}},
    {ok, {#{strategy => one_for_one}, [Http]}}.

%% Says from which version it runs, and with which configuration.
migrate() ->
    ok = application:ensure_started(sasl),
    _ = application:load(bell),
    {ok, Vsn} = application:get_key(bell, vsn),
    {ok, Greeting} = application:get_env(bell, greeting),
    io:format("migrated ~s ~s~n", [Vsn, Greeting]).

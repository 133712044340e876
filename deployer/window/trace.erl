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
  Loop = fun Loop(Count, Open, Until, Short) ->
    {message_queue_len, Waiting} = process_info(Me, message_queue_len),
    Left = max(0, erlang:convert_time_unit(Until - erlang:monotonic_time(), native, millisecond)),
    Done = Count >= Most andalso map_size(Open) =:= 0,
    if
      Done -> {number, Count, Open};
      Waiting > 2000, Short =/= too_many ->
        Off(),
        Loop(Count, Open, erlang:monotonic_time(), too_many);
      true ->
        receive
          {trace_ts, Pid, call, {_, _, Arguments}, At} when Count < Most ->
            Next = Open#{Pid => [{Arguments, At} | maps:get(Pid, Open, [])]},
            if
              Count + 1 >= Most ->
                Soon = erlang:monotonic_time() + erlang:convert_time_unit(2000, millisecond, native),
                Loop(Count + 1, Next, min(Until, Soon), Short);
              true -> Loop(Count + 1, Next, Until, Short)
            end;
          {trace_ts, _, call, _, _} when Count =:= Most ->
            Forget(),
            Loop(Count + 1, Open, Until, Short);
          {trace_ts, Pid, return_from, _, Value, At} ->
            case Pop(Pid, Open) of
              none -> Loop(Count, Open, Until, Short);
              {Arguments, From, Rest} ->
                Tell(Pid, Arguments, {returned, Value, Spent(From, At)}),
                Loop(Count, Rest, Until, Short)
            end;
          {trace_ts, Pid, exception_from, _, {Class, Reason}, At} ->
            case Pop(Pid, Open) of
              none -> Loop(Count, Open, Until, Short);
              {Arguments, From, Rest} ->
                Tell(Pid, Arguments, {raised, Class, Reason, Spent(From, At)}),
                Loop(Count, Rest, Until, Short)
            end;
          _ -> Loop(Count, Open, Until, Short)
        after Left -> {if Count >= Most -> number; true -> Short end, Count, Open}
        end
    end
  end,
  {Why, Total, Left} = Loop(0, #{}, Begin + erlang:convert_time_unit(Milliseconds, millisecond, native), time),
  Off(),
  [Tell(Pid, Arguments, open) || {Pid, Calls} <- maps:to_list(Left), {Arguments, _} <- lists:reverse(Calls)],
  Teller ! done,
  receive told -> ok after 5000 -> ok end,
  {Why, min(Most, Total)}
end)().

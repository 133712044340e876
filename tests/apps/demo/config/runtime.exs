import Config

# Everything a test wants to vary comes from the environment at boot, never at build time: one tarball serves all tests.
milliseconds = fn name -> String.to_integer(System.get_env(name, "0")) end
words = fn name -> name |> System.get_env("") |> String.split(",", trim: true) end

config :demo,
  port: String.to_integer(System.get_env("PORT", "4000")),
  bind: System.get_env("DEMO_BIND", "0.0.0.0"),
  greeting: System.get_env("DEMO_GREETING", ""),
  peers: Enum.map(words.("DEMO_PEERS"), &String.to_atom(String.trim(&1))),
  unhealthy: System.get_env("DEMO_UNHEALTHY") == "1",
  crash: System.get_env("DEMO_CRASH") == "1",
  crash_at_check: String.to_integer(System.get_env("DEMO_CRASH_AT_CHECK", "0")),
  slow_start: milliseconds.("DEMO_SLOW_START")

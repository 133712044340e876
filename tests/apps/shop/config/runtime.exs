import Config

# Read at every start of a node, and by every `bin/shop eval`: after compilation, before any application starts.

words = fn name -> name |> System.get_env("") |> String.split(",", trim: true) |> Enum.map(&String.trim/1) end
milliseconds = fn name -> String.to_integer(System.get_env(name, "0")) end

# `bin/server` sets it. Without it the node runs and serves nobody, as for jobs or a console.
config :shop_web,
  server: System.get_env("PHX_SERVER") in ["1", "true"],
  http: [
    ip: System.get_env("SHOP_BIND", "0.0.0.0"),
    port: String.to_integer(System.get_env("PORT", "4000"))
  ]

# Everything a test wants to vary is decided here and not when it is built: one tarball serves all tests.
config :shop,
  greeting: System.get_env("SHOP_GREETING", ""),
  crash: System.get_env("SHOP_CRASH") == "1",
  slow_start: milliseconds.("SHOP_SLOW_START"),
  migrate_at_start: System.get_env("SHOP_MIGRATE") == "true",
  # As libcluster's strategy Epmd has it: the nodes to connect to, or none where somebody else connects them.
  cluster_hosts: Enum.map(words.("SHOP_CLUSTER_HOSTS"), &String.to_atom/1)

if config_env() == :prod do
  database_url =
    System.get_env("DATABASE_URL") ||
      raise """
      environment variable DATABASE_URL is missing.
      For example: ecto://USER:PASSWORD@HOST/DATABASE
      """

  config :shop, repo: [url: database_url, pool_size: String.to_integer(System.get_env("POOL_SIZE") || "4")]

  secret_key_base =
    System.get_env("SECRET_KEY_BASE") ||
      raise """
      environment variable SECRET_KEY_BASE is missing.
      64 random characters will do, as mix phx.gen.secret prints them.
      """

  config :shop_web,
    host: System.get_env("PHX_HOST") || "example.com",
    secret_key_base: secret_key_base
end

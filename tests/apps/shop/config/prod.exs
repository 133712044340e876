import Config

config :logger, level: :info

# What differs from host to host is read when a node starts: config/runtime.exs.

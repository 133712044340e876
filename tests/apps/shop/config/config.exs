# Configuration of all applications of the umbrella, read when they are compiled.
import Config

config :shop, repo: [pool_size: 4]
config :shop_web, drain: 20_000

config :logger, :console, format: "$time $metadata[$level] $message\n"

import_config "#{config_env()}.exs"

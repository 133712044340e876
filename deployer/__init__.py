"""Deploy, audit and dry-run fleets of Elixir and Erlang releases over SSH."""

__version__ = "0.1.0"

defmodule Shop.Repo do
  @moduledoc """
  A pool of connections to PostgreSQL. Who asks is served by one of them, each in turn, one query at a time.
  """

  use Supervisor

  def start_link(_options), do: Supervisor.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init([]) do
    :persistent_term.put({__MODULE__, :turn}, :atomics.new(1, []))

    # A connection that is made anew again and again must not end the node: the database may be away for hours.
    Supervisor.init(Enum.map(1..size(), &connection/1), strategy: :one_for_one, max_restarts: 1_000)
  end

  defp connection(number) do
    Supervisor.child_spec({Shop.Connection, name(number)}, id: number)
  end

  @doc "The rows of one statement with `$1`-parameters, each a list of values: `{:ok, rows}` or `{:error, text}`."
  def query(statement, parameters \\ []) do
    turn = :atomics.add_get(:persistent_term.get({__MODULE__, :turn}), 1, 1)
    Shop.Connection.query(name(rem(turn, size()) + 1), statement, parameters)
  end

  defp size, do: :shop |> Application.fetch_env!(:repo) |> Keyword.fetch!(:pool_size)

  defp name(number), do: Module.concat(Shop.Connection, "N#{number}")
end

defmodule ShopJobs.Application do
  @moduledoc """
  What works in the background. It stops after the pages and before the database's connections.
  """

  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([ShopJobs.Visits], strategy: :one_for_one, name: ShopJobs.Supervisor)
  end
end

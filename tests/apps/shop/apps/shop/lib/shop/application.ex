defmodule Shop.Application do
  @moduledoc """
  The domain's supervision tree: the database's connections, the migrations where they are wanted at a start, the mesh.

  `SHOP_CRASH=1` fails at boot and `SHOP_SLOW_START=MS` boots late, for tests; `Shop.Fault` is about what a build does
  on its own.
  """

  use Application

  @impl true
  def start(_type, _args) do
    if Application.fetch_env!(:shop, :crash), do: raise("SHOP_CRASH is set: refusing to start")
    if Shop.Fault.here() == "crash", do: raise("this build crashes at boot")
    if Shop.Fault.here() == "hang", do: Process.sleep(:infinity)

    Process.sleep(Application.fetch_env!(:shop, :slow_start))

    children = [
      Shop.Repo,
      {Shop.Migrator, skip: not Application.fetch_env!(:shop, :migrate_at_start)},
      {Shop.Cluster, Application.fetch_env!(:shop, :cluster_hosts)},
      {Shop.Fault, Shop.Fault.here()}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end

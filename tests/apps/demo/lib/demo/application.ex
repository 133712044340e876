defmodule Demo.Application do
  @moduledoc """
  The root of the supervision tree, and the ways in which a start goes wrong on request.

  `DEMO_CRASH=1` fails at boot, `DEMO_SLOW_START=MS` boots late, `DEMO_CRASH_AT_CHECK=N` ends the VM when its health is
  asked for the Nth time, after a start that looked good. `Demo.Fault` is about what a build does on its own.
  """

  use Application

  @impl true
  def start(_type, _args) do
    if Application.fetch_env!(:demo, :crash), do: raise("DEMO_CRASH is set: refusing to start")
    if Demo.Fault.here() == "crash", do: raise("this build crashes at boot")

    Process.sleep(Application.fetch_env!(:demo, :slow_start))

    children = [
      {Demo.Clusterer, Application.fetch_env!(:demo, :peers)},
      {Demo.Http, port: Application.fetch_env!(:demo, :port), bind: Application.fetch_env!(:demo, :bind)},
      {Demo.Hermit, Demo.Fault.here()},
      {Demo.Bomb, Demo.Fault.dies_after()}
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Demo.Supervisor)
  end
end

defmodule ShopWeb.Application do
  @moduledoc """
  What serves. It starts last and stops first, so that who is being served has everything until the end.
  """

  use Application
  require Logger

  @impl true
  def start(_type, _args) do
    Supervisor.start_link(children(), strategy: :rest_for_one, name: ShopWeb.Supervisor)
  end

  defp children do
    if Application.fetch_env!(:shop_web, :server) do
      # Connections first: at a stop the listener goes before them, and waits for them.
      [{Task.Supervisor, name: ShopWeb.Connections}, ShopWeb.Endpoint]
    else
      Logger.info("shop serves nobody: PHX_SERVER is not set")
      []
    end
  end
end

defmodule Demo.Hermit do
  @moduledoc """
  Leaves the mesh again and again, as a release does whose members cannot stand each other.
  """

  use GenServer

  @interval 200

  def start_link(fault), do: GenServer.start_link(__MODULE__, fault)

  @impl true
  def init("alone"), do: {:ok, nil, {:continue, :leave}}
  def init(_fault), do: :ignore

  @impl true
  def handle_continue(:leave, state), do: leave(state)

  @impl true
  def handle_info(:leave, state), do: leave(state)

  defp leave(state) do
    for peer <- Node.list(), do: Node.disconnect(peer)
    Process.send_after(self(), :leave, @interval)
    {:noreply, state}
  end
end

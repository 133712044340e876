defmodule Demo.Hermit do
  @moduledoc """
  Leaves the mesh again and again, or vanishes from EPMD, as a release does that nobody tried in a cluster.
  """

  use GenServer

  @interval 200

  def start_link(fault), do: GenServer.start_link(__MODULE__, fault)

  @impl true
  def init("alone"), do: {:ok, nil, {:continue, :leave}}
  def init("unregistered"), do: {:ok, nil, {:continue, :vanish}}
  def init(_fault), do: :ignore

  @impl true
  def handle_continue(:leave, state), do: leave(state)

  # EPMD knows a name for as long as the connection that told it stays open (erl_epmd.erl).
  def handle_continue(:vanish, state) do
    # The first field of its state is the socket.
    :ok = :erl_epmd |> :sys.get_state() |> elem(1) |> :gen_tcp.close()
    {:noreply, state}
  end

  @impl true
  def handle_info(:leave, state), do: leave(state)

  defp leave(state) do
    for peer <- Node.list(), do: Node.disconnect(peer)
    Process.send_after(self(), :leave, @interval)
    {:noreply, state}
  end
end

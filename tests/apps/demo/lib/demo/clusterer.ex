defmodule Demo.Clusterer do
  @moduledoc """
  Connects to every declared peer that is missing, once a second: the mesh is the application's own business.
  """

  use GenServer

  @interval 1_000

  def start_link(peers), do: GenServer.start_link(__MODULE__, peers, name: __MODULE__)

  @impl true
  def init([]), do: :ignore
  # Not connecting here: a peer that does not answer would hold up the whole tree's start.
  def init(peers), do: {:ok, peers, {:continue, :connect}}

  @impl true
  def handle_continue(:connect, peers), do: connect(peers)

  @impl true
  def handle_info(:connect, peers), do: connect(peers)

  defp connect(peers) do
    for peer <- peers -- [node() | Node.list()], do: Node.connect(peer)
    Process.send_after(self(), :connect, @interval)
    {:noreply, peers}
  end
end

defmodule Shop.Cluster do
  @moduledoc """
  Connects to every listed node that is missing, once a second: the mesh is the application's own business.
  """

  use GenServer

  @interval 1_000

  def start_link(hosts), do: GenServer.start_link(__MODULE__, hosts, name: __MODULE__)

  @impl true
  def init([]), do: :ignore
  # Not connecting here: a node that does not answer would hold up the whole tree's start.
  def init(hosts), do: {:ok, hosts, {:continue, :connect}}

  @impl true
  def handle_continue(:connect, hosts), do: connect(hosts)

  @impl true
  def handle_info(:connect, hosts), do: connect(hosts)

  defp connect(hosts) do
    for host <- hosts -- [node() | Node.list()], do: Node.connect(host)
    Process.send_after(self(), :connect, @interval)
    {:noreply, hosts}
  end
end

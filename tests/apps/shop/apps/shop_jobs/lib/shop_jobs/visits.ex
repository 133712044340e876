defmodule ShopJobs.Visits do
  @moduledoc """
  Counts visits in memory and writes them down from time to time, and when the node stops: a stop loses none of them.
  """

  use GenServer

  @interval 5_000
  @add """
  INSERT INTO visits (node, count) VALUES ($1, $2)
  ON CONFLICT (node) DO UPDATE SET count = visits.count + EXCLUDED.count
  """

  def start_link(_options), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)

  def count, do: GenServer.cast(__MODULE__, :count)

  @impl true
  def init(0) do
    # Or a supervisor's stop would end it without `terminate`.
    Process.flag(:trap_exit, true)
    Process.send_after(self(), :write, @interval)
    {:ok, 0}
  end

  @impl true
  def handle_cast(:count, counted), do: {:noreply, counted + 1}

  @impl true
  def handle_info(:write, counted) do
    Process.send_after(self(), :write, @interval)
    {:noreply, write(counted)}
  end

  @impl true
  def terminate(_reason, counted), do: write(counted)

  defp write(0), do: 0

  defp write(counted) do
    case Shop.Repo.query(@add, [to_string(node()), counted]) do
      {:ok, _rows} -> 0
      {:error, _why} -> counted
    end
  end
end

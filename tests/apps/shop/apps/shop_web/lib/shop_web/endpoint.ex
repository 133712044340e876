defmodule ShopWeb.Endpoint do
  @moduledoc """
  An HTTP/1.1 server, a process for each connection and a request on each.

  At a stop it closes its port, tells streams to come to an end, and waits for what is under way: `:drain` milliseconds
  at most.
  """

  use GenServer, shutdown: 60_000
  require Logger

  def start_link(_options), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init([]) do
    Process.flag(:trap_exit, true)
    [ip: ip, port: port] = Application.fetch_env!(:shop_web, :http)
    {:ok, address} = ip |> to_charlist() |> :inet.parse_address()
    options = [:binary, packet: :http_bin, active: false, reuseaddr: true, backlog: 1024, ip: address]

    case :gen_tcp.listen(port, options) do
      {:ok, socket} ->
        Logger.info("shop #{ShopWeb.Pages.version()} answers on port #{port}")
        # Linked: when the acceptor dies, this process dies with it and the supervisor starts both again.
        spawn_link(fn -> accept(socket) end)
        {:ok, socket}

      {:error, reason} ->
        {:stop, {:cannot_listen, port, reason}}
    end
  end

  @impl true
  def handle_info({:EXIT, _acceptor, reason}, socket), do: {:stop, {:no_acceptor, reason}, socket}

  @impl true
  def terminate(_reason, socket) do
    :gen_tcp.close(socket)
    waiting = for pid <- Task.Supervisor.children(ShopWeb.Connections), do: {pid, Process.monitor(pid)}
    for {pid, _monitor} <- waiting, do: send(pid, :drain)
    end_at = System.monotonic_time(:millisecond) + Application.fetch_env!(:shop_web, :drain)
    Logger.info("shop stops; requests under way: #{length(waiting)}")
    for {_pid, monitor} <- waiting, do: await(monitor, end_at)
  end

  defp await(monitor, end_at) do
    receive do
      {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
    after
      max(end_at - System.monotonic_time(:millisecond), 0) -> :late
    end
  end

  defp accept(listening) do
    with {:ok, socket} <- :gen_tcp.accept(listening) do
      serve = fn -> receive(do: (:yours -> ShopWeb.Request.serve(socket))) end
      {:ok, pid} = Task.Supervisor.start_child(ShopWeb.Connections, serve)
      # A client that is gone already is the connection's business.
      _ = :gen_tcp.controlling_process(socket, pid)
      send(pid, :yours)
      accept(listening)
    end
  end
end

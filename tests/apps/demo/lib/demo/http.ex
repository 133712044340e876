defmodule Demo.Http do
  @moduledoc """
  An HTTP/1.1 server of one page: `GET /health`.

  200 with a line of JSON; 503 with the same when `DEMO_UNHEALTHY=1`; 404 for anything else; with
  `DEMO_CRASH_AT_CHECK=N` the Nth request ends the VM. One connection at a time, one request on each: enough for a
  health check, and small enough to trust.
  """

  use GenServer
  require Logger

  @patience 5_000

  def start_link(options), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  @impl true
  def init(options) do
    {:ok, address} = options |> Keyword.fetch!(:bind) |> String.to_charlist() |> :inet.parse_address()
    port = Keyword.fetch!(options, :port)

    case :gen_tcp.listen(port, [:binary, packet: :http_bin, active: false, reuseaddr: true, ip: address]) do
      {:ok, socket} ->
        Logger.info("demo #{version()} answers on port #{port}")
        # Linked: when the acceptor dies, this process dies with it and the supervisor starts both again.
        spawn_link(fn -> accept(socket, Application.fetch_env!(:demo, :crash_at_check)) end)
        {:ok, socket}

      {:error, reason} ->
        {:stop, {:cannot_listen, port, reason}}
    end
  end

  defp accept(listening, checks_left) do
    {:ok, socket} = :gen_tcp.accept(listening)
    # halt and not exit: a supervisor would catch an exit, and the node would live on.
    if checks_left == 1, do: System.halt(70)
    # A client that breaks off is its own business and must not take the acceptor with it.
    with {:ok, {status, body}} <- answer(socket), do: reply(socket, status, body)
    :gen_tcp.close(socket)
    accept(listening, checks_left - 1)
  end

  defp answer(socket) do
    with {:ok, {:http_request, method, {:abs_path, path}, _version}} <- :gen_tcp.recv(socket, 0, @patience),
         :ok <- skip_headers(socket) do
      {:ok, page(method, path)}
    end
  end

  defp skip_headers(socket) do
    case :gen_tcp.recv(socket, 0, @patience) do
      {:ok, {:http_header, _, _, _, _}} -> skip_headers(socket)
      {:ok, :http_eoh} -> :ok
      other -> other
    end
  end

  defp page(:GET, "/health") do
    if Application.fetch_env!(:demo, :unhealthy) or Demo.Fault.here() == "unhealthy" do
      {"503 Service Unavailable", health("unhealthy")}
    else
      {"200 OK", health("ok")}
    end
  end

  defp page(_method, _path), do: {"404 Not Found", ~s({"status":"not found"})}

  defp health(status) do
    nodes = Enum.map_join(Enum.sort(Node.list()), ",", &quoted/1)
    greeting = Application.fetch_env!(:demo, :greeting)

    ~s({"status":#{quoted(status)},"node":#{quoted(node())},"version":#{quoted(version())},) <>
      ~s("greeting":#{quoted(greeting)},"nodes":[#{nodes}]})
  end

  # JSON's own escapes for what may stand in a greeting; Elixir 1.14 brings no encoder.
  defp quoted(text) do
    escaped =
      for <<char::utf8 <- to_string(text)>>, into: "" do
        if char in [?", ?\\] or char < 0x20 do
          "\\u" <> String.pad_leading(Integer.to_string(char, 16), 4, "0")
        else
          <<char::utf8>>
        end
      end

    ~s("#{escaped}")
  end

  defp reply(socket, status, body) do
    :gen_tcp.send(socket, [
      "HTTP/1.1 #{status}\r\ncontent-type: application/json\r\nconnection: close\r\n",
      "content-length: #{byte_size(body)}\r\n\r\n",
      body
    ])
  end

  defp version do
    version = to_string(Application.spec(:demo, :vsn))
    if Demo.Fault.build(), do: version <> "+" <> Demo.Fault.build(), else: version
  end
end

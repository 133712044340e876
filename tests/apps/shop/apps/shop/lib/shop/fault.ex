defmodule Shop.Fault do
  @moduledoc """
  What is wrong with this build, for tests of rollouts: two releases share one environment, so a file inside says it.

  The file `fault` beside this application's `ebin` holds `FAULT`, which is everywhere, or `FAULT.on.HOST`, which is on
  the host of that name only; several stand with commas between. It is put into a tarball that was built without, so
  that each is a release of its own:

    * `crash` fails at boot,
    * `hang` never comes to the end of its start,
    * `dies-MS` ends the VM that many milliseconds after a start that looked good,
    * `alone` leaves the mesh, and shuts out whoever it has left,
    * `unregistered` closes its connection to EPMD, which then forgets its name,
    * `unhealthy` answers 503.

  A migration that fails or hangs needs no fault: it is one more file of SQL, put in the same way.
  """

  use GenServer

  @interval 200

  @doc "What the file says; nil when there is none."
  def build do
    case File.read(Application.app_dir(:shop, "fault")) do
      {:ok, build} -> String.trim(build)
      {:error, _} -> nil
    end
  end

  @doc "The fault of this build on this host; nil when it has none."
  def here do
    (build() || "")
    |> String.split(",", trim: true)
    |> Enum.map(&String.split(&1, ".on."))
    |> Enum.find_value(fn [fault | host] -> host in [[], [hostname()]] && fault end)
  end

  defp hostname do
    {:ok, name} = :inet.gethostname()
    to_string(name)
  end

  def start_link(fault), do: GenServer.start_link(__MODULE__, fault, name: __MODULE__)

  @impl true
  def init("dies-" <> milliseconds) do
    Process.send_after(self(), :die, String.to_integer(milliseconds))
    {:ok, nil}
  end

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
  # halt and not exit: a supervisor would catch an exit, and the node would live on.
  def handle_info(:die, _state), do: System.halt(70)
  def handle_info(:leave, state), do: leave(state)

  defp leave(state) do
    # With no cookie in common, a peer that comes back at once is not seen in between.
    for peer <- Node.list() do
      Node.set_cookie(peer, :not_yours)
      Node.disconnect(peer)
    end

    Process.send_after(self(), :leave, @interval)
    {:noreply, state}
  end
end

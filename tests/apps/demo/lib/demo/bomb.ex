defmodule Demo.Bomb do
  @moduledoc """
  Ends the whole VM some time after its start, as a release does that is good for a minute and then is not.
  """

  use GenServer

  def start_link(milliseconds), do: GenServer.start_link(__MODULE__, milliseconds)

  @impl true
  def init(0), do: :ignore

  def init(milliseconds) do
    Process.send_after(self(), :explode, milliseconds)
    {:ok, nil}
  end

  @impl true
  def handle_info(:explode, _state) do
    # halt and not exit: a supervisor would catch an exit, and the node would live on.
    System.halt(70)
  end
end

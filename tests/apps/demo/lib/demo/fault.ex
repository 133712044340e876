defmodule Demo.Fault do
  @moduledoc """
  What is wrong with this build, for tests of rollouts: two versions share one environment, so the version says it.

  `0.3.0+FAULT` has the fault everywhere, `0.3.0+FAULT.on.HOST` on the host of that name only:

    * `crash` fails at boot,
    * `dies-MS` ends the VM that many milliseconds after a start that looked good,
    * `alone` leaves the mesh again and again,
    * `unregistered` closes its connection to EPMD, which then forgets its name,
    * `unhealthy` answers 503.
  """

  @doc "The fault of this build on this host; nil when it has none."
  def here do
    with [_, build] <- String.split(to_string(Application.spec(:demo, :vsn)), "+"),
         [fault | host] <- String.split(build, ".on."),
         true <- host in [[], [hostname()]] do
      fault
    else
      _ -> nil
    end
  end

  @doc "The milliseconds of `dies-MS`; 0 for any other fault and for none."
  def dies_after do
    case here() do
      "dies-" <> milliseconds -> String.to_integer(milliseconds)
      _ -> 0
    end
  end

  defp hostname do
    {:ok, name} = :inet.gethostname()
    to_string(name)
  end
end

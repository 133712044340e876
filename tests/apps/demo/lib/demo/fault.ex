defmodule Demo.Fault do
  @moduledoc """
  What is wrong with this build, for tests of rollouts: two releases share one environment, so a file inside says it.

  The file `fault` beside the application's `ebin` holds `FAULT`, which is everywhere, or `FAULT.on.HOST`, which is on
  the host of that name only; several stand with commas between. It is put into a tarball that was built without, so
  that each is a release of its own:

    * `crash` fails at boot,
    * `dies-MS` ends the VM that many milliseconds after a start that looked good,
    * `alone` leaves the mesh again and again,
    * `unregistered` closes its connection to EPMD, which then forgets its name,
    * `unhealthy` answers 503.
  """

  @doc "What the file says; nil when there is none."
  def build do
    case File.read(Application.app_dir(:demo, "fault")) do
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

defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      version: System.get_env("SHOP_VERSION", "0.1.0"),
      build_path: "../../_build",
      config_path: "../../config/config.exs",
      deps_path: "../../deps",
      lockfile: "../../mix.lock",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: deps()
    ]
  end

  # The PostgreSQL driver is a library of the system (Debian: erlang-p1-pgsql), beside OTP's own applications: mix asks no
  # registry for it, and listed here it becomes part of the release. :ssl is for distribution over TLS.
  def application do
    [mod: {Shop.Application, []}, extra_applications: [:logger, :ssl, :runtime_tools, :p1_pgsql]]
  end

  defp deps, do: []
end

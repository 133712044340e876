defmodule ShopJobs.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop_jobs,
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

  def application do
    [mod: {ShopJobs.Application, []}, extra_applications: [:logger]]
  end

  defp deps, do: [{:shop, in_umbrella: true}]
end

defmodule Shop.Umbrella.MixProject do
  use Mix.Project

  def project do
    [
      apps_path: "apps",
      # From outside, so that one source gives the two versions an upgrade needs.
      version: System.get_env("SHOP_VERSION", "0.1.0"),
      start_permanent: Mix.env() == :prod,
      deps: [],
      releases: releases()
    ]
  end

  # An umbrella has no application of its own, so a release has to name what is in it.
  defp releases do
    [
      shop: [
        applications: [shop: :permanent, shop_jobs: :permanent, shop_web: :permanent],
        include_executables_for: [:unix],
        steps: [:assemble, :tar]
      ]
    ]
  end
end

defmodule Demo.MixProject do
  use Mix.Project

  def project do
    [
      app: :demo,
      # From outside, so that one source gives the two versions an upgrade needs.
      version: System.get_env("DEMO_VERSION", "0.1.0"),
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: [],
      # As well: one source gives two releases that share a host.
      releases: [
        {String.to_atom(System.get_env("DEMO_RELEASE", "demo")),
         [steps: [:assemble, :tar], include_executables_for: [:unix]]}
      ]
    ]
  end

  # :ssl although no line here uses it: TLS distribution needs it, and its :crypto links the host's OpenSSL. :runtime_tools
  # as mix phx.new has it: an observer asks it.
  def application do
    [extra_applications: [:logger, :ssl, :runtime_tools], mod: {Demo.Application, []}]
  end
end

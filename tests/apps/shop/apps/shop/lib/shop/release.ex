defmodule Shop.Release do
  @moduledoc """
  What can be asked of a release without mix: `bin/shop eval Shop.Release.migrate`, or `bin/migrate`.
  """

  @doc "Bring the database to what this release expects; raises when that fails, and `eval` then ends with 1."
  def migrate do
    {:ok, _} = Application.ensure_all_started(:p1_pgsql)
    :ok = Application.ensure_loaded(:shop)
    Shop.Migrator.run()
  end
end

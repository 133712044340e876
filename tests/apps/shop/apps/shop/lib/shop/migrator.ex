defmodule Shop.Migrator do
  @moduledoc """
  Brings the database to what this release expects: files of SQL in `priv/repo/migrations`, each once, in order.

  What ran is in the table `schema_migrations`. Whoever migrates holds an advisory lock, so nodes that start together,
  or two people, wait for each other; PostgreSQL lets it go when the connection ends, however that comes.
  """

  use Task, restart: :transient

  @lock 7_364_211
  @table """
  CREATE TABLE IF NOT EXISTS schema_migrations
    (version bigint PRIMARY KEY, inserted_at timestamptz NOT NULL DEFAULT now())
  """

  @doc "For a supervision tree: the tree's start goes on when the database is ready; `skip: true` does nothing."
  def start_link(skip: true), do: :ignore

  def start_link(skip: false) do
    run()
    :ignore
  end

  @doc "Run what has not run yet. Raises when a file fails; what it did is undone, and what ran before it stays."
  def run do
    with {:ok, driver} <- Shop.Connection.open(),
         :ok <- Shop.Connection.run(driver, "SELECT pg_advisory_lock(#{@lock}); #{@table}"),
         {:ok, done} <- done(driver) do
      for {version, path} <- files(), version not in done, do: apply_file(driver, version, path)
      Shop.Connection.close(driver)
      :ok
    else
      {:error, why} -> raise why
    end
  end

  @doc "How many files have not run yet; all of them when the database cannot tell."
  def pending do
    case Shop.Repo.query("SELECT version FROM schema_migrations") do
      {:ok, rows} -> length(Enum.map(files(), &elem(&1, 0)) -- versions(rows))
      {:error, _why} -> length(files())
    end
  end

  defp apply_file(driver, version, path) do
    IO.puts("migrating #{Path.basename(path)}")
    noted = "INSERT INTO schema_migrations (version) VALUES (#{version})"

    case Shop.Connection.run(driver, "BEGIN; #{File.read!(path)}\n; #{noted}; COMMIT") do
      :ok -> IO.puts("migrated #{Path.basename(path)}")
      {:error, why} -> raise "#{Path.basename(path)}: #{why}"
    end
  end

  defp files do
    for path <- :shop |> Application.app_dir("priv/repo/migrations/*.sql") |> Path.wildcard() |> Enum.sort() do
      {version, _name} = path |> Path.basename() |> Integer.parse()
      {version, path}
    end
  end

  defp done(driver) do
    with {:ok, rows} <- Shop.Connection.ask(driver, "SELECT version FROM schema_migrations", []) do
      {:ok, versions(rows)}
    end
  end

  defp versions(rows), do: Enum.map(rows, fn [version] -> String.to_integer(version) end)
end

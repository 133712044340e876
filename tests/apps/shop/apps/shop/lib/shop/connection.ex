defmodule Shop.Connection do
  @moduledoc """
  One connection to PostgreSQL, made when it is first needed, and anew after it broke.
  """

  use GenServer

  @patience 15_000

  def start_link(name), do: GenServer.start_link(__MODULE__, nil, name: name)

  @doc "See `Shop.Repo.query/2`."
  def query(connection, statement, parameters) do
    GenServer.call(connection, {:query, statement, parameters}, @patience)
  catch
    :exit, _reason -> {:error, "no answer from the database"}
  end

  @impl true
  def init(nil) do
    Process.flag(:trap_exit, true)
    {:ok, nil}
  end

  @impl true
  def handle_call({:query, statement, parameters}, _from, had) do
    with {:ok, driver} <- if(had, do: {:ok, had}, else: open()) do
      # A driver that lost its server ends in the middle of a call.
      answer = try do: ask(driver, statement, parameters), catch: (:exit, _reason -> :lost)
      if answer == :lost, do: {:reply, {:error, "the database is gone"}, nil}, else: {:reply, answer, driver}
    else
      {:error, why} -> {:reply, {:error, why}, nil}
    end
  end

  @impl true
  def handle_info(_message, driver), do: {:noreply, driver}

  @impl true
  def terminate(_reason, driver), do: driver && close(driver)

  @doc "A connection to what DATABASE_URL names, of the caller's own: `{:ok, driver}` or `{:error, text}`."
  def open do
    url = :shop |> Application.fetch_env!(:repo) |> Keyword.fetch!(:url) |> URI.parse()
    [user, password] = url.userinfo |> String.split(":", parts: 2) |> Enum.map(&URI.decode/1)

    [
      host: to_charlist(url.host),
      port: url.port || 5432,
      database: String.trim_leading(url.path, "/"),
      user: user,
      password: password,
      as_binary: true
    ]
    |> :pgsql.connect()
    |> case do
      {:ok, driver} -> {:ok, driver}
      # The reason may hold what the connection was made with.
      {:error, _reason} -> {:error, "no connection to the database at #{url.host}"}
    end
  end

  @doc "The rows of one statement: `{:ok, rows}` or `{:error, text}`."
  def ask(driver, statement, parameters) do
    # Not pquery: that waits for ever after an error.
    with {:ok, _status, _parameters, _columns} <- :pgsql.prepare(driver, "", statement),
         {:ok, {_command, rows}} <- :pgsql.execute(driver, "", parameters) do
      {:ok, if(is_list(rows), do: Enum.map(rows, &plain/1), else: [])}
    else
      {:error, reason} -> {:error, text(reason)}
    end
  end

  defp plain(row), do: Enum.map(row, fn {_type, value} -> value end)

  @doc "Run several statements, however long they take: `:ok` or `{:error, text}`."
  def run(driver, statements) do
    {:ok, results} = :pgsql.squery(driver, statements)

    case List.keyfind(results, :error, 0) do
      nil -> :ok
      {:error, reason} -> {:error, text(reason)}
    end
  end

  @doc "End the connection. Not by the driver's terminate: that logs how its own socket closes as a crash."
  def close(driver), do: Process.exit(driver, :kill)

  defp text(reason) do
    {:message, message} = List.keyfind(reason, :message, 0)
    message
  end
end

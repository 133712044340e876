defmodule ShopWeb.Pages do
  @moduledoc """
  What is served:

    * `GET /health`: 200 while the database answers and no migration is missing, else 503; a line of JSON with either,
    * `GET /`: a greeting; counted as a visit,
    * `GET /items`, `POST /items?name=NAME`: what is in the shop,
    * `GET /slow?ms=MS`: answers after so many milliseconds,
    * `GET /stream`: goes on until the client leaves or the node stops, and says `bye` then.
  """

  @doc "The answer to a request: `{status, JSON}` or `:stream`."
  def page(:GET, "/health", _query), do: health()

  def page(:GET, "/", _query) do
    ShopJobs.Visits.count()
    {200, json(greeting: greeting(), node: node())}
  end

  def page(:GET, "/items", _query), do: items(Shop.Repo.query("SELECT name FROM items ORDER BY id"))

  def page(:POST, "/items", %{"name" => name}) do
    case Shop.Repo.query("INSERT INTO items (name) VALUES ($1) ON CONFLICT DO NOTHING", [name]) do
      {:ok, _rows} -> {201, json(name: name)}
      {:error, why} -> {503, json(error: why)}
    end
  end

  def page(:GET, "/slow", query) do
    query |> Map.get("ms", "1000") |> String.to_integer() |> Process.sleep()
    {200, json(node: node(), version: version())}
  end

  def page(:GET, "/stream", _query), do: :stream
  def page(_method, _path, _query), do: {404, json(error: "not found")}

  @doc "The release's version, with the fault of a build that has one."
  def version do
    [to_string(Application.spec(:shop, :vsn)), Shop.Fault.build()] |> Enum.filter(& &1) |> Enum.join("+")
  end

  defp health do
    pending = Shop.Migrator.pending()
    well = pending == 0 and Shop.Fault.here() != "unhealthy"

    {if(well, do: 200, else: 503),
     json(
       status: if(well, do: "ok", else: "unhealthy"),
       node: node(),
       version: version(),
       greeting: greeting(),
       pending_migrations: pending,
       nodes: Enum.sort(Node.list())
     )}
  end

  defp items({:ok, rows}), do: {200, json(items: List.flatten(rows))}
  defp items({:error, why}), do: {503, json(error: why)}

  defp greeting, do: Application.fetch_env!(:shop, :greeting)

  defp json(fields) do
    "{" <> Enum.map_join(fields, ",", fn {name, value} -> ~s("#{name}":#{encoded(value)}) end) <> "}"
  end

  defp encoded(number) when is_integer(number), do: to_string(number)
  defp encoded(list) when is_list(list), do: "[" <> Enum.map_join(list, ",", &encoded/1) <> "]"

  # JSON's own escapes for what may stand in a text; Elixir 1.14 brings no encoder.
  defp encoded(text) do
    escaped =
      for <<char::utf8 <- to_string(text)>>, into: "" do
        if char in [?", ?\\] or char < 0x20 do
          "\\u" <> String.pad_leading(Integer.to_string(char, 16), 4, "0")
        else
          <<char::utf8>>
        end
      end

    ~s("#{escaped}")
  end
end

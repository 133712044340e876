defmodule ShopWeb.Request do
  @moduledoc """
  One request on a connection, from its first line to its answer.
  """

  @patience 5_000
  @tick 500

  @doc "Read a request, answer it, close. A client that breaks off is its own business."
  def serve(socket) do
    with {:ok, {:http_request, method, {:abs_path, target}, _version}} <- :gen_tcp.recv(socket, 0, @patience),
         :ok <- skip_headers(socket) do
      uri = URI.parse(to_string(target))
      answer(socket, ShopWeb.Pages.page(method, uri.path, URI.decode_query(uri.query || "")))
    end

    :gen_tcp.close(socket)
  end

  defp skip_headers(socket) do
    case :gen_tcp.recv(socket, 0, @patience) do
      {:ok, {:http_header, _, _, _, _}} -> skip_headers(socket)
      {:ok, :http_eoh} -> :ok
      other -> other
    end
  end

  defp answer(socket, {status, body}) do
    :gen_tcp.send(socket, [head(status), "content-length: #{byte_size(body)}\r\n\r\n", body])
  end

  defp answer(socket, :stream) do
    :gen_tcp.send(socket, [head(200), "transfer-encoding: chunked\r\n\r\n"])
    stream(socket, 1)
  end

  # Ends when the client goes, or when the node stops: then with a last line, so that the client knows it was told all.
  defp stream(socket, number) do
    with :ok <- chunk(socket, "tick #{number}\n") do
      receive do
        :drain -> with :ok <- chunk(socket, "bye\n"), do: :gen_tcp.send(socket, "0\r\n\r\n")
      after
        @tick -> stream(socket, number + 1)
      end
    end
  end

  defp chunk(socket, text) do
    :gen_tcp.send(socket, [Integer.to_string(byte_size(text), 16), "\r\n", text, "\r\n"])
  end

  defp head(status) do
    "HTTP/1.1 #{status} #{reason(status)}\r\ncontent-type: application/json\r\nconnection: close\r\n"
  end

  defp reason(200), do: "OK"
  defp reason(201), do: "Created"
  defp reason(404), do: "Not Found"
  defp reason(503), do: "Service Unavailable"
end

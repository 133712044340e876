"""trace: bounded by the node, and gone with who has asked for it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.lab.window_kit import Window


def test_a_trace_is_bounded_by_the_node_and_gone_when_this_side_is_killed(
    window: Window, eventually: Callable[..., None]
) -> None:
    calls = 'Enum.each(Stream.cycle([1]), fn _ -> String.upcase("busy") end)'
    crowd = f"for _ <- 1..8, do: spawn_link(fn -> {calls} end)"  # more calls than a tracer can read
    busy = f"pid = spawn(fn -> {crowd}; {calls} end); Process.register(pid, :window_test_busy)"
    looks = "{:erlang.trace_info({String, :upcase, 2}, :traced), :erlang.trace_info(:new, :flags)}"
    assert window("rpc", "web1", busy).code == 0
    try:
        ran = window("trace", "web1", "String.upcase/2", "--max", "5")
        assert (ran.code, "5 calls" in ran.err) == (0, True), ran.err
        lines = ran.out.splitlines()
        assert len(lines) == 5
        shown = r'<[0-9.]+> String\.upcase\("busy", :default\) -> "BUSY" \([0-9.]+ ms\)'
        assert all(re.fullmatch(shown, line) for line in lines), lines
        assert window("rpc", "web1", looks).out == "{{:traced, false}, {:flags, []}}\n"
        hidden = window.person("trace", "web1", "String.length/1", "--for", "5m")
        eventually(lambda: "local" in window("rpc", "web1", looks.replace("upcase, 2", "length, 1")).out)
        hidden.is_killed()
        eventually(
            lambda: window("rpc", "web1", looks.replace("upcase, 2", "length, 1")).out.startswith("{{:traced, f")
        )
        assert "true" in window("rpc", "web1", "Process.alive?(Process.whereis(:window_test_busy))").out
    finally:
        window("rpc", "web1", "Process.exit(Process.whereis(:window_test_busy), :kill)")
    assert window("trace", "web1", "Nobody.knows/1").code == 1
    assert window("trace", "web1", "what is this").code == 3

"""The sh half of the ladder: what the fragments print on this machine, and how their answers are read."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deployer.engine.ladder import readings
from deployer.engine.ladder.readings import parse_look, parse_reach
from deployer.errors import ProbeError
from deployer.sh import Program, Sh, encode
from tests.unit.engine.engine_kit import DirectoryHost
from tests.unit.engine.ladder_kit import DIR, EXE, look
from tests.unit.sh_clean import complaints

HOSTILE = "x'; touch canary; $(touch canary) `id`\n.service"
FRAGMENTS = {
    "look": readings.look_at_unit(HOSTILE),
    "reach": readings.reach([("10.0.0.1", 4369), (HOSTILE, 9100)]),
    "last words": readings.unit_last_words(HOSTILE, f"/var/{HOSTILE}"),
    "last words without a dump": readings.unit_last_words(HOSTILE, ""),
}


def test_fragments_are_clean_sh() -> None:
    assert complaints(encode(Program(tuple(FRAGMENTS.values()))), "SC2016") == ""


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_hostile_name_runs_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ask(tmp_path, FRAGMENTS[name])
    assert not (tmp_path / "canary").exists()


def ask(tmp_path: Path, fragment: Sh) -> str:
    (frame,) = DirectoryHost(tmp_path).run(Program((fragment,)), timeout=30)
    return frame.out


def test_a_healthy_unit_is_read() -> None:
    unit = parse_look(look())
    assert (unit.loaded, unit.active, unit.sub, unit.result, unit.restarts) == (True, "active", "running", "success", 0)
    assert (unit.pid, unit.exe, unit.ports, unit.age) == (4711, EXE, frozenset({9100, 4000}), 3600.0)
    assert (unit.release_dir, unit.version) == (DIR, "1.4.2")


def test_a_unit_that_does_not_exist_is_no_error() -> None:
    unit = parse_look(look(LoadState="not-found", ActiveState="inactive", MainPID="0", exe="gone", sockets="gone",
                           pid="0", ActiveEnterTimestampMonotonic="0"))  # fmt: skip
    assert (unit.loaded, unit.pid, unit.exe, unit.age, unit.ports) == (False, 0, "", None, None)


def test_a_masked_unit_is_not_loaded() -> None:
    assert not parse_look(look(LoadState="masked")).loaded


def test_ports_of_other_processes_are_left_out() -> None:
    unit = parse_look(look(sockets="12", listening="11/0100007F:238C 12/00000000000000000000000000000000:0FA0"))
    assert unit.ports == frozenset({4000})


@pytest.mark.parametrize("listening", ["11/0100007F:", "11", "11/0100007F:{{", "11/01:0FA0", "x" * 9000])
def test_a_damaged_list_of_sockets_is_a_probe_error(listening: str) -> None:
    with pytest.raises(ProbeError):
        parse_look(look(listening=listening))


def test_sockets_that_cannot_be_seen_are_unknown_not_none() -> None:
    assert parse_look(look(sockets="")).ports is None


def test_an_executable_that_was_replaced_is_still_named() -> None:
    assert parse_look(look(exe=f"{EXE} (deleted)")).exe == EXE


@pytest.mark.parametrize(
    ("exe", "release", "version"),
    [
        (
            "/opt/shop/versions/1.0-rc.1-abcd1234/erts-1/bin/beam.smp",
            "/opt/shop/versions/1.0-rc.1-abcd1234",
            "1.0-rc.1",
        ),
        ("/opt/shop/erts-1/bin/beam.smp", "/opt/shop", None),
        ("/usr/lib/erlang/erts-1/bin/beam.smp", "/usr/lib/erlang", None),
        ("/versions/plain/erts-1/bin/beam.smp", "/versions/plain", None),
        ("", "", None),
    ],
)
def test_the_release_is_known_by_its_directory(exe: str, release: str, version: str | None) -> None:
    unit = parse_look(look(exe=exe))
    assert (unit.release_dir, unit.version) == (release, version)


DAMAGED = ["", "x", "show=\x1e", look(pid="gone"), look(pid="abc"), look(NRestarts="many"), look(listening="gone"),
           look(uptime="long"), look()[:-1], look() + "x", look(sockets="11", listening="11/nonsense")]  # fmt: skip


@pytest.mark.parametrize("said", DAMAGED)
def test_a_damaged_answer_is_a_probe_error(said: str) -> None:
    with pytest.raises(ProbeError):
        parse_look(said)


@given(st.text(st.characters(exclude_categories=[])))
def test_any_answer_is_read_or_a_probe_error(said: str) -> None:
    for parse in (parse_look, lambda text: parse_reach(text, [("a", 1)])):
        with contextlib.suppress(ProbeError):
            parse(said)


@given(
    st.sampled_from(["NRestarts", "ActiveEnterTimestampMonotonic", "pid", "uptime", "sockets", "listening"]), st.text()
)
@example("ActiveEnterTimestampMonotonic", "9" * 400)
@example("pid", "9" * 5000)
def test_any_value_in_a_record_is_read_or_a_probe_error(key: str, value: str) -> None:
    with contextlib.suppress(ProbeError):
        assert parse_look(look(**{key: value})).loaded


def test_reaching_is_told_place_by_place() -> None:
    places = [("10.0.0.1", 4369), ("10.0.0.2", 9100), ("fe80::1", 9100), ("10.0.0.4", 1)]
    said = """tried=10.0.0.1/4369 open
bash: connect: Connection refused
bash: line 2: /dev/tcp/10.0.0.2/9100: Connection refused
bash: line 2: /dev/tcp/fe80::1/9100: No route to host\x1e"""
    found = parse_reach(said, places)
    assert found == dict(zip(places, ["", "connection refused", "no route to host", "no answer in 3 s"], strict=True))


def test_an_answer_without_the_tries_claims_nothing() -> None:
    with pytest.raises(ProbeError):
        parse_reach("other=x\x1e", [("10.0.0.1", 1)])


def test_without_bash_nothing_is_claimed() -> None:
    assert parse_reach("bash=missing\x1e", [("10.0.0.1", 1)]) is None


def test_a_listening_port_is_open_and_a_closed_one_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        places = [("127.0.0.1", server.getsockname()[1]), ("127.0.0.1", closed.getsockname()[1])]
        found = parse_reach(ask(tmp_path, readings.reach(places)), places)
    assert found == {places[0]: "", places[1]: "connection refused"}


def test_of_two_hundred_members_a_silent_one_costs_its_own_slice_alone(tmp_path: Path) -> None:
    """The two ports of 199 others, as for a mesh of 200; one place answers nothing, as behind rules that drop."""
    servers = [socket.create_server(("0.0.0.0", 0), backlog=500) for _ in range(2)]
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    filling = [socket.socket() for _ in range(8)]
    for one in filling:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    ports = [server.getsockname()[1] for server in servers]
    places = [(f"127.0.{i // 200}.{i % 200 + 1}", port) for i in range(199) for port in ports]
    places[120] = full.getsockname()
    assert readings.reach_time(places) == 8 * readings.REACH_PATIENCE
    found = parse_reach(ask(tmp_path, readings.reach(places)), places)
    for one in (*filling, *servers, full):
        one.close()
    assert found == {**dict.fromkeys(places, ""), places[120]: "no answer in 3 s"}


def test_reaching_nobody_is_no_error(tmp_path: Path) -> None:
    assert parse_reach(ask(tmp_path, readings.reach([])), []) == {}


def test_a_crash_dump_is_shown_by_its_first_lines(tmp_path: Path) -> None:
    dump = tmp_path / "erl crash.dump"
    dump.write_text("=erl_crash_dump:0.5\ndate\nSlogan: eaddrinuse\n" + "x\n" * 1000)
    said = ask(tmp_path, readings.unit_last_words("no-such.service", str(dump))).splitlines()
    assert said[-5:] == ["=erl_crash_dump:0.5", "date", "Slogan: eaddrinuse", "x", "x"]


def test_a_missing_crash_dump_is_silence(tmp_path: Path) -> None:
    assert "Slogan" not in ask(tmp_path, readings.unit_last_words("no-such.service", "/nowhere/erl_crash.dump"))

"""What the shipped roles write is what hosts understand: units, flags of the node, the command for people."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles_kit import COOKIE, SHAPES, WORDS, changed, resolved, shapes, written
from tests.unit.sh_clean import complaints

UNIT = "/etc/systemd/system/demo.service.d/00-deployer.conf"


@pytest.mark.parametrize("shape", ["as it comes", "no EPMD", "settings of the unit"])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_units_are_understood_by_systemd_and_leave_little_exposed(tmp_path: Path, shape: str) -> None:
    files = written(resolved(tmp_path, *SHAPES[shape]))
    units = {Path(path).name: text for path, text in files.items() if path.endswith(".service")}
    units |= {Path(path).parent.name.removesuffix(".d"): text for path, text in files.items() if path.endswith(".conf")}
    assert units
    for name, text in units.items():
        unit = tmp_path / name.replace("@.", "@4369.")
        unit.write_text(text.replace("/opt/demo/current/bin/demo", "/bin/true"))
        for command in (["verify"], ["security", "--offline=yes", "--threshold=20"]):
            done = subprocess.run(["systemd-analyze", *command, unit], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
        assert COOKIE not in text


def test_a_start_prepares_and_runs_in_one_sandbox_and_nothing_of_it_is_roots(tmp_path: Path) -> None:
    files = written(resolved(tmp_path))
    commands = [line for line in files[UNIT].splitlines() if line.startswith("Exec") and not line.endswith("=")]
    assert [line.partition("/bin/sh")[0] for line in commands] == ["ExecStart=", "ExecStartPost="]
    assert "SyslogIdentifier=demo" in files[UNIT].splitlines(), "or a journal names the shell"
    epmd = files["/etc/systemd/system/beam-epmd@.service"]
    assert [line.partition("=")[0] for line in epmd.splitlines() if line.startswith("Exec")] == ["ExecStart"]


def test_a_setting_takes_the_place_of_ours_and_a_list_gives_several_lines(tmp_path: Path) -> None:
    ours = written(resolved(tmp_path))[UNIT].splitlines()
    with_them = written(resolved(tmp_path, *SHAPES["settings of the unit"]))[UNIT]
    assert set(ours) - set(with_them.splitlines()) == {
        "LimitNOFILE=65536", "AmbientCapabilities=", "CapabilityBoundingSet=", "PrivateDevices=yes",
    }  # fmt: skip
    assert [line for line in with_them.splitlines() if line not in ours] == [
        "LimitNOFILE=131072",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "PrivateDevices=no",
        "LogExtraFields=A=%%n",
        "MemoryMax=50%",
        "ReadWritePaths=/srv/a",
        "ReadWritePaths=/srv/b",
    ]


def flags(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_flags_of_a_node_stand_before_the_releases_own(tmp_path: Path) -> None:
    play = resolved(tmp_path)
    assert flags(written(play)["/etc/beam/shop/demo.vm.args"]) == [
        "-start_epmd false",
        "-kernel inet_dist_use_interface {10,0,0,2}",
        "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9109",
        """-eval 'file:write_file("/run/beam/demo/ready",[os:getpid(),10]).'""",
        "+Q 65536",
        "-args_file /run/beam/demo/release/vm.args",
    ]


def test_remote_commands_start_no_epmd_and_want_no_port(tmp_path: Path) -> None:
    found = flags(written(resolved(tmp_path))["/etc/beam/shop/demo.remote.vm.args"])
    assert found[:2] == ["-start_epmd false", "-dist_listen false"]


def test_a_node_with_a_port_listens_there_and_keeps_its_own_flags(tmp_path: Path) -> None:
    found = flags(written(resolved(tmp_path, *SHAPES["two nodes on one host"]))["/etc/beam/shop/jobs.vm.args"])
    assert "-kernel inet_dist_listen_min 9101 inet_dist_listen_max 9101" in found
    assert found[-2] == "+S 2:2"


def test_nodes_that_mesh_at_boot_name_all_others_and_not_themselves(tmp_path: Path) -> None:
    play = resolved(tmp_path, *SHAPES["a mesh at boot"])
    files = written(play)
    assert "-args_file /etc/beam/shop/demo.members.args" in flags(files["/etc/beam/shop/demo.vm.args"])
    (line,) = flags(files["/etc/beam/shop/demo.members.args"])
    assert line == "-kernel sync_nodes_optional \"['demo@10.0.0.3']\" sync_nodes_timeout 3000"
    alone = written(resolved(tmp_path, *SHAPES["a mesh of one"]))["/etc/beam/shop/demo.members.args"]
    assert flags(alone) == []


def test_without_epmd_both_args_files_name_the_port_and_no_unit_waits_for_it(tmp_path: Path) -> None:
    files = written(resolved(tmp_path, *SHAPES["no EPMD"]))
    for name in ("shop.vm.args", "shop.remote.vm.args"):
        assert "-erl_epmd_port 9100" in flags(files[f"/etc/beam/shop/{name}"])
    assert "beam-epmd" not in "".join(files.values())


def test_ipv6_needs_its_own_distribution(tmp_path: Path) -> None:
    files = written(resolved(tmp_path, *SHAPES["IPv6"]))
    assert "-proto_dist inet6_tcp" in flags(files["/etc/beam/shop/demo.vm.args"])
    assert "-kernel inet_dist_use_interface {64768,0,0,0,0,0,0,2}" in flags(files["/etc/beam/shop/demo.vm.args"])


@pytest.mark.slow
@shapes
def test_the_command_for_people_is_clean_sh(tmp_path: Path, words: dict[str, Any], hosts: dict[str, Any]) -> None:
    commands = [text for path, text in written(resolved(tmp_path, words, hosts)).items() if path.endswith("-ctl")]
    assert commands
    for text in commands:
        assert complaints(text) == ""


def test_the_command_for_people_knows_only_commands_that_start_nothing(tmp_path: Path) -> None:
    command = tmp_path / "ctl"
    command.write_text(written(resolved(tmp_path))["/usr/local/bin/demo-ctl"])
    for word in ("start", "daemon", "restart", "--help"):
        done = subprocess.run(["sh", command, word], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (64, "")
        assert "systemctl restart demo.service" in done.stderr


@pytest.mark.parametrize("keep", [1, 3])
@pytest.mark.parametrize("place", ["/var/lib/beam/demo/erl_crash.dump", "/srv/dumps/demo-1.dump"])
def test_so_many_crash_dumps_stay_and_none_for_longer(tmp_path: Path, keep: int, place: str) -> None:
    words = changed(WORDS, "release.crash_dumps", {"keep": keep, "days": 2})
    if place.startswith("/srv"):
        words = changed(words, "env", {"ERL_CRASH_DUMP": place})
    unit, folder = written(resolved(tmp_path, words))[UNIT], tmp_path / "state"
    dump = folder / Path(place).name
    line = next(line for line in unit.splitlines() if dump.name in line)
    command = line.removesuffix("\\").replace("$$", "$").replace("%%", "%")
    command = command.replace(str(Path(place).parent), str(folder))
    folder.mkdir()
    others = {folder / f"{dump.name}{rest}" for rest in ("s", ".txt", "-1")}
    for other in others:
        other.touch()
        os.utime(other, (0, 0))

    def dumps() -> set[Path]:
        return set(folder.iterdir()) - others

    for number in range(keep + 2):
        dump.write_text(str(number))
        os.utime(dump, (time.time() - 86400 - 60 * (9 - number),) * 2)
        subprocess.run(["sh", "-c", command], cwd="/", check=True)
    assert sorted(path.read_text() for path in dumps()) == [str(number) for number in range(keep + 2)][-keep:]
    for old in dumps():
        os.utime(old, (time.time() - 2 * 86400 - 60,) * 2)
    subprocess.run(["sh", "-c", command], cwd="/", check=True)
    assert set(folder.iterdir()) == others


@pytest.mark.parametrize("place", ["/dev/null", "/srv/a b/dump", "/srv/%h/dump", "/srv/d*"])
def test_a_crash_dump_that_is_none_or_has_an_odd_name_is_not_counted(tmp_path: Path, place: str) -> None:
    unit = written(resolved(tmp_path, changed(WORDS, "env", {"ERL_CRASH_DUMP": place})))[UNIT]
    assert "-delete" not in unit

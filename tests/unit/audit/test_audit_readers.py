"""The readers: clean sh, and on this machine, whoever asks, an answer that can be read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.audit.catalog import RULES
from deployer.audit.facts import Facts, Reach, parse_group, readers
from deployer.audit.process import Records
from deployer.sh import Program, encode
from tests.unit.sh_clean import complaints
from tests.unit.sh_runner import frames, in_every_shell

ALL = Reach(deep=True, keys=True, names=("localhost",), places=("127.0.0.1:1",))


@pytest.mark.slow
def test_the_readers_are_clean_sh() -> None:
    # SC2317: of sockets.sh not every function is called here.
    assert complaints(encode(Program(tuple(readers(ALL).values()))), "SC2016", "SC2317") == ""


@in_every_shell
def test_every_reader_answers_on_this_machine_and_writes_nothing(shell: list[str], tmp_path: Path) -> None:
    found = readers(replace(ALL, deep=False))  # a dry run of apt takes its time
    answers = frames(Program(tuple(found.values())), shell, tmp_path)
    groups = {name: parse_group(frame) for name, frame in zip(found, answers, strict=True)}
    assert not [name for name, group in groups.items() if isinstance(group, str)], groups
    assert list(tmp_path.iterdir()) == []
    kernel = Facts(groups).kernel("kernel/randomize_va_space")
    assert kernel == Path("/proc/sys/kernel/randomize_va_space").read_text().strip()
    assert "127.0.0.1" in groups["beyond"]["name_0"] or "::1" in groups["beyond"]["name_0"]
    assert {rule.apply(Facts(groups)).answer for rule in RULES.values()} >= {"PASS", "NOT APPLICABLE"}


COOKIE, OTHER = "aB3" * 10 + "monster" + "!", "canary-in-flags"
SPOOF = "x\n/proc/1/exe /evil/erts-1/bin/beam.smp\x1ekind_1=beam\x1e"


@pytest.fixture
def beam(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """What looks like a BEAM, whose arguments, environment and files do their worst; and its process."""
    root, home = tmp_path / "re l", tmp_path / "home"
    libs = (f"{SPOOF.replace('/', '_')}-1/ebin", "ejabberd-23.01/ebin", "lisp-1", "python3/ebin")
    below = ("erts-16.4.0.6/bin", "releases", "lib/kernel-10.4", f"lib/{SPOOF.replace('/', '_')}-1", "tmp")
    for place in (*below, *(f"libs/{name}" for name in libs)):
        (root / place).mkdir(parents=True)
    home.mkdir(mode=0o755)
    (root / "releases/COOKIE").write_text(COOKIE)
    (root / "releases/COOKIE").chmod(0o440)
    (home / ".erlang.cookie").symlink_to("/etc/passwd")
    (root / "releases/start_erl.data").write_text("16.4.0.6 1.0\n")
    (home / "erl_crash.dump").touch(mode=0o640)
    (home / f"erl_crash.dump{SPOOF.replace('/', '_')}").touch()
    (root / "tmp/a.runtime.config").touch(mode=0o600)
    (root / "tmp/b.runtime.config").touch(mode=0o640)
    program = root / "erts-16.4.0.6/bin/beam.smp"
    shutil.copy(shutil.which("cat") or "", program)  # it waits until its input ends
    environ = {
        "HOME": str(home), "ERL_AFLAGS": f"-pa x -setcookie {OTHER}", "SECRET_KEY_BASE": OTHER, "A": SPOOF,
        "RELEASE_NODE": SPOOF, "ERL_LIBS": f"relative::{root}/libs:/no*/{SPOOF}",
    }  # fmt: skip
    argv = ["600", "", "-setcookie", COOKIE, f"0{SPOOF}", "-name", "shop@10.0.0.1"]
    with subprocess.Popen([program, "-", "--", *argv], env=environ, cwd=home, stdin=subprocess.PIPE) as running:
        yield root, running.pid
        running.kill()


def _nodes(shell: list[str], tmp: Path, reach: Reach | None = None) -> tuple[Records, str]:
    (frame,) = frames(Program((readers(reach)["nodes"],)), shell, tmp)
    found = parse_group(frame)
    assert not isinstance(found, str), found
    return found, frame.out


@in_every_shell
def test_a_hostile_beam_is_read_as_what_it_is_and_nothing_secret_leaves(
    shell: list[str], beam: tuple[Path, int], tmp_path: Path
) -> None:
    root, pid = beam
    home = tmp_path / "home"
    found, told = _nodes(shell, tmp_path)
    own = {key.removesuffix(f"_{pid}"): value for key, value in found.items() if key.endswith(f"_{pid}")}
    assert "kind_1" not in found
    assert (own["kind"], own["exe"]) == ("beam", str(root / "erts-16.4.0.6/bin/beam.smp"))
    assert COOKIE not in told
    assert OTHER not in told
    assert own["argv"].split("\n")[3:6] == ["600", "", "-setcookie"]
    assert own["argv"].split("\n")[6] == "***"
    assert set(own["names"].split()) == {"HOME", "ERL_AFLAGS", "SECRET_KEY_BASE", "A", "RELEASE_NODE", "ERL_LIBS"}
    assert "ERL_AFLAGS=-pa x -setcookie ***" in own["environ"]
    weak = [f"38 1 11 yes {root}/releases/COOKIE", "38 1 11 yes argv"]
    assert own["cookies"].splitlines() == weak, "the link at ~/.erlang.cookie is not followed"
    assert own["start"].strip() == "16.4.0.6 1.0"
    assert own["lib"].split() == ["kernel-10.4", "ejabberd-23.01"]
    dumps = [line.split(" ", 3)[3] for line in own["dumps"].splitlines()]
    assert dumps == [f"{home}/erl_crash.dump"]
    assert own["rendered"].split("\n")[0] == f"{root}/tmp/b.runtime.config"
    assert own["user"].split()[0] == str(os.geteuid())
    assert own["disk"].split()[-1].startswith("/")
    assert own["tree"].split("\n")[-1] == "rc 0"


@in_every_shell
def test_a_release_of_which_all_may_be_written_hides_nothing_stranger(
    shell: list[str], beam: tuple[Path, int], tmp_path: Path
) -> None:
    root, pid = beam
    for number in range(200):
        (root / "lib" / f"{number:0100}").touch()
        (root / "lib" / f"{number:0100}").chmod(0o666)
    os.mkfifo(root / "lib/zz")
    tree = _nodes(shell, tmp_path)[0][f"tree_{pid}"].split("\n")
    assert (tree[0][:2], tree[-1]) == ("w ", "rc 0")
    assert f"s {root}/lib/zz" in tree


@in_every_shell
def test_what_costs_more_is_read_where_it_is_asked_for(
    shell: list[str], beam: tuple[Path, int], tmp_path: Path
) -> None:
    root, pid = beam
    (root / "tmp/erlang.log").write_text(f"=INFO REPORT= cookie {COOKIE}\n")
    (root / "tmp/clean.log").write_text("nothing\n")
    (root / "tmp/pipe").touch()
    (root / "tmp/pipe").unlink()
    os.mkfifo(root / "tmp/pipe")
    plain, _ = _nodes(shell, tmp_path)
    assert not [key for key in plain if key.startswith(("elf_", "leaks_"))]
    found, told = _nodes(shell, tmp_path, Reach(deep=True))
    assert COOKIE not in told
    assert set(found[f"leaks_{pid}"].split("\n")) == {f"{root}/tmp/erlang.log", ""}
    same = found[f"same_{pid}"].split()
    assert (len(same), len(set(same))) == (2, 1), "its argument and its file hold the same cookie"
    nodes = Facts({"nodes": {key: value for key, value in found.items() if key.endswith(f"_{pid}") or "_" not in key}})
    assert f"its cookie is in {root}/tmp/erlang.log: " in RULES["CK-09"].apply(nodes).reason
    assert RULES["RL-07"].apply(nodes).answer in ("PASS", "FAIL"), (
        "a program of this machine is an ELF that can be read"
    )


@pytest.mark.slow
def test_a_program_says_nothing_by_its_name_that_is_not_so(tmp_path: Path) -> None:
    program = tmp_path / "beam.smp\x1efalse=a"
    shutil.copy(shutil.which("cat") or "", program)
    with subprocess.Popen([program, "-"], stdin=subprocess.PIPE) as running:
        found, _ = _nodes(["dash"], tmp_path)
        running.kill()
    assert "false" not in found
    assert found[f"comm_{running.pid}"] == "beam.smp?"


@pytest.mark.slow
def test_the_dry_run_of_apt_opens_nothing_to_write(tmp_path: Path) -> None:
    if not shutil.which("strace") or not shutil.which("apt-get"):
        pytest.skip("strace or apt-get is not installed")
    log = tmp_path / "opened"
    calls = "trace=openat,unlink,unlinkat,rename,renameat2,mkdir,mkdirat"
    trace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        calls,
        "-e",
        "status=successful",
        "-e",
        "signal=none",
        "-o",
        str(log),
        "dash",
    ]
    (frame,) = frames(Program((readers(ALL)["machine"],)), trace, tmp_path)
    assert frame.rc == 0
    writes = [line for line in log.read_text().splitlines() if "O_RDONLY" not in line and "O_TMPFILE" not in line]
    assert not [line for line in writes if "/dev/null" not in line and '"/proc' not in line], writes

"""What is looked at for all tasks in one go says what each task's own probe would say, or leaves it to that."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.engine.ladder.readings import look_at_unit
from deployer.model import Secret
from deployer.modules.base import Module
from deployer.modules.cookie import Cookie
from deployer.modules.copy import Copy
from deployer.modules.env_file import EnvFile
from deployer.modules.file import File
from deployer.modules.group import Group
from deployer.modules.package import Package
from deployer.modules.user import User
from deployer.releases.generations import PLACES
from deployer.releases.switch import RECORD
from deployer.sh import Known, Pooled, Program, Reads, Sh, encode, lines, script, sh
from tests.unit.sh_runner import frames, in_every_shell

pytestmark = [in_every_shell, pytest.mark.skipif(os.geteuid() != 0, reason="trusts only what is root's own")]
TEXT = "as declared\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory that only root can change, as is every one above it."""
    made = Path("/run") / f"deployer-known-{os.getpid()}-{tmp_path.name}"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture(autouse=True)
def _away(place: Path) -> object:
    yield
    os.system(f"rm -rf -- {place}")  # noqa: S605 - a name of ours


def both(shell: list[str], tmp: Path, module: Module) -> tuple[str, str, bool]:
    """Return the answer of a program that looks together, of one that does not, and whether the first one asked."""
    known = module.known()
    assert known
    asked = Program((module.probe(),))
    pooled = replace(asked, known={0: known})
    marked = replace(pooled, fragments=(type(asked.fragments[0])(f"emit asked yes\n{asked.fragments[0]}"),))
    (one,), (other,) = frames(pooled, shell, tmp), frames(asked, shell, tmp)
    assert one == other
    return one.out, other.out, frames(marked, shell, tmp)[0].out.startswith("asked=yes")


def test_a_file_and_a_directory_as_declared_are_not_asked_about(shell: list[str], place: Path, tmp_path: Path) -> None:
    (place / "file").write_text(TEXT)
    assert not both(shell, tmp_path, Copy(dest=str(place / "file"), content=TEXT))[2]
    assert not both(shell, tmp_path, File(path=str(place), state="directory"))[2]


@pytest.mark.parametrize("what", ["missing", "longer", "other", "link", "directory", "fifo", "empty"])
def test_whatever_else_is_there_is_asked_about(shell: list[str], place: Path, tmp_path: Path, what: str) -> None:
    file = place / "file"
    match what:
        case "longer":
            file.write_text(TEXT * 2)
        case "other":
            file.write_text(TEXT.upper())
        case "link":
            (place / "there").write_text(TEXT)
            file.symlink_to("there")
        case "directory":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "empty":
            file.touch()
    assert both(shell, tmp_path, Copy(dest=str(file), content=TEXT))[2]


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_a_file_where_others_may_write_is_read_with_care_alone(
    shell: list[str], place: Path, tmp_path: Path, mode: int
) -> None:
    """Between the look and the digest they could put a FIFO, which never ends, or a link in its place."""
    (place / "file").write_text(TEXT)
    place.chmod(mode)
    assert both(shell, tmp_path, Copy(dest=str(place / "file"), content=TEXT))[2]


def test_a_file_below_a_link_of_somebody_else_is_read_with_care_alone(
    shell: list[str], place: Path, tmp_path: Path
) -> None:
    (place / "real").mkdir()
    (place / "real/file").write_text(TEXT)
    (place / "way").symlink_to("real")
    module = Copy(dest=str(place / "way/file"), content=TEXT)
    assert not both(shell, tmp_path, module)[2]
    os.chown(place / "way", 65534, 65534, follow_symlinks=False)
    assert both(shell, tmp_path, module)[2]


@pytest.mark.parametrize("what", ["declared", "longer", "shorter", "link", "fifo", "empty", "open to others"])
def test_a_secret_file_is_told_by_a_salted_digest_or_asked_about(
    shell: list[str], place: Path, tmp_path: Path, what: str
) -> None:
    file, cookie = place / "file", "Xq3vT9mW2kLr8ZpYb5Nd7HcJ4sGf6Ra1"
    match what:
        case "link":
            (place / "there").write_text(cookie)
            file.symlink_to("there")
        case "fifo":
            os.mkfifo(file)
        case _:
            file.write_text({"longer": f"{cookie}\n", "shorter": cookie[:-1], "empty": ""}.get(what, cookie))
            file.chmod(0o444 if what == "open to others" else 0o400)
    module = Cookie(path=str(file), content=Secret(cookie, "cookie"))
    text = encode(Program((module.probe(),), known={0: module.known() or Known("")}))
    assert cookie not in text
    assert hashlib.sha256(cookie.encode()).hexdigest() not in text
    assert both(shell, tmp_path, module)[2] == (what not in ("declared", "open to others"))


@pytest.mark.parametrize("values", [{"PORT": "4000", "KEY": Secret("s3cret", "KEY")}, {}])
@pytest.mark.parametrize("other", [False, True])
def test_an_environment_as_declared_is_told_as_a_whole(
    shell: list[str], place: Path, tmp_path: Path, values: dict[str, str | Secret], other: bool
) -> None:
    module = EnvFile(path=str(place / "file"), values=values)
    (place / "file").write_text(module.text().reveal() + ("X=1\n" if other else ""))
    asked, known = Program((module.probe(),)), module.known()
    assert known
    (one,), (two,) = frames(replace(asked, known={0: known}), shell, tmp_path), frames(asked, shell, tmp_path)
    assert module.parse(one.out) == module.parse(two.out)
    assert bool(module.differences(module.parse(one.out)).keys() - {"mode"}) == other


def test_a_strange_path_is_asked_about(shell: list[str]) -> None:
    program = Program((Copy(dest="/etc/a", content=TEXT).probe(),), known={0: Known("/etc/a\nb", "0" * 64, 1)})
    assert "places_read" not in encode(program)


def pooled_and_asked(shell: list[str], tmp: Path, module: Module) -> tuple[str, str, bool]:
    """Return what is observed of a module either way, and whether its own probe was asked."""
    known = module.known()
    assert known
    asked = Program((module.probe(),))
    marked = replace(asked, fragments=(Sh(f"echo >{tmp}/asked\n{asked.fragments[0]}"),), known={0: known})
    (one,), (other,) = frames(marked, shell, tmp), frames(asked, shell, tmp)
    return str(module.parse(one.out)), str(module.parse(other.out)), (tmp / "asked").exists()


@pytest.mark.parametrize(
    "module",
    [
        User(name="root"), User(name="daemon", home="/nowhere", groups=("adm",)), Group(name="adm"), Group(name="root"),
        User(name="nobody-of-here"), Group(name="nobody-of-here"), Package(name=("coreutils", "not-there-at-all")),
        Package(name=("dpkg=0.1",)),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_read_once_for_all_says_what_each_would_be_told_alone(
    shell: list[str], tmp_path: Path, module: Module
) -> None:
    together, alone, asked = pooled_and_asked(shell, tmp_path, module)
    assert together == alone
    plain = set(re.findall(r"^(?:passwd|group):\s*(.*)", Path("/etc/nsswitch.conf").read_text(), re.MULTILINE))
    if plain <= {"files", "files systemd"} and not any(
        Path(at, "userdb").exists() for at in ("/etc", "/run", "/usr/lib")
    ):
        assert asked == ("nobody-of-here" in str(module)), "whom /etc does not have another source may"


def test_what_waits_is_told_without_a_fragment(shell: list[str], tmp_path: Path) -> None:
    program = Program((Sh("emit asked yes"),), known={0: Pooled("there", ("said", str(tmp_path)))})
    assert [frame.out for frame in frames(program, shell, tmp_path)] == ["said"]
    program = replace(program, known={0: Pooled("there", ("said", str(tmp_path), str(tmp_path / "missing")))})
    assert [frame.out for frame in frames(program, shell, tmp_path)] == ["asked=yes\x1e"]


def test_a_process_and_its_sockets_are_told_alike_from_the_pool_and_alone(shell: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)):
        text = f'process_exe {os.getpid()}\nprocess_sockets {os.getpid()}\nprintf "%s\\n" "$exe" "$sockets"'
        own = Sh(f"opened='' opened_by=''\n{text}")
        pooled = Sh(f"units_shown='MainPID={os.getpid()}'\nprocesses_read\nreadlink() {{ exit 9; }}\n{text}")
        one, other = frames(Program((own, pooled)), shell, tmp_path)
        assert one.out == other.out
        assert (one.rc, other.rc) == (0, 0)
        assert "socket:[" in one.out
        assert str(Path("/proc/self/exe").readlink()) in one.out


@pytest.fixture
def node(place: Path) -> Path:
    """A node's files as deployer lays them, drop-in and its vm.args links into a generation; it has started since."""
    held = place / "held/current"
    for name in ("unit.d/00-deployer.conf", "vm.args"):
        link = place / name
        target = Path(f"{held}{link}")
        for made in (link, target):
            made.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(name)
        link.symlink_to(target)
    (place / "cookie").write_text("cookie")
    (place / "started").touch()
    files = [place / "cookie", place / "unit.d", *held.rglob("*")]
    last = max(file.stat().st_ctime_ns for file in files)
    os.utime(place / "started", ns=(last, last))  # at the very moment is not newer
    return place


NODE = """
cd /
held={} started={} own={}
set -- {}
if settled "$own" "$@"; then echo settled; fi
find -L "$@" -cnewer "$started" 2>&1 || :
"""


def settled(shell: list[str], tmp: Path, place: Path, *, read: bool = True) -> str:
    """Return whether a node is told to have read its files, and which find tells to be newer."""
    held, started, own = place / "held", place / "started", place / "unit.d"
    asked = [str(place / name) for name in ("unit.d/00-deployer.conf", "vm.args", "cookie", "unit.d")]
    text = lines(PLACES, sh(NODE, str(held), str(started), str(own), asked))
    reads = Reads((*asked, *(f"{held}/current{link}" for link in asked[:2]), str(started)))
    (frame,) = frames(Program((text,), reads=(reads,) if read else ()), shell, tmp)
    assert frame.rc == 0
    return frame.out


def test_a_node_that_has_read_its_files_is_told_so_without_a_find(shell: list[str], node: Path, tmp_path: Path) -> None:
    assert settled(shell, tmp_path, node) == "settled"
    assert settled(shell, tmp_path, node, read=False) == ""


@pytest.mark.parametrize("name", ["cookie", "held/current{}/vm.args", "held/current{}/unit.d/00-deployer.conf"])
def test_a_file_that_a_node_has_not_read_is_newer_than_its_start(
    shell: list[str], node: Path, tmp_path: Path, name: str
) -> None:
    file, started = node / name.format(node), (node / "started").stat()
    while file.stat().st_ctime_ns <= started.st_mtime_ns:
        file.touch()
    said = settled(shell, tmp_path, node)
    assert said.startswith(str(node))
    assert "settled" not in said


@pytest.mark.parametrize("what", ["gone", "file", "elsewhere", "drop-in", "hidden", "directory", "restart"])
def test_what_is_not_as_deployer_lays_it_is_left_to_find(
    shell: list[str], node: Path, tmp_path: Path, what: str
) -> None:
    match what:
        case "gone":
            (node / "cookie").unlink()
        case "file":
            (node / "vm.args").unlink()
            (node / "vm.args").mkdir()
        case "elsewhere":
            (node / "vm.args").unlink()
            (node / "vm.args").symlink_to(node / "cookie")
        case "drop-in" | "hidden":
            (node / f"unit.d/{'.x' if what == 'hidden' else 'own.conf'}").touch()
            later = (node / "unit.d").stat().st_ctime_ns
            os.utime(node / "started", ns=(later, later))
        case "directory":
            (node / "cookie").unlink()
            (node / "cookie").mkdir()
        case "restart":
            (node / "started").unlink()
    assert "settled" not in settled(shell, tmp_path, node)


@pytest.mark.parametrize("what", ["declared", "a file", "another mode", "elsewhere", "gone", "not root's"])
def test_where_links_lead_is_told_alike_from_the_pool_and_by_find(
    shell: list[str], node: Path, tmp_path: Path, what: str
) -> None:
    unit, link = node / "unit", node / "vm.args"
    own = script("places.sh", "deployer.releases").text.partition("own_unit='")[2].partition("'")[0]
    unit.write_text(f"{own}\n")
    unit.chmod(0o600 if what == "another mode" else 0o644)
    (node / "current").symlink_to(node / "held/current/release")
    match what:
        case "a file" | "gone":
            link.unlink()
            if what == "a file":
                link.touch()
        case "elsewhere":
            (node / "current").unlink()
            (node / "current").symlink_to("a|b")
        case "not root's":
            os.chown(unit, 65534, 65534)
    asked = [str(node / "unit.d/00-deployer.conf"), str(link)]
    text = lines(PLACES, sh('root={} held={}\nloose {}\nprintf %s "$apart"', str(node), str(node / "held"), asked))
    reads = Reads((*asked, str(unit), str(node / "current")), drop_ins=True)
    (together,), (alone,) = (frames(Program((text,), reads=r), shell, tmp_path) for r in ((reads,), ()))
    assert (together.rc, together.out) == (alone.rc, alone.out)
    assert bool(together.out) == (what != "declared")
    without = lines(Sh("find() { exit 9; }"), text)
    assert frames(Program((without,), reads=(reads,)), shell, tmp_path) == [together], "it asked"


@pytest.mark.parametrize("what", ["own", "mode", "link", "of another", "in a directory of another", "a link itself"])
def test_whether_a_record_is_roots_own_is_told_alike_from_the_pool_and_by_find(
    shell: list[str], place: Path, tmp_path: Path, what: str
) -> None:
    ledger = place / "ledger"
    (ledger / "good").mkdir(parents=True)
    (ledger / "good/0.1.0").touch()
    ledger.chmod(0o755 if what == "mode" else 0o700)
    match what:
        case "link":
            (ledger / "good/x").symlink_to("a\nb")
        case "of another":
            os.chown(ledger / "good/0.1.0", 65534, 0)
        case "in a directory of another":
            os.chown(ledger / "good", 65534, 0)
        case "a link itself":
            ledger.rename(place / "there")
            ledger.symlink_to("there")
    text = lines(PLACES, RECORD, sh('root={}\nown_record\nprintf %s "$distrust"', str(place)))
    reads = Reads(walk=str(ledger))
    (together,), (alone,) = (frames(Program((text,), reads=r), shell, tmp_path) for r in ((reads,), ()))
    assert together == alone
    assert bool(together.out) == (what != "own")
    without = lines(Sh("find() { echo asked; }"), text)
    assert ("asked" in frames(Program((without,), reads=(reads,)), shell, tmp_path)[0].out) == (what != "own")


def test_whoever_asks_for_no_ssh_server_has_no_process_of_the_host_looked_at(shell: list[str], tmp_path: Path) -> None:
    counted = "ssh_servers() { ssh_pids=''; printf looked; }\nunits_shown=''"
    own = Sh(f'{counted}\nprocesses_read\nprintf "<%s>" "$opened"')
    ssh = Sh(f"{counted}\nprocesses_read servers")
    assert [frame.out for frame in frames(Program((own, ssh)), shell, tmp_path)] == ["<>", "looked"]
    node, firewall = look_at_unit("demo.service"), script("firewall.sh", "deployer.modules")
    assert "\nprocesses_read\n" in encode(Program((node,)))
    assert "\nprocesses_read servers\n" in encode(Program((node, firewall)))


UNITS = """
systemctl() {
  shift 4
  echo "$*" >>"$TMPDIR/asked"
  between=''
  for unit; do printf '%sRestart=no\\nId=%s\\n' "$between" "$unit"; between=$lf; done
}
units_read a.service b.service
IFS=$lf
units_judged b.service c.service
printf %s "$shown"
"""


def test_units_that_were_asked_about_are_not_asked_about_again(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(Program((Sh(UNITS),)), shell, tmp_path)
    assert frame.out == "Restart=no\nId=b.service\n\nRestart=no\nId=c.service"
    assert (tmp_path / "asked").read_text() == "a.service b.service\nc.service\n"

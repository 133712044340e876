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
from deployer.sh import Known, Pooled, Program, Sh, encode, script
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

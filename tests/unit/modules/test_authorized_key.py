"""authorized_key puts keys in, takes them out, leaves the rest, and writes through no link."""

from __future__ import annotations

import getpass
import stat
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.modules.authorized_key import AuthorizedKey, Grant
from tests.unit.modules.host_text import converge, do, see
from tests.unit.modules.tables import make

ANN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnn ann@a.example"
BOB = "ecdsa-sha2-nistp256 AAAAE2VjZHNhBob= bob of accounting"
FILE = f'# people\nfrom="10.0.0.0/8",command="echo \\"hi there\\"" {ANN}\n\n{BOB}'
ME = getpass.getuser()


def edited(text: str, **args: Any) -> str:
    made = make("authorized_key", **{"user": "shop", "key": ANN, **args})
    assert isinstance(made, AuthorizedKey)
    again = made.edited(made.edited(text))
    assert again == made.edited(text), "a second reading agrees"
    return again


@pytest.mark.parametrize(
    ("text", "args", "left"),
    [
        ("", {}, f"{ANN}\n"),
        (f"{ANN}\n", {}, f"{ANN}\n"),
        (f"{ANN}", {}, f"{ANN}"),
        (f"{ANN} \n{BOB}\n", {}, f"{ANN} \n{BOB}\n"),
        (f"{BOB}", {}, f"{BOB}\n{ANN}\n"),
        (FILE, {}, f"# people\n\n{BOB}\n{ANN}\n"),
        (FILE, {"key_options": "no-pty"}, f"# people\n\n{BOB}\nno-pty {ANN}\n"),
        (FILE, {"key": BOB, "comment": "bob"}, f"{FILE.rpartition(BOB)[0]}{BOB[: -len(' of accounting')]}\n"),
        (FILE, {"exclusive": True}, f"{ANN}\n"),
        (FILE, {"state": "absent"}, f"# people\n\n{BOB}"),
        (FILE, {"state": "absent", "key": f"{ANN}\n\n# and\n{BOB}\n"}, "# people\n\n"),
        (f"{ANN}\n{ANN}\n", {}, f"{ANN}\n"),
    ],
)
def test_what_is_left_of_a_file(text: str, args: dict[str, Any], left: str) -> None:
    assert edited(text, **args) == left


def test_a_line_is_read_as_sshd_reads_it() -> None:
    found = Grant.of(FILE.splitlines()[1])
    assert found
    assert (found.options, found.kind, found.comment) == (
        'from="10.0.0.0/8",command="echo \\"hi there\\""', "ssh-ed25519", "ann@a.example",
    )  # fmt: skip
    assert str(found) == FILE.splitlines()[1]


def test_a_file_and_its_directory_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys/mine"
    assert converge(make("authorized_key", user=ME, key=ANN, path=str(file)), tmp_path) == ["content"]
    assert file.read_text() == f"{ANN}\n"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]
    other = make("authorized_key", user=ME, key=ANN, path=f"{tmp_path}/no/keys/mine")
    assert "does not exist" in do(other.fix(other.differences(see(other, tmp_path))), tmp_path)
    other = make("authorized_key", user=ME, key=ANN, path=f"{tmp_path}/none/mine", manage_dir=False)
    assert "does not exist" in do(other.fix(other.differences(see(other, tmp_path))), tmp_path)


def test_a_link_in_the_place_of_the_file_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("secret\n")
    (tmp_path / "keys").symlink_to(tmp_path / "shadow")
    made = make("authorized_key", user=ME, key=ANN, path=f"{tmp_path}/keys")
    changes = made.differences(see(made, tmp_path))
    assert changes["content"].before is None
    assert do(made.fix(changes), tmp_path) == ""
    assert (tmp_path / "shadow").read_text() == "secret\n"
    assert (tmp_path / "keys").read_text() == f"{ANN}\n"


def test_an_account_that_is_not_there_is_unknown() -> None:
    assert "does not exist yet" in make("authorized_key", user="shop", key=ANN).probe().text


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"key": "https://a.example/ann.keys"}, "does not fetch"),
        ({"key": "AAAAC3NzaC1lZDI1NTE5"}, "is not a public key"),
        ({"key": "# nobody"}, "contains no key"),
        ({"follow": True}, "follow is not supported"),
        ({"exclusive": True, "state": "absent"}, "needs state: present"),
        ({"key_options": "a\nb"}, "control characters"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("authorized_key", **{"user": "shop", "key": ANN, **args})

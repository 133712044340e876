"""apt_key takes a key from wherever it is said to be, without its armor, and only the one that is meant."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.model import Present
from tests.unit.modules.host_text import converge, do, see
from tests.unit.modules.tables import make

ARMOR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


@dataclass(frozen=True)
class Key:
    """A key that gpg has made."""

    armored: Path
    binary: bytes
    fingerprint: str


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed")
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)

    def gpg(*words: str) -> bytes:
        return subprocess.run(["gpg", "--homedir", home, "--batch", *words], check=True, capture_output=True).stdout

    gpg("--passphrase", "", "--quick-gen-key", "nobody <a@b.example>", "ed25519", "sign")
    told = gpg("--with-colons", "--list-keys").decode()
    (home / "key.asc").write_bytes(gpg("--armor", "--export"))
    fingerprint = next(line.split(":")[9] for line in told.splitlines() if line.startswith("fpr"))
    return Key(home / "key.asc", gpg("--export"), fingerprint)


@pytest.mark.parametrize("way", ["url", "file", "data"])
def test_a_key_is_written_without_its_armor_and_a_second_reading_agrees(tmp_path: Path, key: Key, way: str) -> None:
    ways = {"url": f"file://{key.armored}", "file": str(key.armored), "data": key.armored.read_text()}
    ring = tmp_path / "keyrings/broker.gpg"
    made = make("apt_key", keyring=str(ring), id=key.fingerprint[-16:], **{way: ways[way]})
    assert converge(made, tmp_path) == ["state", "key", "id"]
    assert ring.read_bytes() == key.binary
    assert ring.stat().st_mode & 0o777 == 0o644
    assert converge(make("apt_key", keyring=str(ring), state="absent"), tmp_path) == ["state"]
    assert not ring.exists()


def test_several_blocks_are_one_keyring(tmp_path: Path, key: Key) -> None:
    ring = tmp_path / "a.gpg"
    twice = key.armored.read_text().replace("\n\n", "\nComment: x\n\n", 1) + "between\n" + key.armored.read_text()
    assert converge(make("apt_key", keyring=str(ring), data=twice), tmp_path) == ["state", "key"]
    assert ring.read_bytes() == key.binary * 2


def test_a_key_that_is_not_the_one_that_is_meant_is_written_nowhere(tmp_path: Path, key: Key) -> None:
    ring = tmp_path / "a.gpg"
    made = make("apt_key", keyring=str(ring), url=f"file://{key.armored}", id="0x0123456789ABCDEF")
    said = do(made.fix(made.differences(see(made, tmp_path))), tmp_path)
    assert f"the key is {key.fingerprint}" in said
    assert not ring.exists()
    ring.write_bytes(key.binary)
    assert made.differences(see(made, tmp_path))["id"].before == key.fingerprint


def test_what_is_no_key_is_written_nowhere(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<html>not found</html>\n")
    made = make("apt_key", keyring=f"{tmp_path}/a.gpg", url=f"file://{tmp_path}/page")
    assert "that is no key" in do(made.fix(made.differences(see(made, tmp_path))), tmp_path)
    assert not (tmp_path / "a.gpg").exists()


@pytest.mark.parametrize(
    ("args", "file"),
    [
        ({"url": "https://a.example/x/key.asc"}, "a_example_x_key_asc"),
        ({"url": "https://a.example/key.asc", "id": "0x9f4a5c21"}, "9F4A5C21"),
        ({"keyserver": "a.example", "id": "9F4A5C21"}, "9F4A5C21"),
        ({"file": "/srv/my key.asc"}, "srv_my_key_asc"),
        ({"state": "absent", "id": "9F4A5C21"}, "9F4A5C21"),
    ],
)
def test_without_a_keyring_it_is_a_file_of_its_own_that_counts_for_all(args: dict[str, Any], file: str) -> None:
    assert make("apt_key", **args).touches() == (f"/etc/apt/trusted.gpg.d/{file}.gpg",)


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        ("a.example", "https://a.example/pks"),
        ("hkp://a.example", "http://a.example:11371/pks"),
        ("hkp://a.example:80", "http://a.example:80/pks"),
        ("hkps://a.example/", "https://a.example/pks"),
    ],
)
def test_a_keyserver_is_asked_as_it_is_written(server: str, asked: str) -> None:
    made = make("apt_key", keyserver=server, id="9F4A5C21")
    (step,) = made.fix(made.differences(Present({})))
    assert f"{asked}/lookup?op=get&options=mr&search=0x9F4A5C21" in step.text.text


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({}, "takes only one of url"),
        ({"url": "https://a.example/k", "data": ARMOR}, "takes only one of url"),
        ({"state": "absent"}, "apt_key needs a key"),
        ({"keyserver": "a.example"}, "keyserver needs id"),
        ({"keyserver": "a b", "id": "9F4A5C21"}, "keyserver 'a b' is not an address"),
        ({"url": "https://a.example/k", "id": "9F4A"}, "is not a key id"),
        ({"url": "https://me:pw@a.example/k"}, "contains a password"),
        ({"data": "mQINBF"}, "not a public key in ASCII armor"),
        ({"url": "https://a.example/k", "validate_certs": False}, "certificates are checked"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("apt_key", **args)

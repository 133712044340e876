"""known_hosts read and written as OpenSSH does: whom it vouches for, whom it refuses."""

from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deployer.errors import ConfigError, HostKeyChanged, HostKeyError
from deployer.transport.host_line import parse_host_line
from deployer.transport.known_hosts import KnownHosts, key_fingerprint

ED = "ssh-ed25519"


def blob(seed: int, kind: str = ED) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), bytes([seed]) * 32))


def line(hosts: str, seed: int, kind: str = ED, marker: str = "") -> str:
    return f"{marker} {hosts} {kind} {base64.b64encode(blob(seed, kind)).decode()} a comment\n".lstrip()


def hashed(name: str) -> str:
    salt = bytes(range(20))
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def written(tmp_path: Path):
    def write(*texts: str) -> KnownHosts:
        files = []
        for number, text in enumerate(texts):
            files.append(tmp_path / f"known_hosts{number}")
            files[-1].write_text(text)
        return KnownHosts(files)

    return write


@pytest.mark.parametrize(
    ("hosts", "name", "port", "known"),
    [
        ("web1", "web1", 22, True),
        ("web1", "WEB1", 22, True),
        ("WEB1", "web1", 22, True),
        ("web1", "web2", 22, False),
        ("web2,web1,10.0.0.1", "10.0.0.1", 22, True),
        ("*.example.org", "a.example.org", 22, True),
        ("web?", "web1", 22, True),
        ("web*,!web1", "web1", 22, False),
        ("!web1,web*", "web2", 22, True),
        ("[web1]:2222", "web1", 2222, True),
        ("[web1]:2222", "web1", 22, False),
        ("[web1]:2222", "web1", 2223, False),
        ("web1", "web1", 2222, True),
        ("[::1]:2222", "::1", 2222, True),
        ("[*]:2222", "any", 2222, True),
        (hashed("web1"), "web1", 22, True),
        (hashed("web1"), "web2", 22, False),
        (hashed("[web1]:2222"), "web1", 2222, True),
        ("w[a-z]b1", "web1", 22, False),
    ],
)
def test_a_line_names_hosts_as_openssh_reads_it(written, hosts: str, name: str, port: int, known: bool) -> None:
    assert written(line(hosts, 1)).about(name, port).check(ED, blob(1)) is known


def test_another_key_is_refused_with_both_fingerprints_and_the_line(written) -> None:
    with pytest.raises(HostKeyChanged) as caught:
        written(line("other", 3) + line("web1", 1)).about("web1", 22).check(ED, blob(2))
    assert key_fingerprint(blob(1)) in str(caught.value)
    assert key_fingerprint(blob(2)) in str(caught.value)
    assert caught.value.where.endswith("known_hosts0:2")


def test_a_key_of_another_type_is_a_changed_key(written) -> None:
    with pytest.raises(HostKeyChanged):
        written(line("web1", 1, "ssh-rsa")).about("web1", 22).check(ED, blob(1))


def test_one_of_several_known_keys_is_enough(written) -> None:
    about = written(line("web1", 1), line("web1", 2) + line("web1", 3, "ssh-rsa")).about("web1", 22)
    assert about.check(ED, blob(2))
    assert set(about.kinds) == {ED, "ssh-rsa"}


def test_a_port_of_its_own_is_not_changed_by_the_plain_name(written) -> None:
    assert not written(line("web1", 1)).about("web1", 2222).check(ED, blob(2))


def test_a_revoked_key_is_refused_whatever_else_vouches_for_it(written) -> None:
    about = written(line("web1", 1), line("*", 1, marker="@revoked")).about("web1", 22)
    with pytest.raises(HostKeyChanged, match="revoked"):
        about.check(ED, blob(1))


def test_an_authority_for_this_host_is_named_by_its_line(written) -> None:
    with pytest.raises(HostKeyError, match=r"known_hosts0:1: .*authority"):
        written(line("*.example.org", 1, marker="@cert-authority")).about("a.example.org", 22).check(ED, blob(2))


def test_an_authority_for_others_is_no_matter(written) -> None:
    text = line("*.example.org", 1, marker="@cert-authority") + line("web1", 2)
    assert written(text).about("web1", 22).check(ED, blob(2))
    assert not written(text).about("web2", 22).check(ED, blob(2))


def test_comments_empty_lines_tabs_and_dos_line_ends_are_understood(written) -> None:
    text = "# hello\r\n\r\n  \t\n" + line("web1", 1).replace(" ", "\t", 1).replace("\n", "\r\n")
    assert written(text).about("web1", 22).check(ED, blob(1))


GOOD = line("web1", 1).strip()


@pytest.mark.parametrize(
    "bad",
    [
        "web1",
        "web1 ssh-ed25519",
        "web1 ssh-ed25519 AAAA",
        "web1 ssh-rsa " + GOOD.split()[2],
        GOOD[:40],
        "@unknown " + GOOD,
        "@revoked",
        "|1|AAAA|BBBB " + GOOD.split(" ", 1)[1],
        "|2|x|y " + GOOD.split(" ", 1)[1],
        "web1,,b " + GOOD.split(" ", 1)[1],
        "web1 1024 35 1234567890",
        "web1 ssh-ed25519 ****",
        "wéb1 " + GOOD.split(" ", 1)[1],
        GOOD.replace(" ", "\x00"),
        "hello\rworld",
        "! " + GOOD.split(" ", 1)[1],
    ],
)
def test_a_damaged_line_is_refused_by_its_number(bad: str) -> None:
    with pytest.raises(ConfigError, match=r"^known_hosts:3: this line is damaged"):
        parse_host_line(f"{GOOD}\n# fine\n{bad}\n".encode(), "known_hosts")


def test_a_file_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(GOOD)
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="everybody"):
        KnownHosts([file])


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match="cannot be read"):
        KnownHosts([file / "known_hosts"])


def test_missing_files_and_the_null_device_know_nobody(tmp_path: Path) -> None:
    assert not KnownHosts([tmp_path / "none", Path("/dev/null")]).about("web1", 22).check(ED, blob(1))


def test_first_contact_is_appended_for_the_owner_alone_and_known_at_once(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    hosts = KnownHosts([file])
    for _ in range(2):
        hosts.accept(hosts.about("web1", 2222).who, ED, blob(1))
    assert file.read_text() == f"[web1]:2222 {ED} {base64.b64encode(blob(1)).decode()}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for again in (hosts, KnownHosts([file])):
        assert again.about("web1", 2222).check(ED, blob(1))


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").mkdir()
    hosts = KnownHosts([tmp_path / "none"])
    hosts._files = (tmp_path / "known_hosts",)
    with pytest.raises(ConfigError, match="cannot be written"):
        hosts.accept("web1", ED, blob(1))


PIECES = st.sampled_from(
    [
        GOOD,
        "@revoked",
        "@cert-authority",
        "|1|",
        "web1",
        " ",
        "\t",
        "\n",
        "\r\n",
        "!",
        "*",
        ",",
        "=",
        ED,
        GOOD.split()[2],
        hashed("web1"),
        "|",
        "\x00",
        "é",
        "#",
        "[web1]:22",
    ]
)


@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(lambda parts: "".join(parts).encode())))
@example(os.urandom(64))
def test_any_bytes_give_entries_or_an_error_with_a_line(text: bytes) -> None:
    try:
        entries = parse_host_line(text, "known_hosts")
    except ConfigError as error:
        assert error.where.startswith("known_hosts:")
        return
    for entry in entries:
        entry.matches("web1")
        assert entry.key


HOSTS = st.lists(
    st.sampled_from(["web1", "WEB1", "web2", "web*", "web?", "!web1", "!web2", "[web1]:22", "[web1]:2222", "10.0.0.1"]),
    min_size=1, max_size=4,
).map(",".join)  # fmt: skip


@given(st.lists(HOSTS | st.sampled_from([hashed("web1"), hashed("[web1]:2222")]), max_size=8))
@example(["WEB1,web1,web1", "web2", "web*", hashed("web1"), "web1"])
def test_a_host_is_told_every_line_that_matches_it_in_their_order(lines: list[str]) -> None:
    text = "".join(line(hosts, seed) for seed, hosts in enumerate(lines))
    with NamedTemporaryFile("w", suffix="known_hosts") as file:
        file.write(text)
        file.flush()
        hosts = KnownHosts([Path(file.name)])
        every = parse_host_line(text.encode(), file.name)
    for name, port, who in (("Web1", 22, "web1"), ("web2", 22, "web2"), ("web1", 2222, "[web1]:2222")):
        known = hosts.about(name, port)
        assert known.exact == tuple(entry for entry in every if entry.matches(who))
        assert known.loose == (() if port == 22 else tuple(entry for entry in every if entry.matches("web1")))

"""The authority on the controller's disk, certificates given, and what is refused before a host is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from deployer.beam.authority import Authority
from deployer.beam.certificates import judge_certificate
from deployer.errors import ConfigError
from deployer.fleet import Declaration, check_members, declare
from deployer.fleet.pki import ManagedCA, ProvidedCerts, establish
from deployer.model import Mark, Secret
from tests.unit.beam.beam_tarballs import release as recipe

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PASSPHRASE = Secret("CANARY-of-the-authority", "cluster.pki.passphrase")


@pytest.fixture
def kept(tmp_path: Path) -> ManagedCA:
    return ManagedCA("shop", tmp_path / "pki/shop", PASSPHRASE, 90, 30)


def test_it_is_made_once_for_its_owner_alone_and_sealed(kept: ManagedCA) -> None:
    assert establish(kept, NOW)
    text = kept.file.read_text()
    assert "BEGIN ENCRYPTED PRIVATE KEY" in text
    assert "BEGIN PRIVATE KEY" not in text
    assert oct(kept.file.stat().st_mode) == "0o100600"
    assert oct(kept.directory.stat().st_mode) == "0o40700"
    assert [path.name for path in kept.directory.iterdir()] == ["authority.pem"]
    assert not establish(kept, NOW)
    assert kept.file.read_text() == text


def test_what_it_gives_to_nodes_and_to_us_is_believed(kept: ManagedCA) -> None:
    establish(kept, NOW)
    made = kept.identity("10.0.0.2", NOW)
    assert judge_certificate(made.chain, kept.trust_anchors(NOW), "10.0.0.2", NOW, kept.renew) is None
    assert kept.identity("10.0.0.2", NOW) != made
    assert kept.ours("10.0.0.2", NOW) is kept.ours("10.0.0.3", NOW), "one for a run"


def test_without_it_the_command_is_named_and_nothing_is_made(kept: ManagedCA) -> None:
    with pytest.raises(ConfigError, match="has no certificate authority") as caught:
        kept.identity("10.0.0.2", NOW)
    assert "deployer tls init" in caught.value.hint
    assert not kept.directory.exists()


def test_another_passphrase_opens_nothing_and_overwrites_nothing(kept: ManagedCA) -> None:
    establish(kept, NOW)
    other = ManagedCA("shop", kept.directory, Secret("another-passphrase-of-it"), 90, 30)
    for act in (lambda: other.authority(NOW), lambda: establish(other, NOW)):
        with pytest.raises(ConfigError, match="another passphrase"):
            act()
    assert kept.authority(NOW)


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n"])
def test_a_damaged_file_is_one_clear_error(kept: ManagedCA, text: str) -> None:
    kept.directory.mkdir(parents=True)
    kept.file.write_text(text)
    with pytest.raises(ConfigError, match=r"authority\.pem"):
        kept.authority(NOW)


def test_a_weak_passphrase_makes_nothing(kept: ManagedCA) -> None:
    with pytest.raises(ConfigError, match="at least 16 characters"):
        establish(ManagedCA("shop", kept.directory, Secret("weak"), 90, 30), NOW)
    assert not kept.directory.exists()


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="authority"):
        establish(ManagedCA("shop", tmp_path / "file/pki", PASSPHRASE, 90, 30), NOW)


def test_an_authority_near_its_own_end_signs_nothing_that_outlives_it(kept: ManagedCA) -> None:
    establish(kept, NOW)
    with pytest.raises(ConfigError, match="the certificate authority ends on"):
        kept.identity("10.0.0.2", NOW + timedelta(days=3650 - 89))


def given(tmp_path: Path, host: str = "10.0.0.2", *, days: int = 90, by: str = "ca", key: str = "own") -> ProvidedCerts:
    one, other = Authority.make("ca", NOW), Authority.make("ca", NOW)
    made = one.issue(host, days, NOW)
    (tmp_path / "ca.pem").write_text((one if by == "ca" else other).pem)
    (tmp_path / "node.pem").write_text(made.chain)
    return ProvidedCerts(
        tmp_path / "ca.pem", tmp_path / "node.pem", made.key if key == "own" else other.issue(host, 9, NOW).key, 30
    )


def test_given_certificates_are_used_as_they_are(tmp_path: Path) -> None:
    pki = given(tmp_path)
    made = pki.identity("10.0.0.2", NOW)
    assert made == pki.ours("10.0.0.2", NOW)
    assert (made.chain, made.authority) == ((tmp_path / "node.pem").read_text(), pki.trust_anchors(NOW))


def test_of_one_file_for_certificate_and_key_only_what_was_judged_is_shipped(tmp_path: Path) -> None:
    pki = given(tmp_path)
    chain, key = pki.certificate.read_text(), pki.key.reveal()
    other = Authority.make("x", NOW).issue("10.0.0.9", 9, NOW).key.reveal()
    legacy = load_pem_private_key(key.encode(), None).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    for kept in (key, legacy.decode()):
        pem = f"a comment\n{kept}subject=/CN=x\n{chain}{other}"
        pki.certificate.write_text(pem)
        made = replace(pki, key=Secret(pem, "cluster.pki.key")).identity("10.0.0.2", NOW)
        assert (made.chain, made.key.reveal()) == (chain, key)
        assert "PRIVATE KEY" not in made.chain


@pytest.mark.parametrize(
    ("how", "host", "after", "words"),
    [
        ({"by": "other"}, "10.0.0.2", 0, "signed by another authority"),
        ({"key": "other"}, "10.0.0.2", 0, "the key is not that of the certificate"),
        ({}, "10.0.0.3", 0, "does not name DNS:10.0.0.3 and IP:10.0.0.3"),
        ({"days": 5}, "10.0.0.2", 6, "expired on 2026-11-30"),
    ],
)
def test_given_certificates_that_no_node_would_believe_are_refused(
    tmp_path: Path, how: dict[str, str], host: str, after: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        given(tmp_path, **how).identity(host, NOW + timedelta(days=after))  # type: ignore[arg-type]


def test_a_given_certificate_is_warned_of_before_its_end(tmp_path: Path) -> None:
    found = given(tmp_path, days=40)
    assert [found.expiry_warning("10.0.0.2", NOW + timedelta(days=days)) for days in (9, 41)] == ["", ""], (
        "then it is refused"
    )
    said = found.expiry_warning("10.0.0.2", NOW + timedelta(days=11))
    assert said.startswith(f"cluster.pki.certificate {found.certificate} expires in 29 days: ")
    assert replace(found, renew=0).expiry_warning("10.0.0.2", NOW + timedelta(days=39)) == ""


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    pki = given(tmp_path)
    pki.certificate.unlink()
    with pytest.raises(ConfigError, match=r"node\.pem: No such file"):
        pki.identity("10.0.0.2", NOW)
    pki.certificate.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not PEM"):
        pki.identity("10.0.0.2", NOW)


KEY = Secret("-----BEGIN PRIVATE KEY-----", "cluster.pki.key")
OURS = {"passphrase": PASSPHRASE}
GIVEN = {"ca": "ca.pem", "certificate": "node.pem", "key": KEY}
FOREIGN = {"cluster": {"name": "mq"}, "nodes": [{"name": "rabbit", "service": "rabbitmq-server.service"}]}


def declared(host: str = "web1", *, pki: Any = OURS, **more: Any) -> Declaration:
    words = {**FOREIGN, "nodes": [{"name": host, "service": f"{host}.service"}], **more}
    words["cluster"] = {"name": "mq", "tls": True, "pki": pki, **more.get("cluster", {})}
    found = declare(
        words, host=host, address="10.0.0.2", where=Mark("inventory.yml", 3), beside=Path("/fleet"), now=NOW
    )
    assert found
    return found


def test_the_words_say_who_vouches() -> None:
    assert declared(pki=GIVEN).cluster.pki == ProvidedCerts(
        Path("/fleet/ca.pem"), Path("/fleet/node.pem"), KEY, 30, Mark("inventory.yml", 3)
    )
    plain = declared(cluster={"tls": False}).cluster
    assert (plain.pki, plain.protocol, plain.kind) == (None, "inet_tcp", "inet_tcp, EPMD, long names")
    assert declared(pki=GIVEN, cluster={"bind": "fd00::2"}).cluster.protocol == "inet6_tls"


@pytest.mark.parametrize(
    ("pki", "more", "words"),
    [
        (None, {}, "needs a certificate authority"),
        ({"days": 10}, {}, "needs a certificate authority"),
        ({"ca": "ca.pem"}, {}, "neither whole certificates nor an authority of ours"),
        ({**GIVEN, **OURS}, {}, "neither whole certificates nor an authority of ours"),
        ({**OURS, "days": 30}, {}, "renew is not below days"),
        ({**OURS, "dayz": 30}, {}, "unknown word 'cluster.pki.dayz'"),
        (OURS, {}, "a node with a unit of its own does not trust deployer's certificate authority"),
        (
            GIVEN,
            {"nodes": [{"name": "a", "service": "a.service", "vm_args": ["-ssl_dist_optfile x"]}]},
            "ssl_dist_optfile",
        ),
    ],
)
def test_words_that_do_not_go_together_are_refused_with_their_place(pki: Any, more: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        declared(pki=pki, **more)
    assert "inventory.yml:3" in caught.value.where
    assert "CANARY" not in str(caught.value)


def test_a_release_without_ssl_is_refused_and_mix_exs_is_named(tmp_path: Path) -> None:
    recipe().write(tmp_path)
    words = {
        "release": {"name": "demo", "tarball": str(tmp_path / "demo-0.1.0.tar.gz")},
        "cluster": {"tls": True, "pki": OURS},
    }
    with pytest.raises(ConfigError, match="applications that the release has not: ssl") as caught:
        declare(words, host="web1", address="10.0.0.2", where=None)
    assert "extra_applications: [:logger, :ssl]" in caught.value.hint


def test_hosts_of_one_cluster_agree_on_it() -> None:
    check_members([declared("web1", pki=GIVEN), declared("web2", pki={**GIVEN, "certificate": "other.pem"})])
    with pytest.raises(ConfigError, match=r"cluster\.tls is True on one and False on the other"):
        check_members([declared("web1", pki=GIVEN), declared("web2", cluster={"tls": False})])

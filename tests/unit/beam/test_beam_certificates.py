"""The authority, and the judge of certificates: each fault has its own words, and only age is mere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam.authority import Authority, made_at
from deployer.beam.certificates import Fault, check_key, first, judge_certificate, public_point, read_certificates
from deployer.errors import ConfigError
from deployer.model import Secret

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PASSPHRASE = Secret("CANARY-of-the-authority", "cluster.pki.passphrase")
HOST = "10.0.0.2"
OURS = Authority.make("shop", NOW)


def faults(host: str = HOST, *, issued: str = HOST, by: Authority = OURS, after: int = 0, renew: int = 30) -> str:
    found = judge_certificate(by.issue(issued, 90, NOW).chain, OURS.pem, host, NOW + timedelta(days=after), renew)
    return found.words if found else ""


@pytest.mark.parametrize("host", ["10.0.0.2", "web1", "web1.example.net", "fd00::2"])
def test_what_it_issues_is_good_on_its_host_and_on_no_other(host: str) -> None:
    assert faults(host, issued=host) == ""
    assert faults("web2.example.net", issued=host) == "does not name DNS:web2.example.net"


def test_an_address_is_named_in_both_ways() -> None:
    """OTP 25 reads only the first, OTP 27 only the second."""
    assert faults("10.0.0.3") == "does not name DNS:10.0.0.3 and IP:10.0.0.3"


@pytest.mark.parametrize(
    ("after", "words", "mere"),
    [
        (59, "", False),
        (61, "expires in 29 days", True),
        (89, "expires in 1 days", True),
        (90, "expired on 2027-02-23", False),
        (-1, "not valid before 2026-11-25 11:00 UTC", False),
    ],
)
def test_age_is_told_before_and_after_the_end(after: int, words: str, mere: bool) -> None:
    found = judge_certificate(OURS.issue(HOST, 90, NOW).chain, OURS.pem, HOST, NOW + timedelta(days=after), 30)
    assert found == (Fault(words, expiring_soon=mere) if words else None)


def test_a_clock_that_is_behind_by_some_minutes_does_no_harm() -> None:
    assert judge_certificate(OURS.issue(HOST, 90, NOW).chain, OURS.pem, HOST, NOW - timedelta(minutes=59)) is None


def test_another_authority_of_the_same_name_is_another() -> None:
    assert faults(by=Authority.make("shop", NOW)) == "signed by another authority"
    assert faults(by=Authority.make("bank", NOW)) == "signed by another authority"


def made(issuer: x509.Certificate, signer: ec.EllipticCurvePrivateKey, *more: x509.ExtensionType) -> tuple[str, Secret]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"made {len(more)}")])
    built = x509.CertificateBuilder(issuer.subject, name, key.public_key(), 7, NOW, NOW + timedelta(days=9))
    for extension in more:
        built = built.add_extension(extension, critical=False)
    return built.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM).decode(), Secret(pem(key))


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_one_without_the_usages_of_both_sides_is_refused() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("web1")])
    server = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
    for more in ((names,), (names, server)):
        chain, _ = made(OURS.certificate, OURS._key, *more)
        found = judge_certificate(chain, OURS.pem, "web1", NOW)
        assert found is not None
        assert "serverAuth and clientAuth" in found.words


def test_a_chain_is_followed_over_those_between_in_any_order() -> None:
    root = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    top = x509.CertificateBuilder(name, name, root.public_key(), 1, NOW, NOW + timedelta(days=9))
    top_pem = top.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    between = x509.CertificateBuilder(
        name, OURS.certificate.subject, OURS._key.public_key(), 2, NOW, NOW + timedelta(9)
    )
    between_pem = between.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    leaf = OURS.issue(HOST, 90, NOW).chain
    assert judge_certificate(leaf + between_pem, top_pem, HOST, NOW) is None
    assert judge_certificate(leaf + top_pem + between_pem, top_pem, HOST, NOW) is None
    assert judge_certificate(leaf, top_pem, HOST, NOW) == Fault("signed by another authority")


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é", "A" * 70_000]
)
def test_what_is_no_certificate_is_told(text: str) -> None:
    assert judge_certificate(text, OURS.pem, HOST, NOW) == Fault("no certificate")
    assert public_point(text) == b""
    assert read_certificates(text) == ()


@given(st.binary(max_size=400))
def test_no_text_of_a_host_can_do_more_than_be_wrong(noise: bytes) -> None:
    text = noise.decode("latin-1")
    chain = OURS.issue(HOST, 90, NOW).chain
    for said in (text, chain[: len(noise)] + text, chain.replace("A", text[:1] or "B", 3)):
        judge_certificate(said, OURS.pem, HOST, NOW)
        public_point(said)


def test_its_key_is_sealed_and_opens_with_its_passphrase_alone() -> None:
    sealed = OURS.sealed(PASSPHRASE)
    assert "ENCRYPTED PRIVATE KEY" in sealed
    assert faults(by=Authority.unseal(OURS.pem, sealed, PASSPHRASE)) == ""
    for wrong in (Secret("another-passphrase-of-it"), Secret("")):
        with pytest.raises(ConfigError, match="another passphrase") as caught:
            Authority.unseal(OURS.pem, sealed, wrong)
        assert "CANARY" not in str(caught.value)
    with pytest.raises(ConfigError, match="not that of its certificate"):
        Authority.unseal(Authority.make("shop", NOW).pem, sealed, PASSPHRASE)
    with pytest.raises(ConfigError, match="no certificate"):
        Authority.unseal("", sealed, PASSPHRASE)


def test_a_weak_passphrase_is_refused_unshown() -> None:
    with pytest.raises(ConfigError, match="at least 16 characters") as caught:
        OURS.sealed(Secret("short-one"))
    assert "short-one" not in str(caught.value)


def test_neither_an_authority_nor_an_identity_shows_a_key() -> None:
    identity = OURS.issue(HOST, 90, NOW)
    shown = repr((OURS, identity)) + str(OURS)
    assert "PRIVATE" not in shown
    assert identity.key.reveal().splitlines()[1] not in shown


def test_a_key_is_told_from_that_of_another_certificate() -> None:
    one, other = (OURS.issue(HOST, 90, NOW) for _ in range(2))
    assert check_key(one.chain, one.key) is None
    assert check_key(one.chain, other.key) == "the key is not that of the certificate"
    assert check_key(one.chain, Secret(OURS.sealed(PASSPHRASE))) == (
        "the key is encrypted: a node cannot ask for its passphrase"
    )
    assert check_key(one.chain, Secret("no key")) == "the key is no private key in PEM"


def test_the_end_of_a_key_is_the_public_point_of_its_certificate() -> None:
    """By which a probe tells whose key lies on a host, without anything that reads keys there."""
    from base64 import b64decode

    identity = OURS.issue(HOST, 90, NOW)
    body = b64decode("".join(identity.key.reveal().splitlines()[1:-1]))
    assert body[-65:] == public_point(identity.chain)
    assert len(public_point(identity.chain)) == 65


def test_a_certificate_knows_when_it_was_made() -> None:
    assert made_at(OURS.issue(HOST, 90, NOW).chain) == NOW
    assert made_at("") < NOW


def test_the_authority_may_sign_nodes_and_no_other_authority() -> None:
    constraints = OURS.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    leaf = first(OURS.issue(HOST, 90, NOW).chain)
    assert leaf is not None
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False

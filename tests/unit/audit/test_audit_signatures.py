"""A tarball's signature, held by the real ssh-keygen against those who may sign; and the answer of the rule."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.audit.catalog import RULES
from deployer.audit.signatures import Signature, look_at_signature
from deployer.beam.tarball import inspect
from tests.unit.audit.audit_kit import SIGNED, facts
from tests.unit.beam.beam_tarballs import release


def keygen(*words: str | Path) -> None:
    subprocess.run(["ssh-keygen", "-q", *words], check=True, capture_output=True)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A tarball, its signature by ``own``, and ``allowed``, which lets that key sign; ``other`` is a key beside it."""
    tarball = release().write(tmp_path)
    for name in ("own", "other"):
        keygen("-t", "ed25519", "-N", "", "-f", tmp_path / name)
    keygen("-Y", "sign", "-n", "file", "-f", tmp_path / "own", tarball)
    (tmp_path / "allowed").write_text(f"ana@example.net {(tmp_path / 'own.pub').read_text()}")
    return tarball


def test_who_has_signed_and_what_has_to_lie_on_a_host(signed: Path) -> None:
    found = look_at_signature(signed, signed.with_name("allowed"))
    assert (found.signer, found.wrong, found.unknown) == ("ana@example.net", "", "")
    whole = inspect(signed)
    assert found.sha256 == whole.sha256
    assert (found.contents == whole.manifest) is not whole.has_cookie


def test_what_is_not_signed_by_one_who_may_is_wrong(signed: Path) -> None:
    allowed, beside = signed.with_name("allowed"), signed.with_name(f"{signed.name}.sig")
    (signed.with_name("others")).write_text(f"eve@example.net {signed.with_name('other.pub').read_text()}")
    assert "not made with the key of an allowed signer" in look_at_signature(signed, signed.with_name("others")).wrong
    with signed.open("ab") as file:
        file.write(b"x")
    assert f"not a valid signature of {signed.name}" in look_at_signature(signed, allowed).wrong
    beside.write_text("garbage")
    assert "not made with the key of an allowed signer" in look_at_signature(signed, allowed).wrong
    beside.unlink()
    keygen("-Y", "sign", "-n", "git", "-f", signed.with_name("own"), signed)
    assert "(namespace file)" in look_at_signature(signed, allowed).wrong
    beside.unlink()
    assert "is not signed" in look_at_signature(signed, allowed).wrong


def test_a_signature_whose_time_is_over_is_wrong(signed: Path) -> None:
    allowed = signed.with_name("allowed")
    allowed.write_text(allowed.read_text().replace("net ", 'net valid-before="20200101" '))
    assert look_at_signature(signed, allowed).wrong


def test_what_cannot_be_looked_at_is_unknown(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in look_at_signature(signed, signed.with_name("nobody")).unknown
    assert "does not exist" in look_at_signature(signed.with_name("none.tar.gz"), signed.with_name("allowed")).unknown
    monkeypatch.setenv("PATH", str(signed.parent))
    assert "no ssh-keygen" in look_at_signature(signed, signed.with_name("allowed")).unknown


@pytest.mark.parametrize(
    ("signature", "release", "answer"),
    [
        (None, "1.4.2-aaaaaaaa", "NOT APPLICABLE"),
        (Signature(wrong="x.tar.gz is not signed"), "1.4.2-aaaaaaaa", "FAIL"),
        (Signature(unknown="no ssh-keygen"), "1.4.2-aaaaaaaa", "UNKNOWN"),
        (SIGNED, "none", "NOT APPLICABLE"),
        (SIGNED, "1.4.1-bbbbbbbb", "UNKNOWN"),
        (SIGNED, "1.4.2-aaaaaaaa", "PASS"),
    ],
)
def test_the_rule_judges_only_what_is_at_hand(signature: Signature | None, release: str, answer: str) -> None:
    found = replace(facts({"signed.release": release}), signature=signature)
    assert RULES["SB-03"].apply(found).answer == answer

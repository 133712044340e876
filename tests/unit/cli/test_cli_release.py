"""``deployer release inspect``: a tarball looked into, for a person and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.cli import main
from tests.unit.beam.beam_tarballs import elf
from tests.unit.beam.beam_tarballs import release as recipe


def typed(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["deployer", "release", "inspect", *words])
        raise SystemExit(0)
    return int(left.value.code or 0)


@pytest.fixture
def tarball(tmp_path: Path) -> str:
    made = (
        recipe()
        .without("releases/0.1.0/env.sh")
        .add("releases/0.1.0/env.sh", b"#!/bin/sh\nexport HOME=/x\n", mode=0o755)
    )
    made.add("releases/0.1.0/vm.args", b"-sname demo").add("lib/ssl-10.9/ebin/ssl.app", b"{application,ssl,[]}.")
    return str(made.add("lib/bad-1.0/priv/bad.so", elf()[:90]).write(tmp_path))


def test_a_person_sees_what_is_inside_what_it_needs_and_what_clashes(
    tarball: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(tarball) == 0
    told = " ".join(capsys.readouterr().out.split())
    for fact in (
        "demo 0.1.0 brings ERTS 13.1.5 (OTP 25), for x86_64",
        "in 13 files",
        "TLS ssl is inside",
        "releases/COOKIE is inside",
        "libc.so.6 GLIBC_2.38 erts-13.1.5/bin/beam.smp and 1 more",
        "libcrypto.so.3 OPENSSL_3.0.0 lib/crypto-5.1.2/priv/lib/crypto.so",
        "files that cannot be read, so that their needs are not known: lib/bad-1.0/priv/bad.so",
        "releases/0.1.0/env.sh:2 HOME=/x fails: ",
        "releases/0.1.0/vm.args:1 -sname demo fails with long names: ",
    ):
        assert fact in told


def test_json_holds_the_same_facts(tarball: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(tarball, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["version"], facts["erts"], facts["otp"]) == ("demo", "0.1.0", "13.1.5", 25)
    assert (facts["elixir"], facts["ssl"], facts["has_cookie"], facts["glibc"]) == (None, True, True, "2.38")
    assert [need["library"] for need in facts["needs"]] == ["libc.so.6", "libcrypto.so.3"]
    assert [(clash["what"], clash["line"], clash["harm"]) for clash in facts["clashes"]] == [
        ("HOME", 2, "always"),
        ("-sname", 1, "long"),
    ]


@pytest.mark.parametrize("name", ["nothing.tar.gz", "text.tar.gz", "."])
def test_what_is_no_release_is_one_error(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.tar.gz").write_text("hello")
    assert typed(str(tmp_path / name)) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err

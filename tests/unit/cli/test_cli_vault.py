"""``deployer vault``: what a person types, what comes out, and what is refused."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.beam.cookie import check_cookie
from deployer.cli import main
from deployer.load.vault import VaultPassword, decrypt
from deployer.model import Secret

CANARY = "canary-8d1f"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").write_text("first password\n")
    (tmp_path / "two").write_text("second password\n")

    def typed(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as left:
            main(["deployer", "vault", *words])
            raise SystemExit(0)
        out, err = capsysbinary.readouterr()
        return Ran(int(left.value.code or 0), out.decode(), err.decode())

    return typed


def opened(text: str, password: str) -> str:
    return decrypt(text, [VaultPassword("default", Secret(password))]).decode()


def test_a_file_is_encrypted_viewed_rekeyed_and_decrypted(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "secrets.yml"
    file.write_text(f"key: {CANARY}\n")
    file.chmod(0o640)
    assert run("encrypt", "secrets.yml", "--vault-password-file", "one").code == 0
    assert opened(file.read_text(), "first password") == f"key: {CANARY}\n"
    assert run("view", "secrets.yml", "--vault-password-file", "one") == Ran(0, f"key: {CANARY}\n", "")
    again = run("rekey", "secrets.yml", "--vault-password-file", "one", "--new-vault-password-file", "two")
    assert again.code == 0
    assert opened(file.read_text(), "second password") == f"key: {CANARY}\n"
    assert run("view", "secrets.yml", "--vault-password-file", "one").code == 3
    assert run("decrypt", "secrets.yml", "--vault-password-file", "two").code == 0
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"key: {CANARY}\n", 0o640)


def test_a_file_is_edited(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secrets.yml"
    file.write_text("key: old\n")
    run("encrypt", "secrets.yml", "--vault-id", "prod@one")
    monkeypatch.setitem(os.environ, "EDITOR", "sed -i s/old/new/")
    monkeypatch.delitem(os.environ, "VISUAL", raising=False)
    assert run("edit", "secrets.yml", "--vault-id", "prod@one").code == 0
    assert file.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n")
    assert opened(file.read_text(), "first password") == "key: new\n"


def test_a_generated_cookie_is_encrypted_without_the_line_break_it_was_printed_with(run: Run) -> None:
    cookie = "q7Xk2ZbW9mTfJ4sLr8VyHd3NcPg6AaEu5RiKo1tQzMw"
    ran = run("encrypt_string", "--name", "cookie", "--vault-password-file", "one", stdin=f"{cookie}\n")
    head, *vault = ran.out.splitlines()
    assert (ran.code, head, ran.err) == (0, "cookie: !vault |", "")
    text = opened("\n".join(line.strip() for line in vault) + "\n", "first password")
    check_cookie(text)
    assert text == cookie


@pytest.mark.parametrize(
    "words",
    [
        ("encrypt_string", CANARY),
        ("encrypt-string", CANARY),
        ("encrypt_string", "--name", "x", CANARY),
        ("encrypt_string", "--text", CANARY),
    ],
)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(run: Run, words: tuple[str, ...]) -> None:
    ran = run(*words, "--vault-password-file", "one")
    assert (ran.code, ran.out) == (3, "")
    assert "on the command line" in ran.err
    assert CANARY not in ran.err


def test_of_several_passwords_a_label_chooses_the_one_that_encrypts(run: Run) -> None:
    both = ("--vault-id", "dev@one", "--vault-id", "prod@two")
    assert run("encrypt_string", *both, stdin="x").code == 3
    assert run("encrypt_string", *both, "--encrypt-vault-id", "test", stdin="x").code == 3
    ran = run("encrypt_string", *both, "--encrypt-vault-id", "prod", stdin="x")
    assert ran.out.splitlines()[1].strip() == "$ANSIBLE_VAULT;1.2;AES256;prod"


@pytest.mark.parametrize(
    "words", [("encrypt", "plain.yml"), ("view", "vault.yml"), ("encrypt_string",), ("rekey", "vault.yml")]
)
def test_without_a_password_and_without_a_terminal_nothing_happens(
    run: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "plain.yml").write_text("key: value\n")
    (tmp_path / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(*words, stdin="x").code == 3
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_nothing_is_made_of_nothing(run: Run) -> None:
    assert run("encrypt_string", "--vault-password-file", "one", stdin="\n").code == 3

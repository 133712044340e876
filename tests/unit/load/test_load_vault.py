"""Ansible's vault: what it wrote is read, what is written comes back, damage is refused."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import At, SecretError
from deployer.load import vault, vault_files, yaml
from deployer.load.secrets import Vaults
from deployer.load.vault import VaultPassword
from deployer.model import Secret

DATA = Path(__file__).parents[2] / "data" / "load"  # made by ansible-vault of ansible-core 2.19
FIRST = VaultPassword("default", Secret("correct horse battery staple"))
SECOND = VaultPassword("prod", Secret("second password"))
CONTENT = b"db_password: vault-canary-7f3a\nport: 5432\nlist: [a, true]\n"


@pytest.mark.parametrize(
    ("name", "passwords"),
    [("vault11.yml", [FIRST]), ("vault11.yml", [SECOND, FIRST]), ("vault12.yml", [FIRST, SECOND])],
)
def test_what_ansible_vault_wrote_can_be_read(name: str, passwords: list[VaultPassword]) -> None:
    assert vault.decrypt((DATA / name).read_text(), passwords) == CONTENT


def test_a_single_value_that_ansible_vault_wrote_can_be_read() -> None:
    value = yaml.read(DATA / "vault_string.yml")["token"]
    assert Vaults.of(FIRST).reveal(value, "token").reveal() == "vault-canary-7f3a"


@given(st.binary(max_size=200))
def test_what_is_written_comes_back(data: bytes) -> None:
    assert vault.decrypt(vault.encrypt(data, FIRST.secret), [FIRST]) == data


def test_a_vault_id_stands_in_the_header_and_lines_have_80_columns() -> None:
    text = vault.encrypt(CONTENT, SECOND.secret, "prod")
    header, *body = text.splitlines()
    assert header == "$ANSIBLE_VAULT;1.2;AES256;prod"
    assert {len(line) for line in body[:-1]} == {80}
    assert vault.encrypt(CONTENT, FIRST.secret).startswith("$ANSIBLE_VAULT;1.1;AES256\n")


def test_two_vaults_of_one_content_differ() -> None:
    assert vault.encrypt(CONTENT, FIRST.secret) != vault.encrypt(CONTENT, FIRST.secret)


def refused(text: str, password: VaultPassword = FIRST) -> SecretError:
    with pytest.raises(SecretError) as caught, At("f.yml"):
        vault.decrypt(text, [password])
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_a_wrong_password_and_damaged_data_are_the_same_error() -> None:
    text = (DATA / "vault11.yml").read_text()
    wrong = refused(text, SECOND)
    assert str(wrong) == "f.yml: cannot be decrypted: no given vault password fits, or the file is damaged"
    header, *lines = text.splitlines()
    digits = "".join(lines)
    for place in range(0, len(digits), 7):
        flipped = digits[:place] + format(int(digits[place], 16) ^ 1, "x") + digits[place + 1 :]
        assert str(refused(f"{header}\n{flipped}\n")) == str(wrong)
    for cut in (0, 1, 79, 80, 200, len(digits) - 1):
        assert str(refused(f"{header}\n{digits[:cut]}\n")) == str(wrong)


@pytest.mark.parametrize(
    "header",
    [
        "$ANSIBLE_VAULT;1.3;AES256",
        "$ANSIBLE_VAULT;1.0;AES",
        "$ANSIBLE_VAULT;1.1;AES256;id",
        "$ANSIBLE_VAULT;1.2;AES256",
    ],
)
def test_another_header_is_refused(header: str) -> None:
    body = (DATA / "vault11.yml").read_text().partition("\n")[2]
    assert "Ansible Vault 1.1 and 1.2" in refused(f"{header}\n{body}").hint


def test_windows_line_ends_and_surrounding_space_do_no_harm() -> None:
    text = "\n" + (DATA / "vault11.yml").read_text().replace("\n", "\r\n") + "\n\n"
    assert vault.decrypt(text, [FIRST]) == CONTENT


def test_an_empty_password_encrypts_nothing() -> None:
    with pytest.raises(SecretError, match="empty"):
        vault.encrypt(CONTENT, Secret(""))


@given(st.text(max_size=300) | st.binary(max_size=300).map(bytes.hex))
def test_any_text_is_decrypted_or_refused_and_nothing_else(text: str) -> None:
    for whole in (text, f"$ANSIBLE_VAULT;1.1;AES256\n{text}"):
        with pytest.raises(SecretError):
            vault.decrypt(whole, [FIRST])


# Files --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vars.yml"
    path.write_bytes(CONTENT)
    path.chmod(0o640)
    return path


def test_a_file_is_encrypted_and_decrypted_in_place_with_its_mode_kept(file: Path) -> None:
    vault_files.encrypt_file(file, SECOND)
    assert b"canary" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o640
    assert vault_files.view(file, Vaults.of(FIRST, SECOND)) == CONTENT
    with pytest.raises(SecretError, match="encrypted already"):
        vault_files.encrypt_file(file, FIRST)
    vault_files.decrypt_file(file, Vaults.of(SECOND))
    assert file.read_bytes() == CONTENT
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["vars.yml"]


def test_a_rekeyed_file_opens_with_the_new_password_only(file: Path) -> None:
    vault_files.encrypt_file(file, FIRST)
    vault_files.rekey(file, Vaults.of(FIRST), SECOND)
    assert vault_files.view(file, Vaults.of(SECOND)) == CONTENT
    with pytest.raises(SecretError):
        vault_files.view(file, Vaults.of(FIRST))


def editor(tmp_path: Path, body: str) -> dict[str, str]:
    program = tmp_path / "editor"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return {"EDITOR": str(program)}


def test_editing_shows_plaintext_in_memory_only_and_encrypts_again(file: Path, tmp_path: Path) -> None:
    vault_files.encrypt_file(file, SECOND)
    seen = tmp_path / "seen"
    environ = editor(
        tmp_path, f'stat -c "%a %n" "$1" "${{1%/*}}" >{seen}; stat -f -c %T "$1" >>{seen}; echo new: 1 >>"$1"'
    )
    assert vault_files.edit(file, Vaults.of(FIRST, SECOND), environ)
    draft, directory, kind = seen.read_text().splitlines()
    assert draft.startswith("600 ")
    assert directory.startswith("700 ")
    assert kind == "tmpfs"
    assert not os.path.lexists(draft.split(" ", 1)[1])
    assert file.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;prod")
    assert vault_files.view(file, Vaults.of(SECOND)) == CONTENT + b"new: 1\n"


def test_an_editor_that_changes_nothing_or_fails_leaves_the_file_alone(file: Path, tmp_path: Path) -> None:
    vault_files.encrypt_file(file, FIRST)
    before = file.read_bytes()
    assert not vault_files.edit(file, Vaults.of(FIRST), editor(tmp_path, "true"))
    with pytest.raises(SecretError, match="status 3"):
        vault_files.edit(file, Vaults.of(FIRST), editor(tmp_path, 'echo x >>"$1"; exit 3'))
    assert file.read_bytes() == before


def test_an_encrypted_value_is_yaml_that_reads_back() -> None:
    text = vault_files.encrypt_string(Secret("s3cret"), SECOND, "token")
    value = yaml.parse(text, "f.yml")["token"]
    assert Vaults.of(SECOND).reveal(value, "token").reveal() == "s3cret"

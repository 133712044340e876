"""Where secrets and vault passwords come from, and that no failure tells one."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError, SecretError
from deployer.load.marked import Map
from deployer.load.secrets import Vaults, ask_vault_pass, password_file, read_secret, vault_id
from deployer.model import Mark, Secret

HERE = Mark("vars.yml", 2, 3)


def source(**words: Any) -> Map:
    return Map(words, HERE)


def read(value: Any, base: Path = Path()) -> str:
    return read_secret(value, "cluster.cookie", base, Vaults()).reveal()


def test_a_secret_comes_from_text_an_environment_variable_a_file_or_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_COOKIE", "from env")
    (tmp_path / "cookie").write_text("from file\n")
    assert read("as text") == "as text"
    assert read(Secret("s")) == "s"
    assert read(source(env="SHOP_COOKIE")) == "from env"
    assert read(source(file="cookie"), tmp_path) == "from file"
    assert read(source(command=["printf", "from %s\n\n", "program"])) == "from program\n"


def test_a_program_is_run_without_a_shell(tmp_path: Path) -> None:
    assert read(source(command=["printf", "%s", "$(id); x"])) == "$(id); x"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (source(env="NOBODY_SETS_THIS"), "NOBODY_SETS_THIS is not set"),
        (source(file="/nonexistent/cookie"), "cannot be read: No such file"),
        (source(file="/etc"), "cannot be read"),
        (source(command=["false"]), "false failed with status 1"),
        (source(command=["/nonexistent/program"]), "cannot be run"),
        (source(command="pass show x"), "list of words"),
        (source(command=[]), "list of words"),
        (source(env=3), "must be text"),
        (source(evn="X"), "cannot be a mapping"),
        (source(env="X", file="y"), "cannot be a mapping"),
        (True, "cannot be True"),
        (None, "cannot be nothing"),
    ],
)
def test_a_secret_that_cannot_be_read_is_an_error_with_its_name(value: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(value)
    assert "cluster.cookie" in caught.value.message
    assert problem in caught.value.message
    assert not isinstance(value, Map) or caught.value.where == "vars.yml:2:3"


def test_what_a_failing_program_printed_is_not_told() -> None:
    with pytest.raises(SecretError) as caught:
        read(source(command=["sh", "-c", "echo canary; echo canary >&2; exit 4"]))
    assert "canary" not in "".join(traceback.format_exception(caught.value)).replace("echo canary", "")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(SecretError, match="is not text"):
        read(source(command=["printf", r"\377"]))


def test_a_vault_password_file_is_read_and_a_program_is_run_with_its_id(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("pw\n")
    assert password_file(plain)().secret.reveal() == "pw"
    for name, said in (("ask.sh", "none"), ("ask-client.sh", "--vault-id prod")):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "${*:-none}"\n')
        program.chmod(0o755)
        assert password_file(program, "prod")().secret.reveal() == said


@pytest.mark.parametrize(
    ("content", "mode", "problem", "hint"),
    [
        (
            "#!/bin/sh\necho pw\n",
            0o644,
            "this program for the vault password is not executable",
            "chmod +x",
        ),
        ("pw\n", 0o755, "cannot be run: Exec format error", "chmod -x"),
        ("\ufeffpw\n", 0o600, "begins with a byte order mark", "UTF-8 without a BOM"),
    ],
)
def test_a_password_file_that_is_not_what_it_looks_like_says_so(
    tmp_path: Path, content: str, mode: int, problem: str, hint: str
) -> None:
    file = tmp_path / "vault.pass"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(SecretError, match=problem) as caught:
        password_file(file)()
    assert hint in caught.value.hint
    assert "pw" not in str(caught.value).replace(str(file), "")


def test_an_empty_vault_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SecretError, match="empty"):
        password_file(tmp_path / "empty")()


def test_a_vault_id_names_its_source(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    (tmp_path / "pw").write_text("filed")
    assert vault_id("prod@prompt", ask)().secret.reveal() == "typed"
    filed = vault_id(f"dev@{tmp_path}/pw", ask)()
    assert (filed.vault_id, filed.secret.reveal()) == ("dev", "filed")
    assert ask_vault_pass(ask)().vault_id == "default"
    assert asked == ["Vault password (prod): ", "Vault password: "]


def test_passwords_are_asked_for_when_the_first_vault_needs_them_and_once() -> None:
    asked: list[str] = []
    vaults = Vaults([ask_vault_pass(lambda prompt: asked.append(prompt) or "typed")])  # type: ignore[func-returns-value]
    assert asked == []
    assert vaults.passwords == vaults.passwords
    assert len(asked) == 1

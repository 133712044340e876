"""What lookups find, and what of it is secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError, NotYet
from deployer.load.results import Foreseen
from deployer.model import Secret
from tests.unit.load.template_kit import CANARY, variables


def test_what_a_lookup_finds_that_is_secret_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_TOKEN", CANARY)
    monkeypatch.setenv("SHOP_KEY_FILE", "/srv/key")
    (tmp_path / "files").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "files/sealed").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    (tmp_path / "templates/of.j2").write_text("it is {{ lookup('env', 'SHOP_TOKEN') }}\n")
    scope = variables(role_path=str(tmp_path))
    for asked in ("lookup('env', 'SHOP_TOKEN')", "lookup('file', 'sealed')", "lookup('template', 'of.j2')",
                  "lookup('env', 'HOME', 'SHOP_TOKEN')", "lookup('env', 'SHOP_TOKEN') ~ '!'"):  # fmt: skip
        found = scope.render(f"{{{{ {asked} }}}}")
        assert isinstance(found, Secret), asked
        assert CANARY in found.reveal()
        assert CANARY not in repr(found)
    assert scope.render("{{ lookup('env', 'SHOP_KEY_FILE') }}") == "/srv/key"


@pytest.mark.parametrize("name", ["PGPASSWORD", "MYSQL_PWD", "APIKEY", "SSHPASS", "DB_PASS", "AWS_SECRET_ACCESS_KEY"])
def test_a_variable_of_the_environment_that_says_it_is_secret_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, CANARY)
    assert isinstance(variables().render(f"{{{{ lookup('env', '{name}') }}}}"), Secret)


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "SSH_ASKPASS", "KEYS_DIR", "PGPASSFILE", "BYPASS_CACHE"])
def test_a_variable_of_the_environment_that_only_sounds_alike_is_none(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/srv/x")
    assert variables().render(f"{{{{ lookup('env', '{name}') }}}}") == "/srv/x"


@pytest.mark.parametrize(
    "asked",
    [
        "lookup('file', pw)",
        "lookup('template', pw)",
        "lookup('first_found', pw)",
        "lookup('vars', pw)",
        "lookup('varnames', '(' ~ pw)",
        "lookup(pw, 'x')",
    ],
)
def test_a_lookup_that_fails_does_not_quote_a_secret(asked: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a secret is involved") as caught:
        variables(playbook_dir=str(tmp_path), pw=Secret(CANARY, "pw")).render(f"{{{{ {asked} }}}}")
    assert CANARY not in f"{caught.value} {caught.value.hint}"


def test_a_lookup_whose_errors_count_for_nothing_waits_for_a_result(tmp_path: Path) -> None:
    (tmp_path / "told.j2").write_text("{{ told.stdout }}")
    scope = variables(playbook_dir=str(tmp_path), told=Foreseen("told", "it has not run yet"))
    with pytest.raises(NotYet):
        scope.render("{{ lookup('template', 'told.j2', errors='ignore') }}")

"""The words exchanged with sudo, told to a stand-in that writes down every attempt; the real one is in tests/lab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.errors import AuthError, ConfigError
from deployer.model import Connection, Secret
from deployer.sh import Program, sh
from deployer.transport import SshOptions, Transport, open_transport

PROGRAM = Program((sh("echo ran"),), become=True)
PASSWORD = "canary $(id) ' \" \\ ;é"

SUDO = r"""#!/bin/sh
# A sudo that knows one password and keeps a record of what it was told.
printf '%s\n' "$*" >>"$FAKE/argv"
prompt=
while [ "$1" != -- ]; do
  case $1 in -p) prompt=$2; shift ;; -n) quiet=1 ;; esac
  shift
done
shift
. "$FAKE/behaviour"
tries=0
while [ "$tries" -lt "${limit:-3}" ]; do
  [ -z "${quiet:-}" ] || { echo 'sudo: a password is required' >&2; exit 1; }
  printf '%s' "$prompt" >&2
  IFS= read -r word || { echo 'sudo: no password was provided' >&2; exit 1; }
  printf '%s\n' "$word" >>"$FAKE/words"
  [ "$word" != "$(cat "$FAKE/password")" ] || { sleep "${after:-0}"; exec "$@"; }
  echo 'Sorry, try again.' >&2
  tries=$((tries + 1))
done
echo 'sudo: 3 incorrect password attempts' >&2
exit 1
"""


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Transport, Path]]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sudo").write_text(SUDO)
    (tmp_path / "bin" / "sudo").chmod(0o755)
    (tmp_path / "password").write_text(PASSWORD)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    def make(password: str | None, behaviour: str = "") -> tuple[Transport, Path]:
        (tmp_path / "behaviour").write_text(behaviour)
        secret = Secret(password, "become password") if password is not None else None
        return open_transport("web1", Connection("x", local=True, become_password=secret), SshOptions()), tmp_path

    return make


def run(transport: Transport) -> list[str]:
    return [frame.out for frame in transport.run(PROGRAM, timeout=20)]


def words(fake: Path) -> list[str]:
    return (fake / "words").read_text().splitlines() if (fake / "words").exists() else []


def test_the_right_password_is_said_once_and_never_in_argv(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo(PASSWORD, "echo 'We trust you have received the usual lecture.' >&2")
    assert run(transport) == ["ran"]
    assert words(fake) == [PASSWORD]
    assert "canary" not in (fake / "argv").read_text()


def test_a_wrong_password_is_said_once_and_never_again(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo("wrong")
    for _ in range(2):
        with pytest.raises(AuthError, match=r"tried once|not tried again") as caught:
            run(transport)
        assert "wrong" not in str(caught.value)
    assert words(fake) == ["wrong"]


def test_a_sudo_that_gives_one_try_is_understood_too(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo("wrong", "limit=1")
    for _ in range(2):
        with pytest.raises(AuthError):
            run(transport)
    assert words(fake) == ["wrong"]


def test_the_password_is_kept_where_sudo_does_not_ask(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo(PASSWORD, 'exec "$@"')
    assert run(transport) == ["ran"]
    assert words(fake) == []


def test_the_program_is_not_sent_before_sudo_is_through(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo(PASSWORD, "after=1")
    assert run(transport) == ["ran"]
    assert words(fake) == [PASSWORD]


def test_a_slow_pam_is_no_failure(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, _ = sudo(PASSWORD, "sleep 2; after=2")
    assert [frame.out for frame in transport.run(PROGRAM, timeout=1.8)] == ["ran"]


def test_without_a_password_sudo_must_not_ask(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo(None)
    with pytest.raises(AuthError, match="a password is required"):
        run(transport)
    assert words(fake) == []


@pytest.mark.parametrize(
    "complaint", ["sudo: sorry, you must have a tty to run sudo", "web is not in the sudoers file."]
)
def test_a_refusal_is_passed_on_in_sudos_own_words(sudo: Callable[..., tuple[Transport, Path]], complaint: str) -> None:
    transport, fake = sudo(PASSWORD, f"echo '{complaint}' >&2; exit 1")
    with pytest.raises(AuthError, match=complaint):
        run(transport)
    assert words(fake) == []


def test_a_sudo_that_hangs_ends_by_a_deadline(
    sudo: Callable[..., tuple[Transport, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.transport.conversation.SUDO_PATIENCE", 0.3)
    transport, fake = sudo(PASSWORD, "sleep 30")
    with pytest.raises(AuthError, match="neither asked nor answered"):
        list(transport.run(PROGRAM, timeout=0.3))
    assert words(fake) == []


def test_a_program_that_does_not_become_asks_nothing(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    transport, fake = sudo(PASSWORD)
    assert [frame.out for frame in transport.run(Program((sh("echo ran"),)), timeout=20)] == ["ran"]
    assert not (fake / "argv").exists()


def test_a_password_with_a_line_break_is_refused_at_once(sudo: Callable[..., tuple[Transport, Path]]) -> None:
    with pytest.raises(ConfigError, match="line break"):
        sudo("two\nlines")

"""Why our program did not run, in words of what did not let it: sudo is blamed for what sudo has said."""

from __future__ import annotations

import pytest

from deployer.transport.sudo import refusal


@pytest.mark.parametrize(
    ("status", "said", "problem", "hint"),
    [
        (1, b"sudo: a password is required\n", "sudo refused to run", "NOPASSWD"),
        (1, b"Sorry, user deploy is not allowed to execute '/bin/sh'", "sudo refused to run", "NOPASSWD"),
        (1, b"sudo: sorry, you must have a tty to run sudo\n", "requiretty", "!requiretty"),
        (1, b"sudo: /bin/sh: command not found\n", "sudo refused to run", "NOPASSWD"),
        (1, b"This account is currently not available.\n", "login shell of this user runs no commands", "usermod -s"),
        (1, b"rbash: line 1: exec: restricted\n", "login shell of this user runs no commands", "usermod -s"),
        (127, b"bash: line 1: exec: sudo: not found\n", "no sudo in the PATH", "~/.bashrc"),
        (127, b"sh: 1: exec: sudo: not found\n", "no sudo in the PATH", "install it"),
        (127, b"bash: Zeile 1: exec: sudo: Nicht gefunden.\n", "no sudo in the PATH", "install it"),
        (127, b"fish: Unknown command: sudo\n", "no sudo in the PATH", "install it"),
        (1, b"sudo: Command not found.\n", "no sudo in the PATH", "install it"),
        (1, b"Mail is currently not available.\nsudo: a password is required\n", "sudo refused", "NOPASSWD"),
        (3, b"hello from .bashrc\n", "ended with status 3 before sudo said a word", "ssh HOST true"),
        (1, b"Leider darf der Benutzer x /bin/sh -c y als root auf z nicht ausf\xc3\xbchren.", "sudo refused", "-K"),
        (3, b"", "ended with status 3 before sudo said a word", "~/.bashrc"),
        (0, b"This service allows sftp connections only.\n", "before sudo said a word", "ForceCommand"),
        (1, b"sudo: /etc/sudoers.d/ops is world writable\nsudo: a password is required\n", "refused", "visudo -c"),
        (1, b"sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set\n", "refused", "nosuid"),
        (1, b"sudo: account validation failure, is your account locked?\nsudo: a password is required\n", "ref", "PAM"),
    ],
)
def test_what_did_not_let_it_run_is_called_by_its_name(status: int, said: bytes, problem: str, hint: str) -> None:
    told, advice = refusal(status, said)
    assert problem in told
    assert hint in advice


@pytest.mark.parametrize(
    ("status", "said", "problem", "hint"),
    [
        (0, b"no shell for you\n", "ended with status 0 without our program", "ForceCommand"),
        (142, b'Please login as the user "admin" rather than the user "root".\n\n', "status 142", "-u USER"),
        (1, b"This account is currently not available.\n", "login shell of this user runs no commands", "usermod -s"),
        (1, b"Password change required but no TTY available.\n", "password of this user has expired", "chage"),
    ],
)
def test_a_login_that_needs_no_sudo_is_told_what_stands_in_its_way(
    status: int, said: bytes, problem: str, hint: str
) -> None:
    told, advice = refusal(status, said, sudo=False)
    assert problem in told
    assert hint in advice

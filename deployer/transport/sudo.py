"""How a command on a host becomes root."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from deployer.errors import ConfigError
from deployer.model import Secret
from deployer.sh import Sh, sh
from deployer.sh.frame import BOOTSTRAP


@dataclass(slots=True)
class Sudo:
    """How a command becomes root: without a question, or with one password for one prompt.

    Attributes:
        password: what to answer; None asks sudo not to ask.
        prompt: a random word, so that nothing else on the host can be taken for the question.
        refuse: remembers that the host did not take the password.
    """

    password: Secret | None
    refuse: Callable[[], None]
    prompt: str = field(default_factory=lambda: f"[{secrets.token_hex(16)}]")


def command(sudo: Sudo | None) -> str:
    """Return the one command line a login shell of any kind (bash, dash, zsh, fish, csh) is given; it is constant.

    `BOOTSTRAP` holds no single quote, ``!`` or newline, so that all of these shells read the quotes alike.
    """
    words = (BOOTSTRAP, Sh('"$SSH_CONNECTION"'))
    if sudo is None:
        return sh("exec /bin/sh -c {} deployer {}", *words).text
    if sudo.password is None:
        return sh("exec sudo -n -- /bin/sh -c {} deployer {}", *words).text
    return sh("exec sudo -S -p {} -- /bin/sh -c {} deployer {}", sudo.prompt, *words).text


def check_password(password: Secret | None) -> None:
    """Refuse a sudo password that one line cannot carry; raises ConfigError."""
    if password is not None and any(c in password.reveal() for c in "\n\r\0"):
        raise ConfigError("the become password holds a line break or a NUL byte", hint="check the file it comes from")


def refusal(status: int, said: bytes) -> tuple[str, str]:
    """Return why sudo did not run our program, by its status and its words, and what to do."""
    if b"must have a tty" in said:
        hint = "allow it for this user: Defaults:USER !requiretty in a file below /etc/sudoers.d"
        return "sudo wants a terminal (requiretty), and there is none", hint
    if b"Password change required" in said:  # sshd's word, in the place of any command
        hint = "log in there with ssh and change it, or have it never expire: chage -M -1 USER"
        return "the password of this user has expired there, and nothing runs for them until it is changed", hint
    if b"account is currently not available" in said or b"exec: restricted" in said:  # nologin; rbash
        hint = "give this user one that does: usermod -s /bin/bash USER; or log in as another one (-u)"
        return f"the login shell of this user runs no commands (status {status})", hint
    # The shell's words, in its language; what sudo itself does not find ends it with 1, as csh what it does not find.
    if (status == 127 and (b"not found" in said or b"sudo" in said)) or b"sudo: Command not found" in said:
        hint = "install it, or see what ~/.bashrc makes of PATH; a login that is root needs none: ansible_become: false"
        return "there is no sudo in the PATH of this login", hint
    if b"sudo" not in said and b"/bin/sh" not in said:  # in any language sudo names itself, or what it does not run
        hint = "see what this user's login shell and ~/.bashrc do: ssh HOST true; and then: ssh HOST sudo -n true"
        return f"the login ended with status {status} before sudo said a word", hint
    return (
        f"sudo refused to run /bin/sh (status {status})",
        "allow sudo without a password (NOPASSWD), or give a password with -K",
    )

"""How a command on a host becomes root."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from deployer.errors import ConfigError
from deployer.model import Secret
from deployer.sh import Sh, sh
from deployer.sh.frame import BOOTSTRAP

_SUDO_IS_WRONG = (
    (
        (b"world writable", b"group writable", b"is owned by", b"syntax error", b"parse error", b"not a regular file"),
        "sudo does not take its own files there: as root on the host, visudo -c names what is wrong with them",
    ),
    (
        (b"setuid", b"effective uid is not 0", b"no new privileges"),
        "sudo cannot become root there: chmod u+s it, or see whether its file system is mounted nosuid (findmnt -T)",
    ),
    (
        (b"account validation failure", b"PAM "),
        "PAM does not let this account become root: see /etc/pam.d/sudo there, and journalctl -t sudo",
    ),
)
"""Messages of sudo in English when no password helps, and what helps; in other languages the usual hint is given."""


@dataclass(slots=True)
class Sudo:
    """How a command becomes root: without a prompt, or with one password for one prompt.

    Attributes:
        password: the answer to the prompt; None: sudo must not ask (``-n``).
        prompt: a random word, so that no other output of the host can be mistaken for it.
        refuse: is called when the host refuses the password.
    """

    password: Secret | None
    refuse: Callable[[], None]
    prompt: str = field(default_factory=lambda: f"[{secrets.token_hex(16)}]")


def command(sudo: Sudo | None) -> str:
    """Return the command line for a login shell of any kind (bash, dash, zsh, fish, csh).

    `BOOTSTRAP` has no single quote, ``!`` or newline, so that all of these shells read the quotes in the same way.
    """
    words = (BOOTSTRAP, Sh('"$SSH_CONNECTION"'))
    if sudo is None:
        return sh("exec /bin/sh -c {} deployer {}", *words).text
    if sudo.password is None:
        return sh("exec sudo -n -- /bin/sh -c {} deployer {}", *words).text
    return sh("exec sudo -S -p {} -- /bin/sh -c {} deployer {}", sudo.prompt, *words).text


def check_password(password: Secret | None) -> None:
    """Refuse a sudo password that does not fit into one line; raises ConfigError."""
    if password is not None and any(c in password.reveal() for c in "\n\r\0"):
        raise ConfigError("the become password holds a line break or a NUL byte", hint="check the file it comes from")


def refusal(status: int, said: bytes, *, sudo: bool = True) -> tuple[str, str]:
    """Return why our program did not run, and what to do, from the status and the output of the login.

    Args:
        status: the exit status of the login.
        said: the end of both outputs.
        sudo: whether sudo had to start the program, and not the login shell.
    """
    if b"Password change required" in said:  # sshd prints this instead of running a command
        hint = "log in there with ssh and change it, or have it never expire: chage -M -1 USER"
        return "the password of this user has expired there, and nothing runs for them until it is changed", hint
    if b"account is currently not available" in said or b"exec: restricted" in said:  # nologin; rbash
        hint = "give this user one that does: usermod -s /bin/bash USER; or log in as another one (-u)"
        return f"the login shell of this user runs no commands (status {status})", hint
    return _sudos(status, said) if sudo else _logins(f"the login ended with status {status} without our program", said)


def _sudos(status: int, said: bytes) -> tuple[str, str]:
    if b"must have a tty" in said:
        hint = "allow it for this user: Defaults:USER !requiretty in a file below /etc/sudoers.d"
        return "sudo wants a terminal (requiretty), and there is none", hint
    # The shell's message may be in any language. Sudo exits with 1 if it does not find a program, and so does csh.
    if (status == 127 and (b"not found" in said or b"sudo" in said)) or b"sudo: Command not found" in said:
        hint = "install it, or see what ~/.bashrc makes of PATH; a login that is root needs none: ansible_become: false"
        return "there is no sudo in the PATH of this login", hint
    if b"sudo" not in said and b"/bin/sh" not in said:  # in any language sudo's messages contain one of these
        return _logins(f"the login ended with status {status} before sudo said a word", said)
    hints = (hint for signs, hint in _SUDO_IS_WRONG if any(sign in said for sign in signs))
    hint = next(hints, "allow sudo without a password (NOPASSWD), or give a password with -K")
    return f"sudo refused to run /bin/sh (status {status})", hint


def _logins(problem: str, said: bytes) -> tuple[str, str]:
    if b"Please login as the user" in said:  # cloud-init's forced command for keys of a disabled root login
        return problem, "this image lets in another user than this one: -u USER, and -b to become root"
    hint = "a forced command (ForceCommand of sshd, command= in authorized_keys) has run instead, or the login shell or"
    return problem, f"{hint} its ~/.bashrc ends it: see what comes of ssh HOST true"

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
"""What sudo says when no password helps (with LC_ALL of the login; where that is another language, the usual hint is
given), and what does."""


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


def refusal(status: int, said: bytes, *, sudo: bool = True) -> tuple[str, str]:
    """Return why our program did not run, by how the login ended and what it said, and what to do.

    Args:
        status: what the login ended with.
        said: the last words on both outputs.
        sudo: whether sudo was to start it, and not the login itself.
    """
    if b"Password change required" in said:  # sshd's word, in the place of any command
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
    # The shell's words, in its language; what sudo itself does not find ends it with 1, as csh what it does not find.
    if (status == 127 and (b"not found" in said or b"sudo" in said)) or b"sudo: Command not found" in said:
        hint = "install it, or see what ~/.bashrc makes of PATH; a login that is root needs none: ansible_become: false"
        return "there is no sudo in the PATH of this login", hint
    if b"sudo" not in said and b"/bin/sh" not in said:  # in any language sudo names itself, or what it does not run
        return _logins(f"the login ended with status {status} before sudo said a word", said)
    hints = (hint for signs, hint in _SUDO_IS_WRONG if any(sign in said for sign in signs))
    hint = next(hints, "allow sudo without a password (NOPASSWD), or give a password with -K")
    return f"sudo refused to run /bin/sh (status {status})", hint


def _logins(problem: str, said: bytes) -> tuple[str, str]:
    if b"Please login as the user" in said:  # what cloud-init has run for each key of a root that it has disabled
        return problem, "this image lets in another user than this one: -u USER, and -b to become root"
    hint = "a forced command (ForceCommand of sshd, command= in authorized_keys) has run instead, or the login shell or"
    return problem, f"{hint} its ~/.bashrc ends it: see what comes of ssh HOST true"

"""Logging in: with one key if one is named, else with at most three; never with a forwarded agent or a password.

Servers count every key that is offered (MaxAuthTries 2 to 6) and ban clients that go on, so offers are few and
reported.
"""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from paramiko import PKey
from paramiko.agent import AgentSSH
from paramiko.ssh_exception import BadAuthenticationType, SSHException

from deployer.errors import At, AuthError, ConfigError, Unreachable
from deployer.regular import open_regular, read_regular
from deployer.transport.options import SshOptions
from deployer.transport.ssh_config import SshTarget
from deployer.transport.wire import Client

_OFFERS = 3
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_AGENT_PATIENCE = 10.0
_PASSPHRASE_TRIES = 3
_MORE = "after the key it also wants"


def read_named_key(target: SshTarget, options: SshOptions) -> None:
    """Read the named private key before the connection is opened, because it may need a passphrase.

    Raises:
        ConfigError: it cannot be read.
    """
    if target.keys and not target.agent_socket:
        _key(target.keys[0], options)


def log_in(client: Client, target: SshTarget, options: SshOptions) -> None:
    """Authenticate by public key.

    Raises:
        AuthError: no key was accepted; the message says which were offered.
        Unreachable: the server did not answer an offer in time.
        ConfigError: a named key file cannot be read.
    """
    offered: list[str] = []
    agent = _agent(target.agent_socket)
    try:
        wants = _offer(client, target, _keys(target, options, agent), offered)
    finally:
        if agent:
            agent.close()
    if wants is not None:
        raise _refusal(client, target, wants, offered)


def _offer(client: Client, target: SshTarget, keys: Iterable[tuple[str, PKey]], offered: list[str]) -> str | None:
    """Offer keys until one is accepted, and return None; else return what the server wants instead, if it says so.

    Args:
        client: connected, not logged in.
        target: the server and the user.
        keys: keys with their labels.
        offered: gets the labels of the keys that were offered.
    """
    for label, key in keys:
        offered.append(label)
        began = time.monotonic()
        try:
            more = client.auth_publickey(target.user, key)
        except BadAuthenticationType as error:
            return f"it takes {', '.join(error.allowed_types)}"
        except (SSHException, EOFError, OSError):
            if time.monotonic() - began >= client.auth_timeout:
                raise _no_answer(client, target) from None
            if client.is_active() and len(offered) < _OFFERS:
                continue
            return ""
        return f"{_MORE} {', '.join(more)}" if more else None
    return ""


def _refusal(client: Client, target: SshTarget, wants: str, offered: Sequence[str]) -> AuthError:
    """Return the error that says which user was refused, and why if that is known."""
    whom = f"{target.user} may not log in to {target.place}"
    banner = getattr(client.auth_handler, "banner", None) or b""
    if b"account has expired" in banner:  # auth-pam.c, session.c of OpenSSH
        hint = f"chage -l {target.user} on the host tells since when; or log in as another user (-u)"
        return AuthError(f"{whom}: that account has expired there", hint=hint)
    if b"not permitted to log in" in banner:  # systemd's /run/nologin, as pam_nologin(8) prints it
        state = "still starting" if b"booting" in banner else "shutting down"
        hint = "try again when it is up; until then root may still log in (-u root)"
        return AuthError(f"{whom}: the host is {state}", hint=hint)
    if not client.is_active():
        wants = wants or "it hung up during the login (MaxAuthTries, or a ban)"
    tried = f"offered: {', '.join(offered)}" if offered else "there is no key: no agent, no default key file"
    hint = "give the right user (-u) and key (--private-key), or add the key to the host; its own journal tells more"
    if wants.startswith(_MORE):
        hint = "deployer logs in by a key alone: AuthenticationMethods publickey in a Match User of sshd_config"
    return AuthError(f"{whom}; {'; '.join(reason for reason in (wants, tried) if reason)}", hint=hint)


def _no_answer(client: Client, target: SshTarget) -> Unreachable:
    return Unreachable(
        f"{target.place} did not answer the login of {target.user} within {client.auth_timeout:.0f} s",
        hint="sshd there is frozen, or what it asks about logins (PAM, a directory server) does not answer",
    )


def _keys(target: SshTarget, options: SshOptions, agent: _Agent | None) -> Iterator[tuple[str, PKey]]:
    """Yield keys in the order in which to offer them, each with a label for messages."""
    held = {key.asbytes(): key for key in agent.get_keys()} if agent else {}
    files = target.keys or tuple(options.home / ".ssh" / name for name in _DEFAULT_KEYS)
    done: set[bytes] = set()
    if not target.keys:
        for blob, key in held.items():
            done.add(blob)
            yield f"agent {key.comment or key.get_name()}", key
    for file in files:
        if not target.keys and not file.is_file():
            continue
        public = _public(file)
        if public in held:
            yield f"{file} (agent)", held[public]
        elif public not in done:
            yield str(file), _key(file, options)


def _key(file: Path, options: SshOptions) -> PKey:
    return options.shared.once(("key", file), lambda: _load(file, options))


def _public(file: Path) -> bytes | None:
    """Return the public key from the file beside a private key: if an agent holds it, no passphrase is needed."""
    try:
        words = read_regular(file.with_name(file.name.removesuffix(".pub") + ".pub")).split()
        return base64.b64decode(words[1], validate=True)
    except (OSError, ValueError, IndexError):
        return None


def _load(file: Path, options: SshOptions) -> PKey:
    """Read a private key, asking for its passphrase when it has one."""
    with At(file):
        for passphrase in _passphrases(file, options):
            if key := _read(file, passphrase):
                return key
        raise ConfigError(f"the passphrase was wrong {_PASSPHRASE_TRIES} times")


def _passphrases(file: Path, options: SshOptions) -> Iterator[bytes | None]:
    yield None
    if options.ask is None:
        raise ConfigError(
            "the private key has a passphrase, and nobody is here to give it", hint="load it into ssh-agent"
        )
    for _ in range(_PASSPHRASE_TRIES):
        yield options.ask(f"Passphrase for {file}: ").encode()


def _read(file: Path, passphrase: bytes | None) -> PKey | None:
    """Return the key; None when it needs a different passphrase."""
    with At(file):
        try:
            open_regular(file).close()
            return PKey.from_path(file, passphrase)  # type: ignore[arg-type]
        except OSError as error:
            raise ConfigError(f"the private key cannot be read: {error.strerror}") from None
        except TypeError:
            return None  # this is how cryptography reports an encrypted key
        except (ValueError, SSHException):
            if passphrase is not None:
                return None
            raise ConfigError(
                "this is not a private key that can be used",
                hint="an OpenSSH or PEM key: ed25519, ECDSA or RSA",
            ) from None


class _Agent(AgentSSH):
    """The user's ssh-agent: it signs, is never forwarded, and has a deadline for each answer."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_AGENT_PATIENCE)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the connection to the agent."""
        self._close()  # type: ignore[attr-defined]


def _agent(path: str) -> _Agent | None:
    """Return the agent that listens at a path; None when there is none, or it does not answer."""
    try:
        return _Agent(path) if path else None
    except (OSError, SSHException):
        return None

"""A secret shows nowhere: not printed, copied, compared, logged, raised or dumped (docs/secrets.md: S7, S8, S12)."""

from __future__ import annotations

import ast
import copy
import hashlib
import io
import json
import logging
import pickle
import pprint
import subprocess
import sys
import traceback
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from rich.console import Console
from rich.pretty import pretty_repr

import deployer
from deployer.model import MASK, Blob, Connection, Secret

CANARY = "canary-Zq81xW"


@dataclass(frozen=True)
class Holder:
    secret: Secret
    other: tuple[Secret, ...] = ()


def secret() -> Secret:
    return Secret(CANARY, "cluster.cookie")


def logged() -> str:
    out = io.StringIO()
    logger = logging.getLogger("canary")
    logger.addHandler(logging.StreamHandler(out))
    logger.warning("%s %r %s", secret(), secret(), {"k": [secret()]})
    return out.getvalue()


def raised() -> str:
    def deep(held: Secret) -> None:
        around = {"held": held, "blob": Blob.of(held), "connection": Connection("h", become_password=held)}
        raise RuntimeError(f"with {held} {around}")

    try:
        deep(secret())
    except RuntimeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(shown.format()) + repr(error)
    raise AssertionError


def on_rich() -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(secret(), {"a": secret()}, Holder(secret()))
    try:
        {}[secret()]
    except KeyError:
        console.print_exception(show_locals=True)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


WAYS = {
    "str": lambda: str(secret()),
    "repr": lambda: repr(secret()),
    "ascii": lambda: ascii(secret()),
    "format": lambda: format(secret(), ">40"),
    "f-string": lambda: f"{secret()} {secret()!r} {secret()!s:>20} {secret()=}",
    "percent": lambda: "%s %r %a" % (secret(), secret(), secret()),  # noqa: UP031
    "str.format": lambda: "{} {0!r} {a}".replace("{}", "{1}").format(secret(), secret(), a=secret()),
    "template": lambda: Template("$a").substitute(a=secret()),
    "dict": lambda: str({"k": secret(), "l": [secret()]}),
    "pprint": lambda: pprint.pformat({"k": [secret()] * 3}),
    "rich pretty": lambda: pretty_repr(Holder(secret(), (secret(),))),
    "dataclass repr": lambda: repr(Holder(secret(), (secret(),))),
    "dataclass replace": lambda: repr(replace(Holder(secret()), other=(secret(),))),
    "connection": lambda: repr(Connection("host", become_password=secret())),
    "blob": lambda: repr(Blob.of(secret())),
    "json default": lambda: json.dumps({"k": secret()}, default=str),
    "exception": lambda: repr(ValueError(secret())) + str(ValueError(secret())),
    "key error": lambda: str(KeyError(secret())),
    "logging": logged,
    "traceback with locals": raised,
    "rich": on_rich,
    "fingerprint": lambda: secret().fingerprint(),
    "hash": lambda: str(hash(secret())),
    "dir": lambda: str(dir(secret())),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_showing_shows_it(way: str) -> None:
    shown = WAYS[way]()
    assert shown
    for form in (CANARY, CANARY.encode().hex(), hashlib.sha256(CANARY.encode()).hexdigest()):
        assert form not in shown


REFUSED: dict[str, Any] = {
    **{f"pickle {protocol}": lambda p=protocol: pickle.dumps(secret(), p) for protocol in range(6)},
    "pickle inside": lambda: pickle.dumps({"a": [secret()]}),
    "copy": lambda: copy.copy(secret()),
    "deepcopy": lambda: copy.deepcopy({"a": secret()}),
    "asdict": lambda: asdict(Holder(secret())),
    "astuple": lambda: astuple(Holder(secret())),
    "json": lambda: json.dumps({"k": secret()}),
    "yaml": lambda: yaml.dump({"k": secret()}),
    "yaml safe": lambda: yaml.safe_dump({"k": secret()}),
    "bytes": lambda: bytes(secret()),  # type: ignore[call-overload]
    "join": lambda: "".join([secret()]),  # type: ignore[list-item]
    "plus": lambda: "a" + secret(),  # type: ignore[operator]
    "in": lambda: "c" in secret(),  # type: ignore[operator]
    "iterate": lambda: list(secret()),  # type: ignore[call-overload]
    "length": lambda: len(secret()),  # type: ignore[arg-type]
    "vars": lambda: vars(secret()),
    "argv": lambda: subprocess.run([sys.executable, "-c", "", secret()]),  # type: ignore[list-item]
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_way_that_would_need_the_value_fails_without_it(way: str) -> None:
    with pytest.raises((TypeError, yaml.YAMLError)) as caught:
        REFUSED[way]()
    assert CANARY not in str(caught.value)


def test_revealing_is_one_named_call() -> None:
    assert secret().reveal() == CANARY
    assert secret().name == "cluster.cookie"
    assert str(secret()) == MASK


def test_equality_is_that_of_the_values() -> None:
    assert Secret("a", "x") == Secret("a", "y")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_fingerprints_compare_within_a_run_and_mean_nothing_outside() -> None:
    assert Secret("0000").fingerprint() == Secret("0000").fingerprint()
    assert Secret("0000").fingerprint() != Secret("0001").fingerprint()
    ask = "from deployer.model import Secret; print(Secret('0000').fingerprint())"
    other = subprocess.check_output([sys.executable, "-c", ask], text=True).strip()
    assert len(other) == 16
    assert other != Secret("0000").fingerprint()


def test_a_weak_secret_cannot_be_guessed_from_its_fingerprint() -> None:
    told = Secret("7").fingerprint()
    for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5):
        assert not any(told in digest(str(guess).encode()).hexdigest() for guess in range(10))


def test_a_blob_of_a_secret_keeps_it_a_secret() -> None:
    blob = Blob.of(Secret("naïve"))
    assert isinstance(blob.text, Secret)
    assert blob.size == 6


REVIEWED = {
    "ansible_core/masks.py": "to strike it out of what ansible-core says",
    "ansible_core/run.py": "into a socket of this user, where ansible-core asks for a password, and into the masks",
    "ansible_core/told.py": "into the inventory that the same socket hands to ansible-core",
    "beam/authority.py": "into the cipher that seals an authority's key, and the check of its length",
    "beam/certificates.py": "into the check that a key is that of its certificate",
    "beam/handshake.py": "into the digest that answers a node's challenge",
    "beam/tls.py": "into OpenSSL, through a pipe",
    "engine/rotate/node.py": "into the distribution stream that sets a new cookie",
    "fleet/declaration.py": "into the question whether a cookie can be guessed, whose answer is yes or no",
    "fleet/declare.py": "into the check of a cookie's strength, whose complaint never quotes it",
    "fleet/grammar.py": "into the check of an environment value",
    "load/lookups.py": "into what a lookup gives, which is a secret where one was in it",
    "load/taint.py": "into a rendering, whose result is a secret",
    "engine/ladder/verify.py": "to strike it out of a node's last words",
    "load/vault.py": "into the key of a vault",
    "load/vault_files.py": "into a vault's ciphertext",
    "model.py": "into a blob's size and digest",
    "modules/shared/content.py": "into a salted digest",
    "modules/shared/private_file.py": "into a salted digest",
    "modules/certificate.py": "into the text of a file, which is a secret",
    "modules/debconf.py": "into a salted digest, and the line that debconf reads, which is a secret",
    "modules/shared/asking.py": "into a line of curl's options, or a body, which are secrets then",
    "modules/user.py": "into the line that chpasswd reads, which is a secret, and into the look at its hash",
    "modules/uri.py": "into the file of curl's options, which is a secret then",
    "modules/cookie.py": "into the check of a cookie's format",
    "modules/env_file.py": "into the text of a file, which is a secret",
    "notifying.py": "into the address of a webhook, which no message and no error shows",
    "resolve/spelling.py": "into the JSON that copy writes, which is a secret then",
    "saved/digests.py": "into a digest that is keyed by the plan's own key",
    "sh/blobs.py": "into the channel",
    "transport/conversation.py": "into sudo's input, once",
    "transport/session.py": "into sudo's input, once",
    "transport/sudo.py": "into the question whether a password is one line",
    "window/observe.py": "into files of a private directory, where an observer started here reads them",
}


def test_a_secret_is_revealed_only_where_that_was_reviewed() -> None:
    root = Path(deployer.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "reveal" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr == "reveal" and "vaults" not in ast.unparse(node)
    }
    assert found == set(REVIEWED)

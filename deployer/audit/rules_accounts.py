"""Rules about accounts: empty passwords, authorized keys, and sudo without a password."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256

from deployer.audit.facts import Facts
from deployer.audit.matched import matched, sshd_setting, sshd_settings
from deployer.audit.process import CannotTell
from deployer.audit.rule import Complaints, Rule

_FREE = re.compile(r"NOPASSWD\s*:(.*)")
_TAGS = re.compile(r"(?:[A-Z_]+\s*:\s*)*")
_ALIAS = re.compile(r"\s*Cmnd_Alias\s+([A-Z]\w*)\s*=(.*)", re.ASCII)
_INCLUDE = re.compile(r"\s*[#@]include(?:dir)?\s+(.*)")
_COMMENT = re.compile(r"(?<!\\)#(?![-\d]).*")


def _empty(facts: Facts) -> Complaints:
    if sshd_setting(sshd_settings(facts), "permitemptypasswords") == "yes":
        yield "permitemptypasswords yes: anybody can log in to an account without a password"
    for name in facts.read("login", "empty", "which accounts have no password").split():
        yield f"the account {name} has an empty password"
    yield from matched(facts, {"permitemptypasswords": ("no",)})


_OTHER_WAYS = ("authorizedkeyscommand", "trustedusercakeys")


def _authorized(facts: Facts) -> Complaints:
    hidden: list[str] = []
    looked_at = {f"{way}.ssh/authorized_keys{end}" for way in ("", "%h/") for end in ("", "2")} | {"none"}
    told = sshd_settings(facts)
    others = set(told.get("authorizedkeysfile", "").split()) - looked_at
    others |= {f"{word} {told[word]}" for word in _OTHER_WAYS if told.get(word, "none") != "none"}
    if told.get("strictmodes") == "no":
        yield "strictmodes no: sshd reads keys from files and homes that other users can write"
    yield from matched(facts, {"authorizedkeysfile": looked_at, **dict.fromkeys(_OTHER_WAYS, ("none",))})
    for line in facts.read("login", "keys", "the accounts' keys").splitlines():
        words = line.split(" ", 3)
        if len(words) < 4:
            hidden.append(words[0])
            continue
        name, mode, owner, path = words
        if owner not in (name, "root") or int(mode, 8) & 0o022:
            yield f"{path} has mode {mode} and owner {owner}: users other than {name} can add keys to it"
    if facts.words.authorized_keys is not None:
        yield from _undeclared(facts, frozenset(facts.words.authorized_keys), hidden)
    if hidden:
        raise CannotTell(f"this user cannot look into the home of {', '.join(hidden)}")
    if others:
        raise CannotTell(f"sshd also reads keys from {', '.join(sorted(others))}, which deployer does not read")


_KEY = re.compile(r"(?:^|\s)(?:ssh|ecdsa|sk)-[\w@.-]+ ([A-Za-z0-9+/]+=*)(?: (.*))?$")


def _undeclared(facts: Facts, declared: frozenset[str], hidden: list[str]) -> Complaints:
    for line in facts.read("login", "letin", "the keys that let people in").splitlines():
        name, _, key = line.partition(" ")
        found = _KEY.search(key)
        if key == "hidden":
            hidden.append(name)
        elif found:
            digest = sha256(b64decode(found[1] + "==")).digest()
            print_of = f"SHA256:{b64encode(digest).decode().rstrip('=')}"
            if print_of not in declared:
                yield f"{name} accepts {print_of} ({(found[2] or '')[:40]}), which audit.authorized_keys does not list"


def _sudo(facts: Facts) -> Complaints:
    meant = facts.words.sudo
    declared = {" ".join(line.split()) for line in meant or ()}
    beyond, rules, everything = [], [], {"ALL"}
    for line in facts.read("login", "sudo", "the rules of sudo", 4096).splitlines():
        taken, alias, rule = _INCLUDE.match(line), _ALIAS.match(line), " ".join(_COMMENT.sub("", line).split())
        if taken:
            beyond += (
                [taken[1].strip()] if taken[1].strip(' "').rstrip("/") not in ("/etc/sudoers.d", "sudoers.d") else []
            )
        elif alias:
            everything |= {alias[1]} if everything & set(re.split(r"[\s,]+", alias[2])) else set()
        elif rule:
            rules.append(rule)
    for rule in rules:
        if meant is not None and rule not in declared:
            yield f"sudo needs no password by a rule that audit.sudo does not list: {rule}"
        elif meant is None and rule.startswith("Defaults"):
            yield f"sudo never asks for a password: {rule}"
        elif meant is None and everything & set(_without_a_word(rule)):
            yield f"{rule.split()[0]} can run any command as root without a password"
    yield from _unread(beyond, rules)


def _without_a_word(rule: str) -> Iterator[str]:
    """Yield the commands that a rule of sudo allows without a password."""
    for part in _FREE.findall(rule):
        for command in part.split(","):
            tags = _TAGS.match(command.strip())
            if tags and re.search(r"(?<!NO)PASSWD", tags[0]):
                break
            yield command.strip()[tags.end() if tags else 0 :]


def _unread(beyond: Iterable[str], rules: Iterable[str]) -> Complaints:
    if beyond:
        raise CannotTell(f"sudo includes {', '.join(beyond)}, which deployer does not read")
    broken = [rule for rule in rules if rule.endswith("\\")]
    if broken:
        raise CannotTell(f"a rule of sudo continues on a line that was not read: {broken[0]}")
    yield from ()


ACCOUNT_RULES = (
    Rule(
        id="SS-10", severity="critical", title="no account has an empty password", judge=_empty,
        groups=("login",),
        reads="sshd -T, and empty passwords in /etc/shadow and /etc/passwd", command="passwd -l ACCOUNT",
        sources=("shadow(5)",),
        others={"CIS": "7.2.2", "Lynis": "AUTH-9283"},
    ),
    Rule(
        id="SS-07", severity="high", title="no user can add keys to another's account", judge=_authorized,
        groups=("login",),
        reads="owner and mode of ~/.ssh and authorized_keys, of every account with a shell; sshd -T, and Match blocks",
        command="chmod 0600 ~USER/.ssh/authorized_keys; chown USER ~USER/.ssh/authorized_keys", sources=("sshd(8)",),
        others={"CIS": "7.2.10"},
    ),
    Rule(
        id="SS-08", severity="medium", title="nobody becomes root without a password", judge=_sudo, groups=("login",),
        reads="NOPASSWD and !authenticate in /etc/sudoers and /etc/sudoers.d", command="visudo -f /etc/sudoers.d/FILE",
        profile="strict", sources=("sudoers(5)",), others={"CIS": "5.2.4"},
    ),
)  # fmt: skip
"""All of them."""

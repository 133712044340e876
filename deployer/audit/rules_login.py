"""Rules about who may log in: what sshd itself says, its keys, and who becomes root without a word."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from deployer.audit.facts import Facts
from deployer.audit.matched import matched
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule

_MAN = "sshd_config(5)"
_SUDO = re.compile(r"NOPASSWD:\s*ALL\s*$", re.MULTILINE)
_WEAK = re.compile(
    r"(?:^|,)([^,]*(?:-cbc|arcfour|3des|hmac-md5|hmac-sha1\b|hmac-sha1-|umac-64|group1-|group14-sha1|group-exchange-sha1)[^,]*)"
)


def _sshd(facts: Facts) -> Mapping[str, str]:
    said = facts.read("login", "sshd", "the configuration that sshd uses (sshd -T)")
    if said == "absent":
        raise NotApplicable("no sshd of OpenSSH is installed")
    return {word: value for word, _, value in (line.partition(" ") for line in said.lower().splitlines())}


def _value(told: Mapping[str, str], word: str) -> str:
    if word not in told:
        raise CannotTell(f"sshd -T does not tell {word}")
    return told[word]


_WHY = {
    "permitrootlogin": "root logs in by password",
    "passwordauthentication": "passwords are guessed day and night",
    "kbdinteractiveauthentication": "passwords in another guise",
    "permituserenvironment": "who logs in sets LD_PRELOAD",
    "hostbasedauthentication": "whole machines are trusted",
}
_KEYS_ALONE: Mapping[str, tuple[str, ...]] = dict.fromkeys((*_WHY, "challengeresponseauthentication"), ("no",)) | {
    "permitrootlogin": ("no", "prohibit-password", "without-password", "forced-commands-only"),
}


def _passwords(facts: Facts) -> Complaints:
    told = _sshd(facts)
    for word, why in _WHY.items():
        if _value(told, word) not in _KEYS_ALONE[word]:
            yield f"{word} {told[word]}: {why}"
    yield from matched(facts, _KEYS_ALONE)


def _empty(facts: Facts) -> Complaints:
    if _value(_sshd(facts), "permitemptypasswords") == "yes":
        yield "permitemptypasswords yes: an account without a password is open to everybody"
    for name in facts.read("login", "empty", "which accounts have no password").split():
        yield f"the account {name} has an empty password"
    yield from matched(facts, {"permitemptypasswords": ("no",)})


def _forwarding(facts: Facts) -> Complaints:
    told = _sshd(facts)
    if told.get("disableforwarding") == "yes":
        return
    for word in ("x11forwarding", "allowagentforwarding", "permittunnel", "gatewayports"):
        if _value(told, word) != "no":
            yield f"{word} {told[word]}"


def _throttles(facts: Facts) -> Complaints:
    told = _sshd(facts)
    for word, least, most in (("maxauthtries", 2, 6), ("maxsessions", 2, 20), ("logingracetime", 1, 120)):
        value = _value(told, word)
        if not value.isdigit() or not least <= int(value) <= most:
            yield f"{word} {value}: {least} to {most} keep out guessers and let this run in"


def _algorithms(facts: Facts) -> Complaints:
    told = _sshd(facts)
    for word in ("ciphers", "macs", "kexalgorithms"):
        weak = _WEAK.findall(_value(told, word))
        if weak:
            yield f"{word} has {', '.join(weak[:4])}"


def _host_keys(facts: Facts) -> Complaints:
    kinds = set()
    _sshd_there(facts)
    for line in facts.read("login", "host_keys", "the host's keys").splitlines():
        mode, owner, path = line.split(" ", 2)
        if (int(mode, 8) & 0o077 and not (int(mode, 8) == 0o640 and path)) or owner != "root":
            yield f"{path} is {mode} of {owner}; a host's private key is 0600 of root"
    for line in facts.read("login", "host_public", "the host's public keys").splitlines():
        try:
            key = load_ssh_public_key(line.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        kinds.add(line.split(" ")[0])
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < 3072:
            yield f"the host's RSA key has {key.key_size} bits; 3072 are the least"
    if not kinds:
        raise CannotTell("no key of the host can be read by this user")
    if "ssh-ed25519" not in kinds:
        yield "the host has no ed25519 key"


def _sshd_there(facts: Facts) -> None:
    if facts.group("login").get("sshd") == "absent":
        raise NotApplicable("no sshd of OpenSSH is installed")


def _who(facts: Facts) -> Complaints:
    told = _sshd(facts)
    if not any(told.get(word) for word in ("allowusers", "allowgroups")):
        yield "neither AllowUsers nor AllowGroups: every account with a shell may try"
    if told.get("loglevel") not in ("info", "verbose"):
        yield f"loglevel {told.get('loglevel')}: who logged in with which key is not kept"


def _authorized(facts: Facts) -> Complaints:
    hidden: list[str] = []
    looked_at = {f"{way}.ssh/authorized_keys{end}" for way in ("", "%h/") for end in ("", "2")} | {"none"}
    others = set(_sshd(facts).get("authorizedkeysfile", "").split()) - looked_at
    for line in facts.read("login", "keys", "the accounts' keys").splitlines():
        words = line.split(" ", 3)
        if len(words) < 4:
            hidden.append(words[0])
            continue
        name, mode, owner, path = words
        if owner not in (name, "root") or int(mode, 8) & 0o022:
            yield f"{path} is {mode} of {owner}: others than {name} may add keys to it"
    if facts.words.authorized_keys is not None:
        yield from _undeclared(facts, frozenset(facts.words.authorized_keys), hidden)
    if hidden:
        raise CannotTell(f"the home of {', '.join(hidden)} cannot be looked into by this user")
    if others:
        raise CannotTell(f"sshd takes keys from {', '.join(sorted(others))} too, and those were not looked at")


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
                yield f"{name} lets in {print_of} ({(found[2] or '')[:40]}), which audit.authorized_keys has not"


def _sudo(facts: Facts) -> Complaints:
    meant = facts.words.sudo
    declared = {" ".join(line.split()) for line in meant or ()}
    for line in facts.read("login", "sudo", "the rules of sudo", 4096).splitlines():
        said = " ".join(line.split())
        if meant is not None and said and said not in declared:
            yield f"sudo asks for no password, and audit.sudo has not: {said}"
        elif meant is None and _SUDO.search(line):
            yield f"{line.split()[0]} becomes root without a password, for any command"


def _exempt(facts: Facts) -> Complaints:
    told = _sshd(facts)
    if "persourcepenalties" not in told:
        raise NotApplicable("this sshd knows no penalties by source (OpenSSH before 9.8)")
    if told["persourcepenalties"] != "no" and told.get("persourcepenaltyexemptlist", "none") in ("", "none"):
        yield "sshd locks out sources that fail too often, and nobody is exempt: not this machine either"


def _drop_in(name: str, line: str) -> str:
    place = f"/etc/ssh/sshd_config.d/{name}"
    return f'- name: {line.split(maxsplit=1)[0]}\n  copy: {{dest: {place}, content: "{line}\\n"}}'


LOGIN_RULES = (
    Rule(
        id="SS-01", severity="high", title="nobody logs in with a password", judge=_passwords, groups=("login",),
        reads="sshd -T, what sshd makes of all its files, and their Match blocks",
        fix=_drop_in("10-keys.conf", "PasswordAuthentication no"),
        sources=(_MAN,), others={"CIS": "5.1.10, 5.1.19-21", "dev-sec": "sshd-01", "Lynis": "SSH-7408"},
    ),
    Rule(
        id="SS-10", severity="critical", title="no account is open without any password", judge=_empty,
        groups=("login",),
        reads="sshd -T, and which entries of /etc/shadow are empty", command="passwd -l ACCOUNT",
        sources=("shadow(5)",),
        others={"CIS": "7.2.2", "Lynis": "AUTH-9283"},
    ),
    Rule(
        id="SS-02", severity="low", title="sshd forwards nothing but what a deploy needs", judge=_forwarding,
        reads="sshd -T: X11, agents, tunnels, gateway ports", groups=("login",), profile="strict",
        fix=_drop_in("20-forward.conf", "X11Forwarding no"),
        sources=(_MAN,), others={"CIS": "5.1.8", "Lynis": "SSH-7408"},
    ),
    Rule(
        id="SS-03", severity="medium", title="sshd is neither too patient nor too strict", judge=_throttles,
        reads="sshd -T: MaxAuthTries, MaxSessions, LoginGraceTime", groups=("login",),
        fix=_drop_in("30-rates.conf", "MaxAuthTries 4"),
        sources=(_MAN,), others={"CIS": "5.1.7, 5.1.16-18"},
    ),
    Rule(
        id="SS-04", severity="medium", title="sshd offers no algorithm that is broken", judge=_algorithms,
        reads="sshd -T: ciphers, MACs, key exchanges", groups=("login",), profile="strict",
        fix=_drop_in("40-macs.conf", "MACs -hmac-sha1*,umac-64*"),
        sources=("CVE-2023-48795",), others={"Lynis": "SSH-7408", "CIS": "5.1.6, 5.1.15"},
    ),
    Rule(
        id="SS-05", severity="high", title="the host's keys are root's, and long enough", judge=_host_keys,
        reads="mode and owner of the private ones, length of the public ones", groups=("login",),
        command="chmod 0600 /etc/ssh/ssh_host_*_key; ssh-keygen -A", sources=(_MAN,), others={"CIS": "5.1.2, 5.1.3"},
    ),
    Rule(
        id="SS-06", severity="low", title="sshd knows who may come", judge=_who, groups=("login",), profile="strict",
        reads="sshd -T: AllowUsers, AllowGroups, LogLevel",
        fix=_drop_in("50-who.conf", "AllowGroups deploy"),
        sources=(_MAN,), others={"CIS": "5.1.4, 5.1.14"},
    ),
    Rule(
        id="SS-07", severity="high", title="nobody adds keys to another's account", judge=_authorized,
        groups=("login",),
        reads="owner and mode of ~/.ssh and authorized_keys, of every account with a shell",
        command="chmod 0600 ~USER/.ssh/authorized_keys; chown USER ~USER/.ssh/authorized_keys", sources=("sshd(8)",),
        others={"CIS": "7.2.10"},
    ),
    Rule(
        id="SS-08", severity="medium", title="nobody becomes root without a word", judge=_sudo, groups=("login",),
        reads="NOPASSWD in /etc/sudoers and /etc/sudoers.d", command="visudo -f /etc/sudoers.d/FILE", profile="strict",
        sources=("sudoers(5)",), others={"CIS": "5.2.4"},
    ),
    Rule(
        id="SS-09", severity="low", title="the machine that deploys is not locked out", judge=_exempt,
        groups=("login",),
        reads="sshd -T: PerSourcePenalties and its exemptions",
        fix=_drop_in("60-us.conf", "PerSourcePenaltyExemptList 10.0.0.0/8"),
        sources=(_MAN,), profile="strict",
    ),
)  # fmt: skip
"""All of them."""

"""Rules about logins: sshd's settings as sshd itself prints them, and its keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from deployer.audit.facts import Facts
from deployer.audit.matched import match_lines, matched, sshd_setting, sshd_settings
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule

_MAN = "sshd_config(5)"
_WEAK = re.compile(
    r"(?:^|,)([^,]*(?:-cbc|arcfour|3des|hmac-md5|hmac-sha1\b|hmac-sha1-|umac-64|group1-|group14-sha1|group-exchange-sha1)[^,]*)"
)


_WHY = {
    "permitrootlogin": "whoever guesses root's password controls the host",
    "passwordauthentication": "passwords can be guessed",
    "kbdinteractiveauthentication": "it asks for passwords too, which can be guessed",
    "permituserenvironment": "a user who logs in can set LD_PRELOAD",
    "hostbasedauthentication": "it trusts whole machines",
}
_KEYS_ALONE: Mapping[str, tuple[str, ...]] = dict.fromkeys(_WHY, ("no",)) | {
    "permitrootlogin": ("no", "prohibit-password", "without-password", "forced-commands-only"),
}
_METHODS = {
    "passwordauthentication": "password",
    "kbdinteractiveauthentication": "keyboard-interactive",
    "hostbasedauthentication": "hostbased",
}
_OLD = {"challengeresponseauthentication": "kbdinteractiveauthentication"}
_ASKED = "authenticationmethods"
_GUESSED = frozenset({"none", "password", "keyboard-interactive"})


def _alone(word: str, methods: str) -> bool:
    """Whether one of the lists of AuthenticationMethods accepts what a word allows without also asking for a key."""
    lists = methods.lower().replace('"', "").split()
    if word not in _METHODS or lists in ([], ["any"]):
        return True
    wanted = [{method.partition(":")[0] for method in one.split(",")} for one in lists]
    return any(_METHODS[word] in each and each <= _GUESSED | {_METHODS[word]} for each in wanted)


def _passwords(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    methods = told.get(_ASKED, "any")
    wrong = {word for word in _WHY if sshd_setting(told, word) not in _KEYS_ALONE[word] and _alone(word, methods)}
    off = not wrong & {"passwordauthentication", "kbdinteractiveauthentication"}
    for word in (word for word in _WHY if word in wrong):
        only = off and word == "permitrootlogin"
        why = "root's password is refused only as long as passwords are off" if only else _WHY[word]
        yield f"{word} {told[word]}: {why}"
    yield from _for_some(facts, told)


def _for_some(facts: Facts, told: Mapping[str, str]) -> Complaints:
    """For a user in several Match blocks, the first block that has a word decides it; else the global setting does."""
    blocks: dict[str, dict[str, tuple[str, str]]] = {}
    unread = None
    try:
        for block, place, word, value in match_lines(facts):
            blocks.setdefault(block, {}).setdefault(_OLD.get(word, word), (value, place))
    except CannotTell as why:
        unread = why
    for block, own in blocks.items():
        yield from (f"{what} for Match {block}, in {place}" for what, place in _opened(told, own))
    if unread:
        raise unread
    blocks = blocks if any(_ASKED in own for own in blocks.values()) else {}
    for (first, own), (second, its) in combinations(blocks.items(), 2):
        if any(_opened(told, its | own)) and not any(_opened(told, own)) and not any(_opened(told, its)):
            raise CannotTell(f"a user in both Match {first} and Match {second} would need no key, if there is one")


def _opened(told: Mapping[str, str], own: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield each setting, and its file, by which those who have these words of Match need no key."""
    methods, where = own.get(_ASKED, (told.get(_ASKED, "any"), ""))
    for word, good in _KEYS_ALONE.items():
        value, place = own.get(word, (told.get(word, "no"), where if word in _METHODS else ""))
        if place and value.lower() not in good and _alone(word, methods):
            yield (f"{word} {value}" if word in own else f"{_ASKED} {methods} with {word} {value}"), place


_FORWARDED = ("x11forwarding", "allowagentforwarding", "permittunnel", "gatewayports")


def _forwarding(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    if told.get("disableforwarding") == "yes":
        yield from matched(facts, {"disableforwarding": ("yes",)})
        return
    for word in _FORWARDED:
        if sshd_setting(told, word) != "no":
            yield f"{word} {told[word]}"
    yield from matched(facts, dict.fromkeys(_FORWARDED, ("no",)))


def _throttles(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    good = {}
    for word, least, most in (("maxauthtries", 2, 6), ("maxsessions", 2, 20), ("logingracetime", 1, 120)):
        value, good[word] = sshd_setting(told, word), [str(number) for number in range(least, most + 1)]
        if value not in good[word]:
            yield f"{word} {value}: {least} to {most} stops guessing, and still lets deployer log in"
    yield from matched(facts, good)


def _algorithms(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    for word in ("ciphers", "macs", "kexalgorithms"):
        weak = _WEAK.findall(sshd_setting(told, word))
        if weak:
            yield f"{word} has {', '.join(weak[:4])}"


def _host_keys(facts: Facts) -> Complaints:
    kinds = set()
    _sshd_there(facts)
    for line in facts.read("login", "host_keys", "the host's keys").splitlines():
        mode, owner, path = line.split(" ", 2)
        if (int(mode, 8) & 0o077 and not (int(mode, 8) == 0o640 and path)) or owner != "root":
            yield f"{path} has mode {mode} and owner {owner}; a host's private key must be 0600, owned by root"
    for line in facts.read("login", "host_public", "the host's public keys").splitlines():
        try:
            key = load_ssh_public_key(line.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        kinds.add(line.split(" ")[0])
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < 3072:
            yield f"the host's RSA key has {key.key_size} bits; the minimum is 3072"
    if not kinds:
        raise CannotTell("this user cannot read any key of the host")
    if "ssh-ed25519" not in kinds:
        yield "the host has no ed25519 key"


def _sshd_there(facts: Facts) -> None:
    if facts.group("login").get("sshd") == "absent":
        raise NotApplicable("OpenSSH's sshd is not installed")


def _who(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    if not any(told.get(word) for word in ("allowusers", "allowgroups")):
        yield "neither AllowUsers nor AllowGroups is set: every account with a shell can log in"
    if told.get("loglevel") not in ("info", "verbose"):
        yield f"loglevel {told.get('loglevel')}: sshd does not log who logged in with which key"


def _exempt(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    if "persourcepenalties" not in told:
        raise NotApplicable("this sshd has no PerSourcePenalties (OpenSSH before 9.8)")
    if told["persourcepenalties"] != "no" and told.get("persourcepenaltyexemptlist", "none") in ("", "none"):
        yield "sshd locks out addresses that fail too often, and no address is exempt, not even this machine's"


def _drop_in(name: str, *lines: str) -> str:
    place, content = f"/etc/ssh/sshd_config.d/{name}", "".join(f"{line}\\n" for line in lines)
    return f'- name: {lines[0].split(maxsplit=1)[0]}\n  copy: {{dest: {place}, content: "{content}"}}'


LOGIN_RULES = (
    Rule(
        id="SS-01", severity="high", title="nobody can log in with a password", judge=_passwords, groups=("login",),
        reads="sshd -T (the effective settings, with AuthenticationMethods), and the Match blocks of its files",
        fix=_drop_in("10-keys.conf", "PasswordAuthentication no", "KbdInteractiveAuthentication no"),
        sources=(_MAN,), others={"CIS": "5.1.10, 5.1.19-21", "dev-sec": "sshd-01", "Lynis": "SSH-7408"},
    ),
    Rule(
        id="SS-02", severity="low", title="sshd forwards only what a deploy needs", judge=_forwarding,
        reads="sshd -T: X11, agents, tunnels, gateway ports, and Match blocks", groups=("login",), profile="strict",
        fix=_drop_in(
            "20-forward.conf", "X11Forwarding no", "AllowAgentForwarding no", "PermitTunnel no", "GatewayPorts no"
        ),
        sources=(_MAN,), others={"CIS": "5.1.8", "Lynis": "SSH-7408"},
    ),
    Rule(
        id="SS-03", severity="medium", title="sshd's limits are neither too loose nor too strict", judge=_throttles,
        reads="sshd -T: MaxAuthTries, MaxSessions, LoginGraceTime, and Match blocks", groups=("login",),
        fix=_drop_in("30-rates.conf", "MaxAuthTries 4", "MaxSessions 10", "LoginGraceTime 60"),
        sources=(_MAN,), others={"CIS": "5.1.7, 5.1.16-18"},
    ),
    Rule(
        id="SS-04", severity="medium", title="sshd offers no algorithm that is broken", judge=_algorithms,
        reads="sshd -T: ciphers, MACs, key exchanges", groups=("login",), profile="strict",
        fix=_drop_in("40-macs.conf", "MACs -hmac-sha1*,umac-64*"),
        sources=("CVE-2023-48795",), others={"Lynis": "SSH-7408", "CIS": "5.1.6, 5.1.15"},
    ),
    Rule(
        id="SS-05", severity="high", title="the host's keys belong to root, and are long enough", judge=_host_keys,
        reads="mode and owner of the private keys, length of the public keys", groups=("login",),
        command="chmod 0600 /etc/ssh/ssh_host_*_key; ssh-keygen -A", sources=(_MAN,), others={"CIS": "5.1.2, 5.1.3"},
    ),
    Rule(
        id="SS-06", severity="low", title="sshd lists who may log in", judge=_who, groups=("login",), profile="strict",
        reads="sshd -T: AllowUsers, AllowGroups, LogLevel",
        fix=_drop_in("50-who.conf", "AllowGroups deploy"),
        sources=(_MAN,), others={"CIS": "5.1.4, 5.1.14"},
    ),
    Rule(
        id="SS-09", severity="low", title="sshd does not lock out the machine that deploys", judge=_exempt,
        groups=("login",),
        reads="sshd -T: PerSourcePenalties and its exemptions",
        fix=_drop_in("60-us.conf", "PerSourcePenaltyExemptList 10.0.0.0/8"),
        sources=(_MAN,), profile="strict",
    ),
)  # fmt: skip
"""All of them."""

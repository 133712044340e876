"""Rules about how one may log in: what sshd itself says, and its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from deployer.audit.facts import Facts
from deployer.audit.matched import matched, sshd_setting, sshd_settings
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule

_MAN = "sshd_config(5)"
_WEAK = re.compile(
    r"(?:^|,)([^,]*(?:-cbc|arcfour|3des|hmac-md5|hmac-sha1\b|hmac-sha1-|umac-64|group1-|group14-sha1|group-exchange-sha1)[^,]*)"
)


_WHY = {
    "permitrootlogin": "root's password opens everything",
    "passwordauthentication": "passwords are guessed day and night",
    "kbdinteractiveauthentication": "passwords in another guise",
    "permituserenvironment": "who logs in sets LD_PRELOAD",
    "hostbasedauthentication": "whole machines are trusted",
}
_KEYS_ALONE: Mapping[str, tuple[str, ...]] = dict.fromkeys((*_WHY, "challengeresponseauthentication"), ("no",)) | {
    "permitrootlogin": ("no", "prohibit-password", "without-password", "forced-commands-only"),
}


def _passwords(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
    off = all(told.get(word) == "no" for word in ("passwordauthentication", "kbdinteractiveauthentication"))
    for word, why in _WHY.items():
        if sshd_setting(told, word) not in _KEYS_ALONE[word]:
            only = off and word == "permitrootlogin"
            yield f"{word} {told[word]}: {'no password of root is tried only while passwords are off' if only else why}"
    yield from matched(facts, _KEYS_ALONE)


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
            yield f"{word} {value}: {least} to {most} keep out guessers and let this run in"
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
    told = sshd_settings(facts)
    if not any(told.get(word) for word in ("allowusers", "allowgroups")):
        yield "neither AllowUsers nor AllowGroups: every account with a shell may try"
    if told.get("loglevel") not in ("info", "verbose"):
        yield f"loglevel {told.get('loglevel')}: who logged in with which key is not kept"


def _exempt(facts: Facts) -> Complaints:
    told = sshd_settings(facts)
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
        id="SS-02", severity="low", title="sshd forwards nothing but what a deploy needs", judge=_forwarding,
        reads="sshd -T: X11, agents, tunnels, gateway ports, and Match blocks", groups=("login",), profile="strict",
        fix=_drop_in("20-forward.conf", "X11Forwarding no"),
        sources=(_MAN,), others={"CIS": "5.1.8", "Lynis": "SSH-7408"},
    ),
    Rule(
        id="SS-03", severity="medium", title="sshd is neither too patient nor too strict", judge=_throttles,
        reads="sshd -T: MaxAuthTries, MaxSessions, LoginGraceTime, and Match blocks", groups=("login",),
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
        id="SS-09", severity="low", title="the machine that deploys is not locked out", judge=_exempt,
        groups=("login",),
        reads="sshd -T: PerSourcePenalties and its exemptions",
        fix=_drop_in("60-us.conf", "PerSourcePenaltyExemptList 10.0.0.0/8"),
        sources=(_MAN,), profile="strict",
    ),
)  # fmt: skip
"""All of them."""

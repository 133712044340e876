"""All rules, and which of them a person wants judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployer.audit.rule import PROFILES, Rule
from deployer.audit.rules_accounts import ACCOUNT_RULES
from deployer.audit.rules_built import BUILT_RULES
from deployer.audit.rules_cookie import COOKIE_RULES
from deployer.audit.rules_distribution import DISTRIBUTION_RULES
from deployer.audit.rules_firewall import FIREWALL_RULES
from deployer.audit.rules_kernel import KERNEL_RULES
from deployer.audit.rules_live import LIVE_RULES
from deployer.audit.rules_login import LOGIN_RULES
from deployer.audit.rules_machine import MACHINE_RULES
from deployer.audit.rules_peers import PEERS_RULES
from deployer.audit.rules_release import RELEASE_RULES
from deployer.audit.rules_service import SERVICE_RULES
from deployer.audit.rules_start import START_RULES
from deployer.audit.rules_tls import TLS_RULES
from deployer.audit.rules_unit import UNIT_RULES
from deployer.errors import At, ConfigError
from deployer.events import SEVERITIES
from deployer.fields import nearest
from deployer.fleet import AuditWords
from deployer.model import Mark

_ALL = (
    *ACCOUNT_RULES,
    *BUILT_RULES,
    *COOKIE_RULES,
    *DISTRIBUTION_RULES,
    *FIREWALL_RULES,
    *KERNEL_RULES,
    *LIVE_RULES,
    *LOGIN_RULES,
    *MACHINE_RULES,
    *PEERS_RULES,
    *RELEASE_RULES,
    *SERVICE_RULES,
    *START_RULES,
    *TLS_RULES,
    *UNIT_RULES,
)
RULES: Mapping[str, Rule] = {rule.id: rule for rule in sorted(_ALL, key=lambda rule: rule.id)}
"""Id → rule, in order of the ids."""


def choose(
    *,
    only: str = "",
    skip: str = "",
    severity: str = "",
    profile: str = "",
    own: Mapping[str, frozenset[str]] | None = None,
) -> tuple[Rule, ...]:
    """Return the rules that a person wants judged, in order of their ids.

    Args:
        only: ids or their first letters (``CK``), with commas between; these alone, whatever the profile.
        skip: the same: none of these.
        severity: none that is less severe.
        profile: ``baseline`` (the default), ``strict``, or one of ``own``.
        own: the inventory's profiles → the ids of their rules.

    Raises:
        ConfigError: a word is none that is known, or nothing is left.
    """
    if severity and severity not in SEVERITIES:
        raise ConfigError(f"--severity {severity!r} is not a severity", hint=nearest(severity, SEVERITIES))
    known = dict(own or {})
    if profile and profile not in (*PROFILES, *known):
        raise ConfigError(f"--profile {profile!r} is not a profile", hint=nearest(profile, (*PROFILES, *known)))
    having = known.get(profile, frozenset(_base(profile or PROFILES[0])))
    wanted, unwanted = _named(only, "--only"), _named(skip, "--skip")
    worst = SEVERITIES[: SEVERITIES.index(severity) + 1] if severity else SEVERITIES
    found = tuple(
        rule
        for rule in RULES.values()
        if rule.id not in unwanted and rule.severity in worst and (rule.id in wanted if only else rule.id in having)
    )
    if not found:
        raise ConfigError("no rule is left to judge by", hint="deployer audit --list shows them")
    return found


def _base(profile: str) -> Iterable[str]:
    return (rule.id for rule in RULES.values() if profile == "strict" or rule.profile == profile)


def own_profiles(words: Iterable[tuple[AuditWords, Mark | None]]) -> Mapping[str, frozenset[str]]:
    """Return the profiles that an inventory has of its own → the ids of their rules.

    Args:
        words: what each host says of audits, and where.

    Raises:
        ConfigError: a profile names a rule that there is not, has a name of ours, or is another one on another host.
    """
    found: dict[str, frozenset[str]] = {}
    for said, where in words:
        with At(where):
            for name, one in said.profiles.items():
                path = f"audit.profiles.{name}"
                if name in PROFILES:
                    raise ConfigError(f"{path}: {name} is there already", hint="give yours another name")
                chosen = frozenset(_base(one.extends)) | _named(",".join(one.rules), path)
                ids = chosen - _named(",".join(one.skip), path)
                if found.setdefault(name, ids) != ids:
                    hint = "write it once, under the group that has all of them"
                    raise ConfigError(f"{path} is not the same for all hosts", hint=hint)
    return found


def find_rule(name: str) -> Rule:
    """Return a rule by its id.

    Raises:
        ConfigError: there is none of that name.
    """
    if name.upper() not in RULES:
        raise ConfigError(f"there is no rule {name!r}", hint=nearest(name.upper(), RULES))
    return RULES[name.upper()]


def _named(text: str, flag: str) -> frozenset[str]:
    found: set[str] = set()
    for word in (part.strip().upper() for part in text.split(",")):
        ids = [name for name in RULES if word and (name == word or name.startswith(f"{word}-"))]
        if word and not ids:
            raise ConfigError(f"{flag}: there is no rule {word!r}", hint=nearest(word, _words()))
        found.update(ids)
    return frozenset(found)


def _words() -> Iterable[str]:
    return {*RULES, *(name.partition("-")[0] for name in RULES)}

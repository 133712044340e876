"""A host's facts, under Ansible's names; they cost one extra exec, only in plays that use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from deployer.model import Host
from deployer.modules.base import records
from deployer.sh import Program
from deployer.sh.text import script
from deployer.transport.base import Transport

_NUMBERS = ("processor_vcpus", "memtotal_mb", "swaptotal_mb", "user_uid", "user_gid")
_FAMILY = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "fedora": "RedHat", "alpine": "Alpine"}
_DISTRIBUTIONS = {"debian": "Debian", "ubuntu": "Ubuntu", "fedora": "Fedora"}
_DATE = ("year", "month", "day", "hour", "minute", "second", "epoch", "tz_offset", "tz", "weekday", "weeknumber")


class AsksAs(Protocol):
    """An object that knows as which user a play's hosts are asked for facts, such as a resolver."""

    def asks_as(self, host: Host) -> dict[str, Any]:
        """Return ``become`` and ``user`` for `gather`; raises ConfigError."""
        ...


def of_play(resolver: AsksAs, transport: Transport, host: Host) -> dict[str, Any]:
    """Return a host's facts, gathered as the user that the play works as there (`gather`).

    Raises:
        HostError: the host cannot be read.
        ConfigError: the play's ``become`` or a connection variable is wrong.
    """
    return gather(transport, **resolver.asks_as(host))


def gather(
    transport: Transport, *, become: bool = False, user: str | None = None, timeout: float = 60.0
) -> dict[str, Any]:
    """Return facts as ``{"ansible_hostname": …}`` plus all of them again under ``ansible_facts``.

    Values are data from the host: the templating layer never renders them.

    Args:
        transport: the connection to the host.
        become: ask as root: ``ansible_user_id`` and ``ansible_env`` are root's then.
        user: ask as this user: they are this user's then. If the host does not have the user yet, the facts about the
            user are left out.
        timeout: seconds.

    Raises:
        HostError: the host cannot be read.
    """
    text = script("facts.sh", "deployer.engine")
    (frame,) = transport.run(Program((text,), become=become, users={0: user} if user else {}), timeout=timeout)
    unborn = user is not None and frame.rc == 3  # the status of a probe for "an earlier task has to run first"
    if unborn:
        (frame,) = transport.run(Program((text,), become=become), timeout=timeout)
    raw = records(frame.out)
    facts: dict[str, Any] = {key: int(raw[key]) if key in _NUMBERS and raw[key].isdigit() else raw[key] for key in raw}
    name = facts.pop("distribution_id", "")
    like = facts.pop("distribution_like", "").split()
    facts["distribution"] = _DISTRIBUTIONS.get(name, name.capitalize())
    facts["os_family"] = next((_FAMILY[word] for word in (name, *like) if word in _FAMILY), facts["distribution"])
    facts["distribution_major_version"] = str(facts.get("distribution_version", "")).split(".")[0]
    facts["domain"] = str(facts.get("fqdn", "")).partition(".")[2]
    facts["lsb"] = _lsb(facts)
    facts |= _network(facts)
    facts |= _user(facts)
    facts = {key: value for key, value in facts.items() if not (unborn and key in _OF_USER)}
    facts["date_time"] = _date(str(facts.pop("date", "")).split(), str(facts.pop("utc", "")))
    return {**{f"ansible_{key}": value for key, value in facts.items()}, "ansible_facts": facts}


def _lsb(facts: dict[str, Any]) -> dict[str, str]:
    release = str(facts.pop("lsb_release", ""))
    return {
        "id": facts["distribution"],
        "release": release,
        "codename": str(facts.get("distribution_release", "")),
        "description": str(facts.pop("lsb_description", "")),
        "major_release": release.split(".", maxsplit=1)[0],
    }


def _network(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the interfaces with their addresses, from the output of ``ip``."""
    found: dict[str, dict[str, Any]] = {}
    every: dict[str, list[str]] = {"inet": [], "inet6": []}
    for line in str(facts.pop("addresses", "")).splitlines():
        words = line.split()
        if len(words) < 4 or words[2] not in every:
            continue
        device, (address, _, prefix) = words[1].partition("@")[0], words[3].partition("/")
        card = found.setdefault(device, {"device": device})
        if words[2] == "inet":
            card.setdefault("ipv4", {"address": address, "prefix": prefix})
        else:
            scope = words[words.index("scope") + 1] if "scope" in words[:-1] else ""
            card.setdefault("ipv6", []).append({"address": address, "prefix": prefix, "scope": scope})
        if device != "lo":
            every[words[2]].append(address)
    default, route = {"address": str(facts.get("default_ipv4", ""))}, str(facts.pop("routes", "")).split()
    default |= {key: route[route.index(word) + 1] for key, word in _ROUTE.items() if word in route[:-1]}
    return {
        **{device.replace("-", "_").replace(":", "_").replace(".", "_"): card for device, card in found.items()},
        "interfaces": str(facts.pop("links", "")).split(),
        "all_ipv4_addresses": every["inet"],
        "all_ipv6_addresses": every["inet6"],
        "default_ipv4": default,
    }


_ROUTE: Mapping[str, str] = {"gateway": "via", "interface": "dev"}


_OF_USER = ("user_id", "user_uid", "user_gid", "user_dir", "user_shell", "user_gecos", "env")


def _user(facts: dict[str, Any]) -> dict[str, Any]:
    words = [*str(facts.pop("passwd", "")).split(":"), *[""] * 7]
    home, shell, name = words[5], words[6], str(facts.get("user_id", ""))
    env = {"HOME": home, "SHELL": shell, "USER": name, "LOGNAME": name, "LANG": str(facts.pop("lang", ""))}
    env["PATH"] = str(facts.pop("path", ""))  # the PATH with which commands run on this host
    return {"user_dir": home, "user_shell": shell, "user_gecos": words[4], "env": env}


def _date(words: list[str], utc: str) -> dict[str, str]:
    """Return the time of the host's clock when it was asked; it differs in each run."""
    if len(words) < len(_DATE) + 1:
        return {}
    found = dict(zip(_DATE, words, strict=False))
    found |= {"date": "-".join(words[:3]), "time": ":".join(words[3:6]), "weekday_number": str(int(words[11]) % 7)}
    found |= {"iso8601": utc, "iso8601_basic_short": "".join(words[:3]) + "T" + "".join(words[3:6])}
    return found

"""The host's firewall: one nftables table, each cluster's part in a file of its own, loaded in one transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Annotated, ClassVar

from deployer.errors import ConfigError, Problems
from deployer.fields import Doc
from deployer.firewall import openings as check
from deployer.firewall.nft import BASE, PLACE, RULES_RECORD, UNIT, UNIT_TEXT, RulesPart, rules_of, takes_away
from deployer.firewall.openings import Allow
from deployer.firewall.seen import PROBED, Seen
from deployer.firewall.shut import PASSING
from deployer.model import Unknown
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Step, records
from deployer.sh import Sh, library, lines, script, sh
from deployer.sh.units import FAILED, properties, show_unit
from deployer.syntax import NODE_LABEL

_NAME = re.compile(NODE_LABEL, re.ASCII)
_OPEN = "open to admin"
_AT_ONCE = Sh('run="$run" /bin/sh -eu "$pending/keep"')


def _cluster(text: str) -> str | None:
    return None if _NAME.fullmatch(text) else "write letters, digits, _ and -"


@dataclass(frozen=True, kw_only=True)
class Firewall(Module):
    """Default drop; SSH from ``admin``, EPMD and distribution from ``members``, ``public`` ports from everywhere.

    The table is ``inet deployer``; other tables are never changed. Clusters that share a host each have a part in
    ``/etc/nftables.d/deployer.d``. Every port on which the host serves SSH stays open to ``admin``, including the one
    that this run came in by. Rules that would keep this run out are refused, and so are rules that would shut a port
    which answers today, until you declare it. New rules are loaded for ``confirm`` seconds only, unless a new login
    gets through them (docs/firewall.md).
    """

    FOLLOWS: ClassVar[bool] = True
    STANDS_ALONE: ClassVar[bool] = True
    EXAMPLE: ClassVar[str] = """\
- name: firewall
  firewall:
    cluster: shop
    admin: [10.0.0.0/8]
    members: ["10.0.0.2", "10.0.0.3"]
    ports: 9100-9109
    epmd_port: 4369
    public: [4000/tcp]
    allow: [{port: 9187/tcp, from: [10.0.9.0/24]}]
    closed: [8443/tcp]
"""

    cluster: Annotated[str, Doc("whose part this is", check=_cluster, example="shop")]
    admin: Annotated[tuple[str, ...], Doc("networks that may reach SSH", check=check.admins, example=("10.0.0.0/8",))]
    members: Annotated[tuple[str, ...], Doc("addresses of the cluster's hosts", check=check.networks)] = ()
    ports: Annotated[str, Doc("distribution ports, open to members", check=check.port_or_range)] = "9100-9109"
    epmd_port: Annotated[int | None, Doc("EPMD's port, open to members; left out: none")] = None
    public: Annotated[tuple[str, ...], Doc("ports open to everyone, such as 4000/tcp", check=check.with_protocols)] = ()
    allow: Annotated[tuple[Allow, ...], Doc("ports open to some: {port: 9187/tcp, from: [10.0.9.0/24]}")] = ()
    closed: Annotated[
        tuple[str, ...], Doc("ports that answer today and may be shut, such as 8443/tcp", check=check.with_protocols)
    ] = ()
    takeover: Annotated[
        str | None,
        Doc(
            "a unit that is about to be stopped: the port that its node has taken at random is open to members alone, "
            "as it is when the unit has to run again"
        ),
    ] = None
    ssh_port: Annotated[int | None, Doc("one more port of SSH, beside those that are found")] = None
    confirm: Annotated[
        int, Doc("seconds in which a new login has to come through new rules, or they go back", check=check.seconds)
    ] = 60
    ssh_from_anywhere: Annotated[bool, Doc("everybody may reach SSH: admin may hold 0.0.0.0/0 or ::/0")] = False

    def __post_init__(self) -> None:
        Problems.check(self._contradictions([self.ssh_port or 22]))

    def _contradictions(self, ssh: Sequence[int]) -> Iterator[ConfigError]:
        allowed = [allow.port for allow in self.allow]
        words = {"admin": self.admin, "public": self.public, "allow": allowed, "closed": self.closed}
        found = check.contradictions(words, ssh, anywhere=self.ssh_from_anywhere)
        return (ConfigError(problem, hint=hint) for _, problem, hint in found)

    @cached_property
    def part(self) -> RulesPart:
        """This cluster's share of the rules."""
        named = {"admin": self.admin, "members": self.members}
        return RulesPart(
            cluster=self.cluster,
            admin=self.admin,
            members=_in_order(self.members),
            ports=self.ports,
            epmd_port=self.epmd_port,
            public=self.public,
            allow=tuple(
                (allow.port, tuple(network for word in allow.sources for network in named.get(word, (word,))))
                for allow in self.allow
            ),
            passing=PASSING if self.takeover else "",
        )

    @cached_property
    def _rules(self) -> str:
        return _written(self.part)

    def desired(self) -> Present:
        """Return the files, that the kernel holds what they say, and that SSH stays open."""
        files = {"rules": self._rules, "base": BASE, "unit": UNIT_TEXT}
        return Present({**files, "ssh": _OPEN, "loaded": "as written", "boot": "enabled"})

    def probe(self) -> Sh:
        """Print files, other clusters' rules, listening sockets, and whether the table is the one that was loaded."""
        place = f"{PLACE}/deployer.d"
        part, unit = f"{place}/{self.cluster}.nft", f"/etc/systemd/system/{UNIT}"
        base, ssh = f"{PLACE}/deployer.nft", f"{PLACE}/deployer.ssh"
        given = sh("part={} wanted={} noted={} service={}", part, self._rules, RULES_RECORD, unit)
        files = sh("base={} doors={} parts={}", base, ssh, place)
        return lines(
            show_unit(UNIT),
            library("sockets.sh", "deployer.sh"),
            script("holders.sh", "deployer.sh"),
            script("foreign.sh", "deployer.firewall"),
            given,
            files,
            script("firewall.sh"),
        )

    def parse(self, out: str) -> Observed:
        """Judge them.

        Raises:
            ConfigError: the rules would cut off this run, or shut ports that answer and are not written down, or open
                SSH to everybody; another cluster on the host has the same ports; or a table of others drops what is
                declared open.
        """
        found = records(out, *PROBED)
        seen, unit = Seen(found, self.ssh_port), properties(found["shown"])
        loaded = "as written" if _digests(found["recorded"]) == _digests(found["now"]) != [] else "something else"
        keys = {name: found[name] for name in ("rules", "base", "unit")}
        closed = ", ".join(map(str, seen.ssh_closed))
        state = {"ssh": f"shut: {closed}" if closed else _OPEN, "loaded": loaded}
        observed = Present({**keys, **state, "boot": unit["UnitFileState"] or "disabled"})
        meant = [*self.public, *self.closed, *(allow.port for allow in self.allow)]
        problems = [*seen.overlapping(self.ports), *seen.shut(self.part, meant, self.takeover), *seen.walled(self.part)]
        if observed != self.desired():
            problems += [*self._contradictions(sorted(seen.ssh)), *seen.cut_off(self.admin)]
        Problems.check(problems)
        if not found["nft"]:
            return Unknown("nftables is not installed: install the package nftables, by hand or in an earlier task")
        return observed if any(keys.values()) else Absent()

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Check everything together, write it, and load it in one transaction.

        Where only the rules differ, what is new is let in before any node starts, and what is declared no more is shut
        out when all hosts have had their turn: members that some of the others cannot reach would split a cluster.
        """
        if not changes:
            return ()
        if changes.keys() == {
            "ssh"
        }:  # it only opens, and the way in that the inventory knows may be the one that moved
            opens = self._load("open the ports of SSH", self._rules)
            return (replace(opens, text=lines(opens.text, _AT_ONCE), confirm=None),)
        if not ("rules" in changes and changes.keys() <= {"rules", "loaded"}):
            return (self._load("load the firewall", self._rules),)
        old = changes["rules"].before or ""  # empty where the parts of other clusters alone are there
        before, after = rules_of(old), rules_of(self._rules)
        if not takes_away(before, after):
            return (replace(self._load("open the firewall", self._rules), ahead=True),)
        close = replace(self._load("close the ports that are no longer declared", self._rules), late=True)
        if not takes_away(after, before):
            return (close,)
        return (replace(self._load("open the firewall", self.part.text(also=old)), ahead=True), close)

    def _load(self, what: str, rules: str) -> Step:
        names = sh("place={} cluster={} unit={}", PLACE, self.cluster, UNIT)
        keep = lines(script("confirm.sh", "deployer.firewall"), FAILED, names, script("keep.sh", "deployer.firewall"))
        given = sh(
            "rules={}\nbase={}\nunit_text={}\nmore={} within={}\n# shellcheck disable=SC2016\nkeep={}",
            rules, BASE, UNIT_TEXT, self.ssh_port or "", self.confirm, keep.text,
        )  # fmt: skip
        load = lines(
            script("pending.sh", "deployer.firewall"),
            library("sockets.sh", "deployer.sh"),
            names,
            given,
            script("load.sh", "deployer.firewall"),
        )
        return Step(what, load, confirm=self.confirm)

    def touches(self) -> tuple[str, ...]:
        """Return the files and the unit."""
        return (f"{PLACE}/deployer.nft", f"{PLACE}/deployer.ssh", f"{PLACE}/deployer.d/{self.cluster}.nft", UNIT)


# All hosts of a cluster have the same members and the same rules: each would spend on them what the fleet is large.
@lru_cache(maxsize=64)
def _in_order(members: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(members)))


@lru_cache(maxsize=64)
def _written(part: RulesPart) -> str:
    return part.text()


def _digests(text: str) -> list[str]:
    """Return the digests of what sha256sum has printed; of the name of what it read nothing is said."""
    return [line.partition(" ")[0] for line in text.splitlines()]


MODULE = Firewall

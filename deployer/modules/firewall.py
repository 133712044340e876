"""The host's firewall: one nftables table, each cluster's part in a file of its own, loaded in one transaction."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules._nft import BASE, DIGESTS, INCLUDE, PLACE, RECORD, UNIT, UNIT_TEXT, Part
from deployer.modules._unit import FAILED, properties, show
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Step, records
from deployer.sh import Sh, lines, sh

_NAME = re.compile(r"[a-z0-9_][A-Za-z0-9_-]{0,62}", re.ASCII)
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_HEAD = re.compile(r"# (ssh|ports) (\S+) (\S+)")

_PROBE = """
command -v nft >/dev/null || unknown 'nftables is not installed yet'
part={}
emit client "${{connection%% *}}"
emit shown "$shown"
emit unit "$(cat -- {} 2>/dev/null || :)"
emit base "$(cat -- {} 2>/dev/null || :)"
emit rules "$(cat -- "$part" 2>/dev/null || :)"
emit others "$(for other in {}/*.nft; do [ "$other" = "$part" ] || grep -hs '^# ' -- "$other" || :; done)"
emit recorded "$(cat -- {} 2>/dev/null || :)"
emit now "$({{ {}; }} 2>/dev/null)"
"""

_LOAD = """
umask 022
place={} cluster={} unit={}
put() {{
  printf '%s\\n' "$2" >"$1.new"
  sync -- "$1.new"
  mv -T -- "$1.new" "$1"
}}
mkdir -p -- "$place/deployer.d"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp -a -- "$place/deployer.d" "$work/"
printf '%s\\n' {} >"$work/deployer.d/$cluster.nft"
printf '%s\\ninclude "%s/deployer.d/*.nft"\\n' {} "$work" >"$work/deployer.nft"
nft -c -f "$work/deployer.nft"
cp -- "$work/deployer.d/$cluster.nft" "$place/deployer.d/$cluster.nft.new"
mv -T -- "$place/deployer.d/$cluster.nft.new" "$place/deployer.d/$cluster.nft"
put "$place/deployer.nft" {}
put "/etc/systemd/system/$unit" {}
systemctl enable --quiet --no-reload -- "$unit"
systemctl daemon-reload
systemctl restart -- "$unit" || failed
"""


def _cluster(text: str) -> str | None:
    return None if _NAME.fullmatch(text) else "write letters, digits, _ and -"


def _networks(given: tuple[str, ...]) -> str | None:
    for text in given:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            return f"{text!r}: {error}"
        if "%" in text:
            return f"{text!r}: a network has no zone"
    return None


def _admin(given: tuple[str, ...]) -> str | None:
    return _networks(given) if given else "name at least one network, or nobody could reach SSH"


def _ports(text: str) -> str | None:
    match = _PORTS.fullmatch(text)
    fine = match and 0 < int(match[1]) <= int(match[2] or match[1]) < 65536
    return None if fine else "write PORT or FIRST-LAST, between 1 and 65535"


def _public(given: tuple[str, ...]) -> str | None:
    for text in given:
        ports, _, protocol = text.partition("/")
        if protocol not in ("tcp", "udp") or _ports(ports):
            return f"{text!r}: write PORT/tcp or FIRST-LAST/udp"
    return None


@dataclass(frozen=True, kw_only=True)
class Firewall(Module):
    """Default drop; SSH from ``admin``, EPMD and distribution from ``members``, ``public`` ports from everywhere.

    The table is called ``inet deployer``; tables of others are never touched. Clusters that share a host add up: each
    has its part in ``/etc/nftables.d/deployer.d``. A ruleset that would not let this very run in again is refused.
    """

    EXAMPLE: ClassVar[str] = """\
- name: firewall
  firewall:
    cluster: shop
    admin: [10.0.0.0/8]
    members: ["10.0.0.2", "10.0.0.3"]
    ports: 9100-9109
    epmd_port: 4369
    public: [4000/tcp]
"""

    cluster: Annotated[str, Doc("whose part this is", check=_cluster, example="shop")]
    admin: Annotated[tuple[str, ...], Doc("networks that may reach SSH", check=_admin, example=("10.0.0.0/8",))]
    members: Annotated[tuple[str, ...], Doc("addresses of the cluster's hosts", check=_networks)] = ()
    ports: Annotated[str, Doc("distribution ports, open to members", check=_ports)] = "9100-9109"
    epmd_port: Annotated[int | None, Doc("EPMD's port, open to members; left out: none")] = None
    public: Annotated[tuple[str, ...], Doc("ports open to everyone, such as 4000/tcp", check=_public)] = ()
    ssh_port: Annotated[int, Doc("port of SSH")] = 22

    @property
    def part(self) -> Part:
        """This cluster's share of the rules."""
        return Part(
            cluster=self.cluster,
            ssh_port=self.ssh_port,
            admin=self.admin,
            members=tuple(sorted(set(self.members))),
            ports=self.ports,
            epmd_port=self.epmd_port,
            public=self.public,
        )

    def desired(self) -> Present:
        """Return the three files, and that the kernel holds what they say."""
        files = {"rules": self.part.text(), "base": f"{BASE}\n{INCLUDE}", "unit": UNIT_TEXT}
        return Present({**files, "loaded": "as written", "boot": "enabled"})

    def probe(self) -> Sh:
        """Print files, other clusters' needs, and whether the table is the one that was loaded."""
        place = f"{PLACE}/deployer.d"
        body = sh(
            _PROBE,
            f"{place}/{self.cluster}.nft",
            f"/etc/systemd/system/{UNIT}",
            f"{PLACE}/deployer.nft",
            place,
            RECORD,
            Sh(DIGESTS),
        )
        return lines(show(UNIT), body)

    def parse(self, out: str) -> Observed:
        """Judge them.

        Raises:
            ConfigError: the rules would cut off this run, or another cluster on the host has the same ports.
        """
        found = records(out)
        if not {"client", "shown", "unit", "base", "rules", "others", "recorded", "now"} <= found.keys():
            raise ProbeError("the probe of the firewall is incomplete")
        unit, others = properties(found["shown"]), list(_heads(found["others"]))
        self._check_ports(others)
        loaded = "as written" if found["recorded"] and found["recorded"] == found["now"] else "something else"
        keys = {name: found[name] for name in ("rules", "base", "unit")}
        observed = Present({**keys, "loaded": loaded, "boot": unit["UnitFileState"] or "disabled"})
        if observed != self.desired():
            self._check_client(found["client"], others)
        return observed if any(keys.values()) else Absent()

    def _check_client(self, client: str, others: list[tuple[str, str, str]]) -> None:
        if not client:
            return
        try:
            address = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            raise ProbeError(f"{client[:60]!r} is not the address of an SSH client") from None
        address = getattr(address, "ipv4_mapped", None) or address
        admin = [
            *self.admin,
            *(network for word, port, network in others if (word, port) == ("ssh", str(self.ssh_port))),
        ]
        if not address.is_loopback and not any(address in ipaddress.ip_network(network) for network in admin):
            hint = f"add {address} or its network to firewall.admin"
            raise ConfigError(f"firewall.admin does not hold {address}, where this run comes from", hint=hint)

    def _check_ports(self, others: list[tuple[str, str, str]]) -> None:
        mine = _range(self.ports)
        for word, ports, cluster in others:
            theirs = _range(ports)
            if word == "ports" and mine[0] <= theirs[1] and theirs[0] <= mine[1]:
                hint = "give each cluster on a host a range of its own"
                raise ConfigError(f"cluster.ports {self.ports} overlaps {ports} of {cluster} on this host", hint=hint)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Check everything together, write it, and load it in one transaction."""
        if not changes:
            return ()
        rules, base = self.part.text(), f"{BASE}\n{INCLUDE}"
        text = sh(_LOAD, PLACE, self.cluster, UNIT, rules, BASE, base, UNIT_TEXT)
        return (Step("load the firewall", lines(FAILED, text)),)

    def touches(self) -> tuple[str, ...]:
        """Return the files and the unit."""
        return (f"{PLACE}/deployer.nft", f"{PLACE}/deployer.d/{self.cluster}.nft", UNIT)


def _heads(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield what the first lines of other clusters' parts say; a line that does not hold together is not theirs."""
    for line in text.splitlines():
        match = _HEAD.fullmatch(line)
        if not match:
            continue
        word, one, two = match.groups()
        if (word == "ports" and not _ports(one)) or (word == "ssh" and not _networks((two,))):
            yield word, one, two


def _range(text: str) -> tuple[int, int]:
    return int(text.partition("-")[0]), int(text.rpartition("-")[2])


MODULE = Firewall

"""What the tables of others let in: a new connection is led through their chains, as nft lists them.

A rule is read as far as it speaks of what a first packet has: addresses, protocol, port, state. What is not understood
(marks, time, extensions of iptables) may match or not, and then both ways are followed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Truth = bool | None
_ENTER = re.compile(r"(table|chain|set|map|flowtable|ct \w+|quota|counter|limit)\s+(?:(\w+) )?(\S+) \{", re.ASCII)
_BASE = re.compile(r"type filter hook (?:input|prerouting|ingress) ", re.ASCII)
_ENDS = re.compile(r"(?:^| )(accept|drop|return|continue|reject(?: with .*)?|queue.*|(?:jump|goto) \S+)$", re.ASCII)
_VALUE = r"(?P<value>(?:vmap |!= |== )?(?:@\S+|\{[^}]*\}|\S+))"
_SAYS = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("", r"counter(?: packets \d+ bytes \d+)?"),
        ("", r'log(?: (?:prefix "[^"]*"|(?:level|group|snaplen) \S+|flags \S+(?: options)?))*'),
        ("protocol", rf"(?:meta l4proto|ip protocol|ip6 nexthdr) {_VALUE}"),
        ("family", rf"(?:meta nfproto) {_VALUE}"),
        ("interface", rf"(?:meta )?(?:iifname|iif) {_VALUE}"),
        ("address", rf"(?P<family>ip6?) (?P<which>[sd]addr) {_VALUE}"),
        ("port", rf"(?P<layer>tcp|udp|th|sctp|dccp) dport {_VALUE}"),
        ("state", rf"ct state {_VALUE}"),
        ("kind", rf"fib daddr type {_VALUE}"),
        ("never", rf"(?:ct status (?:dnat|snat)\b|icmp(?:v6)? (?:type|code) {_VALUE})"),
    )
)  # fmt: skip
_OWNERS = (("ufw6?-", "ufw"), ("filter_IN_", "firewalld"), ("f2b-", "fail2ban"), ("DOCKER", "docker"))
_ADDRESS = re.compile(r"[0-9a-f]*[.:][0-9a-f:.]*(?:/[0-9.]+)?", re.IGNORECASE)
_LEADS_TO = {"reject": "drop", "queue": "drop"}
_EITHER: tuple[tuple[Truth, str], ...] = ((None, "accept"), (None, "drop"))


@dataclass(frozen=True, slots=True)
class Packet:
    """The first one of a connection; ``target`` is the address of the host, where that is known."""

    source: Address
    protocol: str
    port: int
    target: Address | None = None


@dataclass(slots=True)
class Table:
    """A table of others: the rules of its chains, the elements of its sets, and its base chains with their policy."""

    family: str
    name: str
    chains: dict[str, list[str]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """Whose it is, as far as its names tell; may be empty."""
        names = (self.name, *self.chains)
        known = (owner for start, owner in _OWNERS if any(re.match(start, name) for name in names))
        return next(known, "iptables" if {"INPUT", "PREROUTING"} & self.chains.keys() else "")

    def called(self, base: str) -> str:
        """Return how one of its base chains is named to a person."""
        whose = f" ({self.owner})" if self.owner else ""
        policy = f", policy {self.bases[base]}" if self.bases[base] != "accept" else ""
        return f"table {self.family} {self.name}{whose}, chain {base}{policy}"

    def edges(self) -> list[int]:
        """Return, in order, where the addresses begin that rules and sets may tell from those before."""
        said = (text for lines in (*self.chains.values(), self.sets.values()) for text in lines)
        found = set[int]()
        for word in {word for text in said for word in _ADDRESS.findall(text)}:
            with suppress(ValueError):
                network = ipaddress.ip_network(word, strict=False)
                found |= {int(network[0]), int(network[-1]) + 1}
        return sorted(found)

    def verdict(self, base: str, packet: Packet) -> Truth:
        """Return whether a base chain lets a packet in; None where that is not known."""
        if self.family in ("ip", "ip6") and self.family != _family(packet):
            return True
        ends = self._follow(base, packet, 0)
        ends = {self.bases[base] if end == "return" else end for end in ends}
        return None if len(ends) > 1 else "drop" not in ends

    def _follow(self, chain: str, packet: Packet, depth: int) -> set[str]:
        ends: set[str] = set()
        if depth > 32 or chain not in self.chains:
            return {"accept", "drop"}
        for rule in self.chains[chain]:
            for fits, action in self._read(rule, packet):
                word, _, name = action.partition(" ")
                found = {_LEADS_TO.get(word, word)}
                if word in ("jump", "goto"):
                    found = self._follow(name, packet, depth + 1)
                elif word == "queue":
                    found = {"accept", "drop"}
                through = not found or (word == "jump" and "return" in found)
                ends |= found - {"return"} if word == "jump" else found
                if fits and not through:
                    return ends
        return ends | {"return"}

    def _read(self, rule: str, packet: Packet) -> Iterator[tuple[Truth, str]]:
        """Yield what a rule may do with a packet: True, or None for perhaps; and its action."""
        rule = re.sub(r' comment "[^"]*"$', "", rule)
        ends = _ENDS.search(rule)
        rest = rule[: ends.start()] if ends else rule
        truth: Truth = True
        while rest := rest.strip():
            what, match = next(((what, m) for what, says in _SAYS if (m := says.match(rest))), ("", None))
            if match is None:
                if rest.startswith("vmap "):
                    yield from _EITHER
                    return
                truth, rest = truth and None, rest.partition(" ")[2]
                continue
            rest = rest[match.end() :]
            said = match.groupdict()
            value = said.get("value") or ""
            if value.startswith("vmap"):
                yield from self._choose(what, value, said, packet, truth)
                return
            truth = _both(truth, self._fits(what, value, said, packet))
            if truth is False:
                return
        if ends and ends[1] != "continue":
            yield truth, ends[1]

    def _choose(
        self, what: str, value: str, said: dict[str, str | None], packet: Packet, truth: Truth
    ) -> Iterator[tuple[Truth, str]]:
        """Yield the actions of a verdict map; of one that is not listed, or that programs fill, either."""
        name = value.removeprefix("vmap ").strip()
        listed = self.sets.get(name[1:], "") if name.startswith("@") else name
        if not listed:
            yield from _EITHER
            return
        for pair in listed.partition("{")[2].rstrip("} ").split(","):
            key, _, action = pair.strip().rpartition(" : ")
            fits = _both(truth, self._fits(what, key, said, packet))
            if fits is not False:
                yield fits, action

    def _fits(self, what: str, value: str, said: dict[str, str | None], packet: Packet) -> Truth:
        if what in ("", "never"):
            return what == ""
        if (what == "address" and said["family"] != _family(packet)) or (
            what == "port" and said["layer"] not in ("th", packet.protocol)
        ):
            return False
        turned, value = value.startswith("!= "), value.removeprefix("!= ").removeprefix("== ")
        if value.startswith("@"):
            value = self.sets.get(value[1:], "?")
        found = [_is(what, one.strip(), said, packet) for one in value.strip("{} ").split(",") if one.strip()]
        truth = True if True in found else None if None in found else False
        return truth if truth is None else truth != turned


def _is(what: str, one: str, said: dict[str, str | None], packet: Packet) -> Truth:
    if one == "." or " . " in one:  # several things of a packet are compared together
        return None
    one = one.partition(" ")[0]
    try:
        match what:
            case "protocol":
                return one in (packet.protocol, {"tcp": "6", "udp": "17"}[packet.protocol])
            case "family":
                return one == {"ip": "ipv4", "ip6": "ipv6"}[_family(packet)]
            case "interface":
                return False if one.strip('"') == "lo" else None
            case "state":
                return None if one == "untracked" else one == "new"
            case "kind":
                return one == "local"
            case "port":
                low, _, high = one.partition("-")
                return int(low) <= packet.port <= int(high or low)
            case _:
                address = packet.source if said["which"] == "saddr" else packet.target
                return None if address is None else _within(address, one)
    except ValueError:
        return None


def _within(address: Address, text: str) -> bool:
    first, dash, last = text.partition("-")
    if dash:
        return int(ipaddress.ip_address(first)) <= int(address) <= int(ipaddress.ip_address(last))
    return address in ipaddress.ip_network(text)


def _both(one: Truth, other: Truth) -> Truth:
    return False if one is False or other is False else None if one is None or other is None else True


def _family(packet: Packet) -> str:
    return "ip" if packet.source.version == 4 else "ip6"


def tables(text: str) -> tuple[Table, ...]:
    """Read what ``nft list table`` printed of several tables; what makes no sense is left out."""
    found: list[Table] = []
    kind = name = ""
    for line in _whole(text):
        if enter := _ENTER.fullmatch(line):
            kind, name = enter[1], enter[3]
            if kind == "table":
                found.append(Table(enter[2] or "ip", name))
            elif kind == "chain" and found:
                found[-1].chains[name] = []
        elif line == "}" or not found:
            kind = "" if kind != "table" else kind
        elif kind == "chain" and _BASE.match(line):
            policy = re.search(r"policy (\w+);", line)
            found[-1].bases[name] = policy[1] if policy else "accept"
        elif kind == "chain":
            found[-1].chains[name].append(line)
        elif kind in ("set", "map") and line.startswith("elements = "):
            found[-1].sets[name] = line.removeprefix("elements = ")
    return tuple(found)


def _whole(text: str) -> Iterator[str]:
    """Yield the lines; elements that go over several are one."""
    open_line = ""
    for raw in text.splitlines():
        open_line = f"{open_line} {raw.strip()}".strip()
        if open_line.startswith("elements = ") and open_line.count("{") > open_line.count("}"):
            continue
        if open_line:
            yield open_line
        open_line = ""

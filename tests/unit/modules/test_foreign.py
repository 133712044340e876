"""The tables of others: what they drop of what is declared open, read as nft lists them on real hosts."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from deployer.firewall.foreign import Packet, Table, tables
from deployer.firewall.let_in import closed_demands, demands, everyone, walls

DATA = Path(__file__).parents[2] / "data/nft"
HOST = ipaddress.ip_address("10.77.4.4")
PUBLIC, MEMBERS = ("4000/tcp", "443/tcp", "53/udp"), ("10.77.4.2", "10.77.4.3", "10.77.4.4")


def wanted(*public: str) -> list:
    """What a usual host declares: public ports, SSH from here, the distribution from members."""
    ssh = demands("this machine", ["192.0.2.99"], ["22/tcp"], HOST)
    return [*everyone(public or PUBLIC, HOST), *ssh, *demands("", MEMBERS, ["9100-9109/tcp"], HOST)]


LEFT = {
    "ufw": (
        (
            "table ip filter (ufw), chain INPUT, policy drop, drops 4000/tcp, 443/tcp, 53/udp from everyone; "
            "9100-9109/tcp from 10.77.4.2, 10.77.4.3"
        ),
        "ufw allow 4000/tcp, and likewise for the others",
    ),
    "firewalld": (
        (
            "table inet firewalld (firewalld), chain filter_INPUT, drops 4000/tcp, 443/tcp, 53/udp from everyone; "
            "9100-9109/tcp from 10.77.4.2, 10.77.4.3"
        ),
        "firewall-cmd --permanent --add-port=4000/tcp; firewall-cmd --reload, and likewise for the others",
    ),
    "iptables": (
        (
            "table ip filter (iptables), chain INPUT, policy drop, drops 4000/tcp, 53/udp from everyone; "
            "9100-9109/tcp from 10.77.4.3"
        ),
        (
            "iptables -I INPUT -p tcp --dport 4000 -j ACCEPT, and in the file that they are kept in, "
            "and likewise for the others"
        ),
    ),
    "fail2ban": (
        "table inet f2b-table (fail2ban), chain f2b-chain, drops 22/tcp from this machine",
        "see nft list table inet f2b-table",
    ),
}


@pytest.mark.parametrize("owner", LEFT)
def test_a_table_of_others_is_named_with_what_it_drops_and_the_remedy(owner: str) -> None:
    (wall,) = walls((DATA / f"{owner}.txt").read_text(), wanted())
    assert (str(wall), wall.remedy) == LEFT[owner]


def test_docker_drops_nothing_that_comes_to_the_host_itself() -> None:
    assert walls((DATA / "docker.txt").read_text(), wanted()) == ()


def test_what_is_let_in_for_one_address_is_remedied_for_one_address() -> None:
    text = (DATA / "firewalld.txt").read_text()
    (error,) = closed_demands(text, demands("", ["10.77.4.2"], ["9100-9109/tcp"], HOST))
    rule = "rule family=ipv4 source address=10.77.4.2 port port=9100-9109 protocol=tcp accept"
    assert f"firewall-cmd --permanent --add-rich-rule='{rule}'" in error.hint


def test_what_is_let_in_for_a_network_is_remedied_for_all_of_it() -> None:
    text = (DATA / "ufw.txt").read_text()
    (error,) = closed_demands(text, demands("", ["10.0.9.0/24"], ["9187/tcp"], HOST))
    assert "ufw allow proto tcp from 10.0.9.0/24 to any port 9187;" in error.hint


def chain(*rules: str, policy: str = "accept", more: str = "") -> str:
    body = "\n".join(f"\t\t{rule}" for rule in rules)
    base = f"\t\ttype filter hook input priority 0; policy {policy};"
    return f"table inet x {{\n{more}\tchain in {{\n{base}\n{body}\n\t}}\n}}"


def verdict(text: str, source: str = "9.9.9.9", port: int = 4000, protocol: str = "tcp") -> bool | None:
    (table,) = tables(text)
    return table.verdict("in", Packet(ipaddress.ip_address(source), protocol, port, HOST))


SET = "\tset bad {\n\t\ttype ipv4_addr\n\t\telements = { 9.9.9.8,\n\t\t\t     9.9.9.9 timeout 1h expires 3m }\n\t}\n"
MAP = "\tmap ports {\n\t\ttype inet_service : verdict\n\t\telements = { 22 : accept,\n\t\t\t     4000 : %s }\n\t}\n"
BARE = "\tmap ports {\n\t\ttype inet_service : verdict\n\t}\n"
SUB = "\tchain sub {\n\t\ttcp dport 4000 return\n\t\tdrop\n\t}\n"
RULES = {
    "nothing": (chain(), True),
    "policy drop": (chain(policy="drop"), False),
    "a port": (chain("tcp dport 4000 accept", policy="drop"), True),
    "another port": (chain("tcp dport 4001 accept", policy="drop"), False),
    "ports": (chain("tcp dport { 80, 3999-4001 } counter packets 3 bytes 4 accept", policy="drop"), True),
    "not a port": (chain("tcp dport != 22 drop"), False),
    "the other protocol": (chain("udp dport 4000 accept", policy="drop"), False),
    "either protocol": (chain("meta l4proto { tcp, udp } th dport 4000 accept", policy="drop"), True),
    "a state that a first packet has not": (chain("ct state established,related accept", policy="drop"), False),
    "its state": (chain("ct state new accept", policy="drop"), True),
    "states in a map": (
        chain("ct state vmap { established : accept, invalid : drop, new : accept }", policy="drop"),
        True,
    ),
    "ports in a map": (chain("tcp dport vmap { 22 : accept, 4000 : drop }"), False),
    "a map by its name": (chain("tcp dport vmap @ports", policy="drop", more=MAP % "accept"), True),
    "a map by its name that drops": (chain("tcp dport vmap @ports", more=MAP % "drop"), False),
    "a map that programs fill": (chain("tcp dport vmap @ports", policy="drop", more=BARE), None),
    "a map of what is not read": (chain("ip saddr . tcp dport vmap { 9.9.9.9 . 4000 : accept }", policy="drop"), None),
    "protocol and port together": (chain("meta l4proto . th dport { tcp . 4000 } accept", policy="drop"), None),
    "port and protocol together": (chain("th dport . meta l4proto { 4000 . tcp } drop"), None),
    "a map of protocol and port": (chain("ip protocol . th dport vmap { tcp . 4000 : drop }"), None),
    "a map of state and port": (chain("ct state . tcp dport vmap { new . 4000 : drop }"), None),
    "loopback": (chain('iifname "lo" accept', policy="drop"), False),
    "some interface": (chain('iifname "eth0" accept', policy="drop"), None),
    "not loopback": (chain('iifname != "lo" drop'), False),
    "its network": (chain("ip saddr 9.0.0.0/8 drop"), False),
    "another network": (chain("ip saddr { 10.0.0.0/8, 192.168.0.0-192.168.0.9 } drop"), True),
    "the other family": (chain("ip6 saddr ::/0 drop", "meta nfproto ipv6 drop"), True),
    "a set": (chain("ip saddr @bad drop", more=SET), False),
    "a set that is not there": (chain("ip saddr @good accept", policy="drop"), None),
    "to the host": (chain("ip daddr 10.77.4.4 tcp dport 4000 accept", policy="drop"), True),
    "to another": (chain("ip daddr 10.77.4.9 accept", policy="drop"), False),
    "a log": (chain('log prefix "no entry: " level warn flags all drop comment "drop accept"'), False),
    "a limit": (chain("limit rate over 10/second drop"), None),
    "an extension": (chain('xt match "recent" accept', policy="drop"), None),
    "a chain that returns": (chain("jump sub", "accept", policy="drop", more=SUB), True),
    "a chain that goes on": (chain("goto sub", "accept", policy="drop", more=SUB), False),
    "a chain that is not there": (chain("jump nowhere"), None),
    "reject": (chain("reject with icmpx admin-prohibited"), False),
    "icmp": (chain("icmp type { echo-request } accept", policy="drop"), False),
    "addressed to it": (chain("fib daddr type local counter accept", policy="drop"), True),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_read_as_far_as_a_first_packet_can_tell(name: str) -> None:
    text, expected = RULES[name]
    assert verdict(text) is expected


def test_a_table_of_ipv4_says_nothing_of_ipv6() -> None:
    text = (DATA / "ufw.txt").read_text()
    assert walls(text, everyone(PUBLIC, ipaddress.ip_address("fd00::4"))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage }",
        "}\n}",
        "table ip x {",
        "chain y {\n drop\n}",
        "table ip x {\n\tchain y {\n\t\ttype filter hook input",
    ],
)
def test_what_makes_no_sense_drops_nothing(text: str) -> None:
    assert walls(text, wanted()) == ()


ROUND_10_0_0_0 = ["9.255.255.255", *(f"10.0.0.{i}" for i in range(18)), "10.0.1.0", "10.1.0.0", "11.0.0.0", "::1"]
TELLING = {
    "networks": "ip saddr { 10.0.0.0/30, 10.0.0.8/31 } drop",
    "ranges": "ip saddr 10.0.0.3-10.0.0.9 drop",
    "what it is not": "ip saddr != 10.0.0.4 drop",
    "sets": "ip saddr @some drop",
    "targets": "ip daddr 10.77.4.4 ip saddr 10.0.0.0/8 drop",
    "maps": "ip saddr vmap { 10.0.0.5 : drop, 10.0.0.6 : accept, 10.0.1.0 : drop }",
}


@pytest.mark.parametrize("kind", TELLING)
def test_sources_that_no_rule_tells_apart_are_led_through_it_once_and_judged_as_each_would_be(kind: str) -> None:
    some = "\tset some {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.7, 10.0.0.12-10.0.0.14 }\n\t}\n"
    text = chain(TELLING[kind], more=some)
    dropped = {one.who for wall in walls(text, demands("", ROUND_10_0_0_0, ["4000/tcp"], HOST)) for one in wall.lost}
    assert dropped == {source for source in ROUND_10_0_0_0 if verdict(text, source) is False} != set()


@pytest.mark.parametrize("owner", [*LEFT, "docker"])
def test_a_thousand_members_are_no_more_ways_through_a_table_than_ten(owner: str, monkeypatch) -> None:
    text, led = (DATA / f"{owner}.txt").read_text(), []
    plain = Table.verdict
    monkeypatch.setattr(Table, "verdict", lambda *given: led.append(given) or plain(*given))
    ways = []
    for count in (10, 1000):
        led.clear()
        walls(text, demands("", [f"10.9.{i // 250}.{i % 250}" for i in range(count)], ["9100-9109/tcp"], HOST))
        ways.append(len(led))
    assert ways[0] == ways[1] > 0

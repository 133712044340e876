"""A firewall as it is declared, and what a host says of it."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.firewall.nft import BASE, UNIT_TEXT
from deployer.firewall.openings import Allow
from deployer.model import Observed
from deployer.modules.firewall import Firewall

WALL = Firewall(
    cluster="shop",
    admin=("10.0.0.0/8", "fd00::/8"),
    members=("10.0.0.3", "10.0.0.2", "10.0.0.2"),
    ports="9100-9109",
    epmd_port=4369,
    public=("4000/tcp", "53/udp", "443/tcp"),
    allow=(Allow(port="9187/tcp", sources=("10.0.9.0/24",)), Allow(port="161/udp", sources=("admin",))),
)
SSHD = "elements = { 22, 2222 }"
LISTENING = "tcp 00000000:0016 11\ntcp 00000000000000000000000000000000:0016 12"
SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=exited
UnitFileState=enabled
FragmentPath=/etc/systemd/system/deployer-firewall.service
DropInPaths=
NeedDaemonReload=no"""
RULES = """\
# Written by deployer for the cluster shop.
# admin 10.0.0.0/8
# admin fd00::/8
# ports 9100-9109 shop
table inet deployer {
	chain cluster_shop {
		ip saddr { 10.0.0.0/8 } tcp dport @ssh accept
		ip6 saddr { fd00::/8 } tcp dport @ssh accept
		ip saddr { 10.0.0.2/31 } tcp dport { 4369, 9100-9109 } accept
		ip saddr { 10.0.9.0/24 } tcp dport { 9187 } accept
		ip saddr { 10.0.0.0/8 } udp dport { 161 } accept
		ip6 saddr { fd00::/8 } udp dport { 161 } accept
		tcp dport { 443, 4000 } accept
		udp dport { 53 } accept
	}
	chain input {
		jump cluster_shop
	}
}"""


def told(wall: Firewall = WALL, *, shown: str = SHOWN, **keys: str) -> str:
    good = {
        "nft": "/usr/sbin/nft",
        "connection": "10.1.2.3 50000 10.0.0.2 22",
        "shown": shown,
        "unit": UNIT_TEXT,
        "base": BASE,
        "ssh": SSHD,
        "sockets": LISTENING,
        "serving": "22\n22",
        "foreign": "",
        "rules": wall.part.text(),
        "others": "",
        "recorded": "a -\nb -",
        "now": "a -\nb -",
    }
    return "".join(f"{key}={value}\x1e" for key, value in {**good, **keys}.items())


def came(client: str, port: int = 22) -> str:
    return f"{client} 50000 10.0.0.2 {port}" if client else ""


def differing(out: str, wall: Firewall = WALL) -> list[str]:
    return list(wall.differences(wall.parse(out)))


NGINX = "tcp 00000000:20FB 21"
HELD = "21 412 0::/system.slice/nginx.service nginx"


def first(*sockets: str, holders: str = HELD, wall: Firewall = WALL, **keys: str) -> Observed:
    """What a host without any firewall of ours gets to hear."""
    asked = {"holders": holders, "activated": "", "rules": "", "sockets": "\n".join((LISTENING, *sockets))}
    return wall.parse(told(wall, **{**asked, **keys}))


def refusal(*sockets: str, wall: Firewall = WALL, **keys: str) -> str:
    with pytest.raises(ConfigError) as caught:
        first(*sockets, wall=wall, **keys)
    return str(caught.value)

"""A bridge per lab, and a network namespace per host that hangs on it.

Everything is named ``dl-LAB`` or ``dl-LAB-INDEX``; nothing else is ever touched. Addresses are 10.77.NET.0/24 and
fd77:0:0:NET::/64: the controller is 1, the first host 2, in both, and a host keeps its addresses and its hardware
address over a reset, so that no neighbour's table goes stale.
"""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path

from deployer.errors import ConfigError
from deployer.lab import state
from deployer.lab.programs import run_program

_NAMESPACES = Path("/run/netns")
_LINKS = Path("/sys/class/net")


def bridge(lab: str) -> str:
    """The name of a lab's bridge."""
    return f"dl-{lab}"


def lab_port(lab: str, index: int) -> str:
    """The name of a host's namespace, and of this machine's end of its cable."""
    return f"dl-{lab}-{index}"


def lab_address(net: int, index: int) -> str:
    """The address of a host; index 0 is the controller."""
    return f"10.77.{net}.{index + 1}"


def address6(net: int, index: int) -> str:
    """The IPv6 address of a host, which reads as its other one: ``fd77:0:0:5::12`` beside ``10.77.5.12``."""
    return f"fd77:0:0:{net}::{index + 1}"


def free_net() -> int:
    """A NET whose 10.77.NET.0/24 no interface, route or other lab uses.

    Raises:
        ConfigError: all 254 are taken.
    """
    told = json.loads(run_program("ip", "-j", "-4", "route", "show", "table", "all") or "[]")
    taken = [_network(route["dst"]) for route in told if route.get("dst", "default") != "default"]
    for name in state.lab_names():
        lab = state.read_state(name)
        if lab is not None:
            taken.append(_network(f"10.77.{lab.net}.0/24"))
    for net in range(1, 255):
        if not any(_network(f"10.77.{net}.0/24").overlaps(other) for other in taken):
            return net
    raise ConfigError("no free network in 10.77.0.0/16 for a lab")


def _network(text: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(text, strict=False)


def open_bridge(lab: str, net: int) -> None:
    """Make the lab's bridge and the controller's address on it; keeps one that is there."""
    name = bridge(lab)
    if name not in links():
        run_program("ip", "link", "add", name, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    run_program("ip", "addr", "replace", f"{lab_address(net, 0)}/24", "dev", name)
    # Nobody else can have it, and nobody should wait until that has been asked.
    run_program("ip", "addr", "replace", f"{address6(net, 0)}/64", "dev", name, "nodad")
    run_program("ip", "link", "set", name, "up")


def plug(lab: str, net: int, index: int, *, ipv6: bool) -> None:
    """Make a host's namespace and cable: an interface ``host0`` inside, up and addressed. Must not exist yet."""
    name = lab_port(lab, index)
    mac = f"02:4d:00:00:{net:02x}:{index:02x}"
    run_program("ip", "netns", "add", name)
    if not ipv6:
        off = "for each in all default; do echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; done"
        run_program("ip", "netns", "exec", name, "sh", "-c", off)
    run_program(
        "ip",
        "-batch",
        "-",
        text=f"""\
link add {name} type veth peer name host0 address {mac} netns {name}
link set {name} master {bridge(lab)} up
""",
    )
    run_program(
        "ip",
        "-n",
        name,
        "-batch",
        "-",
        text=f"""\
link set lo up
addr add {lab_address(net, index)}/24 dev host0
{f"addr add {address6(net, index)}/64 dev host0 nodad" if ipv6 else ""}
link set host0 up
""",
    )


def unplug(lab: str, index: int) -> None:
    """Take a host's cable and namespace away, with every firewall rule in it."""
    name = lab_port(lab, index)
    if name in links():
        # By hand: a namespace's own end is removed by the kernel some time later, and its name is wanted again now.
        run_program("ip", "link", "del", name, codes=(0, 1))
    if (_NAMESPACES / name).exists():
        run_program("ip", "netns", "del", name)


def close_network(lab: str) -> None:
    """Remove everything of the lab's network, also what no list remembers."""
    of_lab = re.compile(rf"dl-{lab}-(\d+)")
    places = [place.name for place in _NAMESPACES.glob("*")] if _NAMESPACES.is_dir() else []
    for index in {int(found[1]) for name in (*places, *links()) if (found := of_lab.fullmatch(name))}:
        unplug(lab, index)
    if bridge(lab) in links():
        run_program("ip", "link", "del", bridge(lab))


def links() -> set[str]:
    """The names of this machine's interfaces."""
    return {place.name for place in _LINKS.iterdir()}


def is_plugged(lab: str, index: int) -> bool:
    """Whether a host's namespace is there, and its cable hangs on the lab's bridge."""
    name = lab_port(lab, index)
    return (_NAMESPACES / name).exists() and (_LINKS / bridge(lab) / "brif" / name).exists()

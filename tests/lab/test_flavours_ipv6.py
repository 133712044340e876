"""A cluster that speaks IPv6 alone: SSH, node names, EPMD, distribution, firewall and health check."""

from __future__ import annotations

from tests.lab.fleet import fleet_of, open_ports, untouched, walk

_RULE = "nft -a list chain inet deployer cluster_demo | sed -n 's/.*ip6 saddr.*9100.*handle //p'"
CLOSE = f'nft delete rule inet deployer cluster_demo handle "$({_RULE})"'


def test_a_cluster_over_ipv6(lab, demo_release, tmp_path, ssh):
    one, two, stranger = untouched(lab, 3)
    fleet = fleet_of(
        tmp_path, (one, two), demo_release("0.1.0"), env={"PORT": "4000", "DEMO_BIND": "::"},
        firewall={"admin": [lab.subnet, lab.subnet6]},
        health={"http": "http://[::1]:4000/health", "timeout": 60, "stable": 1},
    )  # fmt: skip
    fleet.of = {host.name: {"ansible_host": host.address6} for host in (one, two)}
    walk(fleet, ssh, CLOSE, ["firewall"])
    me = one.address6
    names = f'{{:"demo@{me}", [:"demo@{two.address6}"]}}\n'
    assert ssh(one, "demo-ctl rpc 'IO.puts(inspect({node(), Node.list()}))'") == (0, names)
    knock = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{me}/9100'"
    assert ssh(two, knock) == (0, "")
    assert ssh(stranger, knock)[0] == 124, "it is no member of the cluster"
    other = lab.subnet6.removesuffix("/64") + "ffff"
    assert ssh(one, f"nft flush ruleset; ip addr add {other}/64 dev host0 nodad") == (0, "")
    assert [open_ports(address) for address in (me, other, one.address)] == [{4369, 9100}, set(), set()]

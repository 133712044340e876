"""Long names with a host name behind the @, and short names, each from an untouched host to a fixed drift."""

from __future__ import annotations

from tests.lab.fleet import fleet_of, health, untouched, walk


def test_nodes_named_after_host_names_that_the_hosts_know(lab, demo_release, tmp_path, ssh):
    pair = untouched(lab, 2)
    fleet = fleet_of(tmp_path, pair, demo_release("0.1.0"))
    for host in pair:
        fleet.of[host.name] = {"nodes": [{"name": "demo", "host": host.fqdn}]}
    drift = f"sed -i 's/@{pair[0].fqdn}/@{pair[0].address}/' /etc/beam/demo/private/demo.env && systemctl restart demo"
    walk(fleet, ssh, drift, ["environment => demo", "nodes"])
    assert health(pair[0])[1]["nodes"] == [f"demo@{pair[1].fqdn}"]
    assert ssh(pair[0], "demo-ctl rpc 'IO.puts(node())'") == (0, f"demo@{pair[0].fqdn}\n")


def test_short_names_on_a_fixed_port(lab, demo_release, tmp_path, ssh):
    pair = untouched(lab, 2)
    cookie = {"file": str(tmp_path / "cookie")}
    cluster = {"name": "demo", "cookie": cookie, "mesh": "boot", "names": "short", "ports": "9150"}
    fleet = fleet_of(tmp_path, pair, demo_release("0.1.0"), cluster=cluster)
    drift = "sed -i s/9150/9160/g /etc/beam/demo/demo.vm.args && systemctl restart demo"
    walk(fleet, ssh, drift, ["flags of the node => demo", "nodes"])
    assert health(pair[0])[1]["nodes"] == [f"demo@{pair[1].name}"]
    assert ssh(pair[0], "demo-ctl rpc 'IO.puts(node())'") == (0, f"demo@{pair[0].name}\n")
    assert "name demo at port 9150" in ssh(pair[0], "/usr/local/lib/beam/epmd -names")[1]

"""TLS where everything else is another flavour too: Debian 13 with OTP 27, IPv6 alone, and no EPMD."""

from __future__ import annotations

import json

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from tests.lab.fleet import fleet_of, open_ports, walk
from tests.lab.person import logged_in
from tests.lab.window_kit import Window

PEM = "/etc/beam/demo/private/demo.pem"
PEERS = "demo-ctl rpc 'IO.puts(inspect({node(), Node.list()}))'"
KIND = "-proto_dist inet6_tls"


def test_tls_over_ipv6_without_epmd_on_debian_13(lab_of, demo_app, tmp_path, ssh, eventually):
    lab = lab_of("default", "default", suites=["trixie"])
    one, two = lab.hosts
    fleet = fleet_of(
        tmp_path, (one, two), labs.build_app(demo_app, suite="trixie", out=tmp_path),
        env={"PORT": "4000", "DEMO_BIND": "::"}, nodes=[{"name": "demo", "port": 9100}],
        firewall={"admin": [lab.subnet, lab.subnet6]},
        health={"http": "http://[::1]:4000/health", "timeout": 60, "stable": 1},
    )  # fmt: skip
    fleet.words["cluster"] |= {"epmd": False, "tls": True, "pki": {"passphrase": {"env": "PKI"}}}
    fleet.environ["PKI"] = "a passphrase that is long enough"
    fleet.of = {host.name: {"ansible_host": host.address6} for host in (one, two)}
    assert fleet.show("tls init").code == 0

    first = walk(fleet, ssh, f"cp {PEM} /root/ && sed -i 's/^.*CERT.*$//' {PEM}", ["certificate => demo", "nodes"])
    for host, other in ((one, two), (two, one)):
        assert first.rungs(host) == dict.fromkeys(Rung, True) | {4: None}
        assert ssh(host, PEERS) == (0, f'{{:"demo@{host.address6}", [:"demo@{other.address6}"]}}\n')
        assert KIND in ssh(host, "tr '\\0' ' ' </proc/$(systemctl show -p MainPID --value demo)/cmdline")[1]
        remote = logged_in(fleet, host, "demo-ctl remote")
        remote.waits_for(f"iex(demo@{host.address6})")
        remote.leaves()
        assert ssh(host, "ps -C epmd -o pid=; ls /etc/systemd/system | grep epmd") == (1, "")
        assert (open_ports(host.address6), open_ports(host.address)) == (set(), set()), "for members only"
    assert "OTP 27" in first.of("RungRead", host=one.name, rung=Rung.VERSIONS)[0]["detail"]

    window = Window(fleet)
    asked = window("rpc", "all", "Node.list()")
    assert (asked.code, asked.out.count(f'[:"demo@{one.address6}"]')) == (0, 1), asked.err
    top = [json.loads(line) for line in window("top", "--once", "--json").out.splitlines()]
    assert [(node["otp"], node["connected"]) for node in top] == [("27", 1)] * 2
    seen = window("trace", "web1", ":erlang.nodes/0", "--for", "1s")
    assert (seen.code, "the time is over" in seen.err) == (0, True), seen.err
    console = window.person("console", "web2")
    console.waits_for(f"iex({window.node('web2')})1>")
    console.types("String.to_atom(System.otp_release())\r")
    console.waits_for(':"27"')
    console.leaves()
    left = "ps -eo args | grep '[r]em-.*-demo'; systemctl list-units --no-legend 'demo-ctl-*'"
    eventually(lambda: ssh(two, left)[1] == "")

"""Wrong states of a fleet, each made for real on lab hosts: what is done, which rung names it, and in which words.

`test_ladder` makes them and asks the real command line; docs/ladder.md is this table; those with a reading are held to
the same words by the quick tests.
"""

from __future__ import annotations

from typing import Any

from deployer.engine.ladder.outcome import Outcome
from deployer.engine.ladder.reading import PeerView
from deployer.engine.ladder.rung import Rung
from tests.lab.wrong_kit import Wrong
from tests.lab.wrong_units import OFF, ON, UNITS
from tests.unit.engine.judging_kit import asked, lacks_web3
from tests.unit.engine.ladder_kit import dist, reading, registration

EPMD, NAME = Rung.EPMD, Rung.NAME
REACH, COOKIE, MESH, VERSIONS, HEALTH = Rung.REACH, Rung.COOKIE, Rung.MESH, Rung.VERSIONS, Rung.HEALTH


def _health(**how: Any) -> dict[str, Any]:
    return {"health": {"timeout": 1, "stable": 0, **how}}


_HOT = """rpc 'Application.stop(:demo)
  {:ok, [{:application, _, kv}]} = :file.consult(:code.where_is_file(~c"demo.app"))
  Application.unload(:demo)
  :application.load({:application, :demo, Keyword.put(kv, :vsn, ~c"0.0.9")})
  {:ok, _} = Application.ensure_all_started(:demo)'"""
_HTTP_400 = "485454502f312e3120343030"
_TLS_ALERT = "15030300020228"

WRONG: dict[str, Wrong] = {
    **UNITS,

    # 4 EPMD answers
    "EPMD is stopped": Wrong(
        EPMD,
        "systemctl stop beam-epmd@4369", "nothing listens on port 4369", "systemctl start beam-epmd@4369.service"),
    "EPMD listens on loopback only": Wrong(
        EPMD, "other_epmd -address 127.0.0.1", "it is open on 127.0.0.1, ::1 only", "cluster.bind"),
    "EPMD is frozen": Wrong(
        EPMD, "kill -STOP $(epmd_pid)", "did not finish its answer before the deadline",
        "systemctl restart beam-epmd@4369.service", undo="kill -CONT $(epmd_pid)", restart=False),
    "another program has EPMD's port": Wrong(
        EPMD, f"systemctl stop beam-epmd@4369; rogue say 4369 {_HTTP_400}", "answered with opcode", "ss -ltnp",
        seen=reading(epmd="answered with opcode 72, not with 119")),

    # 5 name registered
    "EPMD restarted and the node does not come back": Wrong(
        NAME, "forgotten", "is alive but demo is not registered; EPMD has nothing", "systemctl restart demo.service"),
    "another program took the node's name": Wrong(
        NAME,
        "forgotten; rogue squat demo 9105", "demo is registered at port 9105, which demo.service does not listen on",
        "another process has registered the name in EPMD: find it with ss", seen=reading(epmd=registration(9105))),
    "another program took its name, and listens": Wrong(
        NAME, "forgotten; rogue squat demo 9107; rogue deaf 9107", "port 9107, which demo.service does not listen on",
        "another process has registered the name in EPMD: find it with ss"),
    "it listens outside of the declared range": Wrong(
        NAME, "sed -i 's/_min 9100/_min 9200/; s/_max 9109/_max 9209/' $flags; systemctl restart demo",
        "is registered at port 9200, outside of 9100-9109", "systemctl restart demo.service"),
    "it runs under another name": Wrong(
        NAME,
        """sed -i 's/^RELEASE_NODE="demo@/RELEASE_NODE="shop@/' $env; once ExecStartPost=; systemctl restart demo;"""
        " port_opens 9100", "demo is not registered; EPMD has shop (port 9100)", "another name"),

    # 6 reachable from every member
    "the firewall drops one member": Wrong(
        REACH,
        "shut ip saddr $a tcp dport 9100-9109 ct state new drop", "from {host_a}: port 9100 no answer", "firewall",
        restart=False, alone=True),
    "the firewall rejects one member": Wrong(
        REACH, "shut ip saddr $a tcp dport 9100-9109 ct state new reject with tcp reset",
        "from {host_a}: port 9100 connection refused", "firewall", restart=False, alone=True,
        seen=reading(reach={"web2": "port 9100 connection refused", "web3": ""})),
    "another firewall lets in SSH alone": Wrong(
        REACH, "table input filter 10; nft add rule ip rogue input ct state established,related accept; nft add rule ip"
        " rogue input iifname lo accept; nft add rule ip rogue input tcp dport 22 accept; nft add chain ip rogue input"
        " '{ policy drop; }'",
        "from {host_a}: port … no answer … table ip rogue, chain input, policy drop, drops … from {host_a}",
        "that deployer did not write drops it: see nft list table ip rogue", restart=False, alone=True),
    "another firewall shuts a public port": Wrong(
        REACH, "shut tcp dport 4000 reject",
        "public, from {host_a}: port 4000 … table ip rogue, chain input, drops 4000/tcp from everyone",
        "a firewall table of this host that deployer did not write", restart=False, alone=True),
    "the firewall drops EPMD's port": Wrong(
        REACH, 'shut ip saddr "{ $a, $c }" tcp dport 4369 drop',
        "from {host_a}: port 4369 no answer … from {host_c}: port 4369 no answer",
        "a firewall table of this host that deployer did not write",
        restart=False, alone=True),
    "a member may not open connections": Wrong(
        REACH, "table output filter -5; nft add rule ip rogue output tcp dport 9100-9109 ct state new drop",
        "from {host_b}: port 9100 no answer", "what {host_b} may open", restart=False, alone=True, node="a"),
    "the distribution listens on loopback only": Wrong(
        REACH,
        "sed -i 's/interface {[0-9,]*}/interface {127,0,0,1}/' $flags; once ExecStartPost=; systemctl restart demo;"
        " until /usr/local/lib/beam/epmd -names | grep -q demo.at; do sleep 0.2; done",
        "the node listens on 127.0.0.1 only", "inet_dist_use_interface"),

    # 7 cookie accepted
    "the node has another cookie": Wrong(
        COOKIE, "rpc 'Node.set_cookie(:another_cookie_than_that_which_was_declared)'", "rejects the declared cookie",
        "deployer cookie rotate gives it to all nodes",
        seen=asked("wrong cookie", "it rejects the declared cookie", Outcome.WRONG_COOKIE.advice)),
    "an impostor has the port": Wrong(
        COOKIE, "rogue impostor 9199 demo@$me; detour redirect to :9199", "cannot prove that it knows the cookie",
        "rotate the cookie", restart=False),
    "the node lets only some names in": Wrong(
        COOKIE, """rpc ':net_kernel.allow([:"nobody@10.0.0.1"])'""", "does not let … in", "net_kernel:allow"),
    "the node hangs": Wrong(
        COOKIE, "rpc ':sys.suspend(:net_kernel)'", "is not alive … not a byte came", "the node hangs"),
    "another node has the port": Wrong(
        COOKIE,
        "detour dnat to $c:9100", "the port belongs to 'demo@{c}', not to demo@{b}", "another node took the port",
        restart=False, alone=True),
    "nobody answers on the port": Wrong(
        COOKIE, "rogue say 9199; detour redirect to :9199", "nobody answers as demo@{me}", "no node behind the port",
        restart=False),
    "the port demands TLS": Wrong(
        COOKIE, f"rogue say 9199 {_TLS_ALERT}; detour redirect to :9199", "the port demands TLS", "TLS distribution",
        restart=False),
    "no Erlang node has the port": Wrong(
        COOKIE, f"rogue say 9199 {_HTTP_400}; detour redirect to :9199", "it is no Erlang node", "something else",
        restart=False),

    # 8 sees every member
    "two nodes lost each other": Wrong(
        MESH, "lose $c", "demo@{b} does not see demo@{c} (nor does demo@{c} see demo@{b})", "Node.connect", alone=True,
        seen=lacks_web3(PeerView(nodes=("shop@10.0.0.2",)))),
    "the same, seen from the other side": Wrong(
        MESH, "lose $c", "demo@{c} does not see demo@{b} (nor does demo@{b} see demo@{c})", "Node.connect", alone=True,
        node="c"),
    "a node hides": Wrong(
        MESH, """echo -hidden >>$flags; systemctl restart demo; rpc "Node.connect(:\\"demo@$a\\")" """,
        "demo@{b} does not see demo@{a} (connected, but hidden)", "-hidden", alone=True),
    "a member's node is down": Wrong(
        MESH, "systemctl stop demo", "demo@{a} does not see demo@{b} (demo@{b} fails rung 2: demo.service is inactive",
        "fix demo@{b} first", alone=True, node="a"),
    "a member's host is off": Wrong(
        MESH, OFF, "demo@{a} does not see demo@{b} (its host {host_b}: … did not answer", "fix demo@{b} first",
        undo=ON, alone=True, node="a", at="controller"),

    # 9 versions as declared
    "the node says another version": Wrong(
        VERSIONS,
        """rpc 'System.put_env("RELEASE_VSN", "0.0.9")'""", "runs version 0.0.9, declared is 0.1.0", "deploy again"),
    "an application was changed in the running node": Wrong(
        VERSIONS, _HOT, "demo 0.0.9 runs, the release has 0.1.0", "systemctl restart demo.service"),
    "the release's application does not run": Wrong(
        VERSIONS, "rpc 'Application.stop(:demo)'", "the application demo does not run, although the node does",
        "systemctl restart demo.service", seen=reading(dist=dist(applications={"kernel": "8"}))),

    # 10 healthy
    "the health page says 503": Wrong(
        HEALTH, "unhealthy true", "answers 503", "journalctl", undo="unhealthy false", restart=False,
        seen=reading(health="GET /health answers 503")),
    "nobody serves the health page": Wrong(HEALTH, "no_page", "nobody listens", "journalctl"),
    "the health page hangs": Wrong(HEALTH, "no_page; rogue deaf 4000", "no answer in 5 s", "journalctl"),
    "the declared TCP port is closed": Wrong(
        HEALTH, ":", "127.0.0.1:4001: nobody listens", "journalctl", restart=False,
        words=_health(tcp="127.0.0.1:4001")),
    "the expression is false": Wrong(
        HEALTH, "unhealthy true", "gives false, not true", "", undo="unhealthy false", restart=False,
        words=_health(expr="not Application.fetch_env!(:demo, :unhealthy)")),
    "the expression raises": Wrong(
        HEALTH, ":", "boom", "", restart=False, words=_health(expr='raise "boom"')),
    "the node ends soon after its start": Wrong(
        HEALTH, "set_env DEMO_CRASH_AT_CHECK 6; systemctl restart demo; meshed",
        "did not stay up for 60 s: all was well, then", "says why it ended", alone=True,
        words=_health(http="http://127.0.0.1:4000/health", stable=60)),
}  # fmt: skip

_OURS = "rm -f $pem $ca; cp -p /root/kept/demo.pem $pem; cp -p /root/kept/ca.pem $ca"
TLS: dict[str, Wrong] = {
    "over TLS: the node speaks plain text": Wrong(
        COOKIE, "sed -i '/^-proto_dist/d; /^-ssl_dist/d' $flags; systemctl restart demo",
        "demo@{me} answers in plain text, and the cluster is declared with TLS", "nodes with and without never mix"),
    "over TLS: its certificate is of another authority": Wrong(
        COOKIE, "shows foreign", "signed by another authority", "deploy gives it one", undo=_OURS),
    "over TLS: its certificate has expired": Wrong(
        COOKIE, "shows expired", "not valid today: certificate has expired", "deploy renews it", undo=_OURS),
    "over TLS: its certificate is another host's": Wrong(
        COOKIE, "shows other", "names another host", "it was installed on the wrong host", undo=_OURS),
    "over TLS: the node trusts another authority": Wrong(
        COOKIE, "rm -f $ca; cp /root/kept/foreign-ca.pem $ca; chmod 0644 $ca; systemctl restart demo",
        "does not take our certificate: unknown ca", "the node trusts another authority", undo=_OURS),
}  # fmt: skip
"""What `test_tls` makes on a fleet with ``cluster.tls: true``; `test_tls` says what is in /root/kept."""

"""Wrong states of a fleet, each made for real on lab hosts: what is done, which rung names it, and in which words.

`test_ladder` makes them and asks the real command line; docs/ladder.md is this table. In the sh text, ``$me`` is the
address of the host it runs on, ``$a``, ``$b`` and ``$c`` are those of all three hosts; see `PREAMBLE` for the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deployer.engine.ladder.rung import Rung

_HERE = Path(__file__).parent
PREAMBLE = "\n" + (_HERE / "wrong_states.sh").read_text()

RESTORE = "\n" + (_HERE / "wrong_states_restore.sh").read_text()
"""What is the same after every wrong state; each adds what is its own."""

START = "systemctl kill -s KILL demo.service || :; systemctl restart beam-epmd@4369.service demo.service\n"
HOST, UNIT, RELEASE, EPMD, NAME = Rung.HOST, Rung.UNIT, Rung.RELEASE, Rung.EPMD, Rung.NAME
REACH, COOKIE, MESH, VERSIONS, HEALTH = Rung.REACH, Rung.COOKIE, Rung.MESH, Rung.VERSIONS, Rung.HEALTH
Where = Literal["host", "controller"]


@dataclass(frozen=True)
class Wrong:
    """One wrong state.

    Attributes:
        rung: the one that fails.
        inject: sh text, as root on one of the hosts; with ``at`` "controller", on this machine, where
            $port is the host's cable and $init its systemd.
        says: words of the rung's detail, in order; ``…`` stands for any.
        advice: words of its advice.
        undo: sh text beside `RESTORE`.
        restart: the node is started again afterwards.
        alone: it reaches beyond its host, so it is not made together with others.
        words: words of the fleet that differ on its host for this reading.
        node: whose rung it is: the host's own, or the one of another host (``a``, where the host is ``b``).
        away: the undo needs another way in than ssh.
    """

    rung: Rung
    inject: str
    says: str
    advice: str
    undo: str = ""
    restart: bool = True
    alone: bool = False
    words: Mapping[str, Any] = field(default_factory=dict)
    node: str = ""
    at: Where = "host"
    away: bool = False


def _health(**how: Any) -> dict[str, Any]:
    return {"health": {"timeout": 1, "stable": 0, **how}}


_HOT = """rpc 'Application.stop(:demo)
  {:ok, [{:application, _, kv}]} = :file.consult(:code.where_is_file(~c"demo.app"))
  Application.unload(:demo)
  :application.load({:application, :demo, Keyword.put(kv, :vsn, ~c"0.0.9")})
  {:ok, _} = Application.ensure_all_started(:demo)'"""
_OFF = 'nsenter -t "$init" -a systemctl stop demo; ip link set "$port" down'
_ON = 'ip link set "$port" up'
_HTTP_400 = "485454502f312e3120343030"
_TLS_ALERT = "15030300020228"

WRONG: dict[str, Wrong] = {
    # 1 host reachable
    "the host is off": Wrong(
        HOST, _OFF, "did not answer within 2 s", "is it up", undo=_ON, alone=True, at="controller"),
    "sshd is stopped": Wrong(
        HOST, "systemctl stop ssh.socket ssh.service", "Connection refused", "is sshd running",
        undo="systemctl start ssh.service", restart=False, away=True),
    "the host shows another key": Wrong(
        HOST, "cd /etc/ssh; mv ssh_host_ed25519_key /root/kept/; ssh-keygen -qt ed25519 -N '' -f ssh_host_ed25519_key;"
        " systemctl restart ssh", "the key of {me} is not the known one; nothing was sent to it", "",
        undo="mv /root/kept/ssh_host_ed25519_key /etc/ssh/; systemctl restart ssh", restart=False,
        away=True),
    "our key was taken off the host": Wrong(
        HOST, "mv /root/.ssh/authorized_keys /root/kept/", "root may not log in", "add the key to the host",
        undo="mv /root/kept/authorized_keys /root/.ssh/", restart=False, away=True),

    # 2 unit active: what systemd says
    "the unit is missing": Wrong(
        UNIT, "systemctl stop demo; rm /etc/systemd/system/demo.service; systemctl daemon-reload",
        "demo.service does not exist", "deploy"),
    "the unit is stopped": Wrong(
        UNIT, "systemctl stop demo", "demo.service is inactive (dead)", "systemctl start demo"),
    "the unit is masked": Wrong(
        UNIT, "systemctl stop demo; ln -sf /dev/null /etc/systemd/system/demo.service; systemctl daemon-reload",
        "demo.service is masked", "systemctl unmask demo.service"),
    "the application raises at its start": Wrong(
        UNIT, "once; set_env DEMO_CRASH 1; fails",
        "the application demo did not start … DEMO_CRASH is set: refusing to start", "fix that in the release"),
    "the journal lags behind the node": Wrong(
        UNIT, "once; set_env DEMO_CRASH 1; journald=$(systemctl show -p MainPID --value systemd-journald);"
        " kill -STOP $journald; fails; (sleep 4; kill -CONT $journald) >/dev/null 2>&1 &",
        "the application demo did not start … DEMO_CRASH is set: refusing to start", "fix that in the release"),
    "the node crashes again and again": Wrong(
        UNIT, "set_env DEMO_CRASH 1; loops", "a crash loop … DEMO_CRASH is set", "fix that in the release"),
    "systemd has given up on it": Wrong(
        UNIT, "set_env DEMO_CRASH 1; drop_in Unit StartLimitBurst=1 '[Service]' RestartSec=0.2; fails;"
        " until systemctl is-failed --quiet demo; do sleep 0.2; done",
        "systemd has given up … DEMO_CRASH is set", "fix that in the release"),
    "the start takes long": Wrong(
        UNIT, "set_env DEMO_SLOW_START 60000; starts", "is still starting for", "unit.TimeoutStartSec"),

    # 2 unit active: why it does not start
    "no distribution port is free": Wrong(
        UNIT, "once; systemctl stop demo; sed -i s/_max.9109/_max\\ 9100/ $flags; rogue deaf 9100; fails",
        "the distribution port is taken", "ss -ltnp"),
    "the application's own port is taken": Wrong(
        UNIT, "once; systemctl stop demo; rogue deaf 4000; fails",
        "a port that the application itself listens on is taken", "ss -ltnp"),
    "another node has the name": Wrong(
        UNIT, "once; systemctl stop demo; rogue squat demo 9105; fails", "another node is registered as demo@{me}",
        "stop the other node"),
    "runtime.exs asks for a variable": Wrong(
        UNIT, """once; cd $live/releases/0.1.0; echo 'System.fetch_env!("DATABASE_URL")' >>runtime.exs
        fails_saying 'variable "DATABASE_URL"'""",
        "the environment variable DATABASE_URL, which is not set", "declare DATABASE_URL under env",
        undo="sed -i /DATABASE_URL/d $live/releases/0.1.0/runtime.exs"),
    "RELEASE_TMP cannot be written": Wrong(
        UNIT,
        "once; sed -i s/CONFIG=false/CONFIG=true/ $live/releases/0.1.0/sys.config; set_env RELEASE_TMP /no; fails",
        "wants to write its runtime configuration and may not", "RELEASE_TMP must be a directory of the node's user",
        undo="sed -i s/CONFIG=true/CONFIG=false/ $live/releases/0.1.0/sys.config"),
    "the cookie file is open to others": Wrong(
        UNIT, "once ExecStartPre='chmod 0644 /run/beam/demo/.erlang.cookie'; fails",
        "the cookie file can be read by others", "0400"),
    "the cookie file is gone": Wrong(
        UNIT, "once; rm /etc/beam/demo/private/cookie; fails", "systemd cannot read", "deploy again"),
    "a NIF cannot be loaded": Wrong(
        UNIT, "once; cd $live/lib/crypto-*/priv/lib; keep crypto.so; truncate -s 0 crypto.so; fails",
        "native … cannot be loaded", "on the hosts' distribution",
        undo="cp -p /root/kept/crypto.so $live/lib/crypto-*/priv/lib/"),
    "the release needs a newer glibc": Wrong(
        UNIT, "once; systemctl stop demo; cd $live/erts-*/bin; keep beam.smp; sed -i s/GLIBC_2.34/GLIBC_2.99/ beam.smp;"
        " fails",
        "GLIBC_2.99 is not on this host", "oldest distribution",
        undo="cd $live/erts-*/bin; rm beam.smp; cp -p /root/kept/beam.smp ."),
    "the start script cannot be executed": Wrong(
        UNIT, "once; chmod a-x $live/bin/demo; fails", "cannot execute the release's start script", "noexec",
        undo="chmod a+x $live/bin/demo"),
    "there is no EPMD at its start": Wrong(
        UNIT, "once; systemctl mask --runtime --quiet --now beam-epmd@4369.service; fails", "no EPMD answers",
        "cluster.epmd_port"),
    "a flag in vm.args is no term": Wrong(
        UNIT, "once; echo '-kernel net_ticktime [' >>$flags; fails", "a flag in vm.args", "nodes.vm_args"),

    # 3 runs the declared release
    "the release before still runs": Wrong(
        RELEASE, "cd /opt/demo; cp -a $live versions/0.0.9-00000000; ln -sfn versions/0.0.9-00000000 current;"
        " systemctl restart demo; ln -sfn versions/${live##*/} current",
        "runs /opt/demo/versions/0.0.9-00000000, not /opt/demo/versions/", "systemctl restart demo.service",
        undo="systemctl stop demo; rm -rf /opt/demo/versions/0.0.9-00000000"),
    "its files were replaced under it": Wrong(
        RELEASE, "cp -a $live $live.new; rm -rf $live; mv -T $live.new $live",
        "runs a program that was deleted or replaced on the disk", "systemctl restart demo"),
    "the unit runs something else": Wrong(
        RELEASE, "once ExecStart= 'ExecStart=/bin/sleep infinity' ExecStartPost=; systemctl restart demo",
        "demo.service runs /usr/bin/sleep, no Erlang node", "systemctl cat demo.service"),
    "the node was frozen by a signal": Wrong(
        RELEASE, "kill -STOP $(main)", "is stopped by a signal: it is alive and does nothing", "kill -CONT",
        undo="kill -CONT $(main)", restart=False),

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
        EPMD, f"systemctl stop beam-epmd@4369; rogue say 4369 {_HTTP_400}", "answered with opcode", "ss -ltnp"),

    # 5 name registered
    "EPMD restarted and the node does not come back": Wrong(
        NAME, "forgotten", "is alive but demo is not registered; EPMD has nothing", "systemctl restart demo.service"),
    "another program took the node's name": Wrong(
        NAME,
        "forgotten; rogue squat demo 9105", "demo is registered at port 9105, which demo.service does not listen on",
        "another process took the name in EPMD: find it with ss"),
    "another program took its name, and listens": Wrong(
        NAME, "forgotten; rogue squat demo 9107; rogue deaf 9107", "port 9107, which demo.service does not listen on",
        "another process took the name in EPMD: find it with ss"),
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
        "from {host_a}: port 9100 connection refused", "firewall", restart=False, alone=True),
    "another firewall lets in SSH alone": Wrong(
        REACH, "table input filter 10; nft add rule ip rogue input ct state established,related accept; nft add rule ip"
        " rogue input iifname lo accept; nft add rule ip rogue input tcp dport 22 accept; nft add chain ip rogue input"
        " '{ policy drop; }'",
        "from {host_a}: port … no answer … table ip rogue, chain input, policy drop, drops … from {host_a}",
        "a table that is not ours and that is in the way: see nft list table ip rogue", restart=False, alone=True),
    "another firewall shuts a public port": Wrong(
        REACH, "shut tcp dport 4000 reject",
        "public, from {host_a}: port 4000 … table ip rogue, chain input, drops 4000/tcp from everyone",
        "a table that is not ours", restart=False, alone=True),
    "the firewall drops EPMD's port": Wrong(
        REACH, 'shut ip saddr "{ $a, $c }" tcp dport 4369 drop',
        "from {host_a}: port 4369 no answer … from {host_c}: port 4369 no answer", "the firewall of this host",
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
        "deployer cookie rotate gives it to all nodes"),
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
        MESH, "lose $c", "demo@{b} does not see demo@{c} (nor does demo@{c} see demo@{b})", "Node.connect", alone=True),
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
        MESH, _OFF, "demo@{a} does not see demo@{b} (its host {host_b}: … did not answer", "fix demo@{b} first",
        undo=_ON, alone=True, node="a", at="controller"),

    # 9 versions as declared
    "the node says another version": Wrong(
        VERSIONS,
        """rpc 'System.put_env("RELEASE_VSN", "0.0.9")'""", "runs version 0.0.9, declared is 0.1.0", "deploy again"),
    "an application was changed in the running node": Wrong(
        VERSIONS, _HOT, "demo 0.0.9 runs, the release has 0.1.0", "systemctl restart demo.service"),
    "the release's application does not run": Wrong(
        VERSIONS, "rpc 'Application.stop(:demo)'", "the application demo does not run, although the node does",
        "systemctl restart demo.service"),

    # 10 healthy
    "the health page says 503": Wrong(
        HEALTH, "unhealthy true", "answers 503", "journalctl", undo="unhealthy false", restart=False),
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

"""Every wrong state of a node is told by its own rung, with the cause and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from deployer.engine.ladder.reading import NodeReading, PeerView
from deployer.engine.ladder.rung import Rung
from tests.unit.engine.judging_kit import asked, judged, lacks_web3
from tests.unit.engine.ladder_kit import EXE, dist, reading, registration, target, unit


@dataclass(frozen=True)
class Wrong:
    """A wrong state: what is read, and the rung and words that must tell it."""

    rung: Rung
    says: str
    advice: str = ""
    seen: Any = None
    wanted: Any = None


HOST, UNIT, RELEASE, EPMD, NAME = Rung.HOST, Rung.UNIT, Rung.RELEASE, Rung.EPMD, Rung.NAME
REACH, COOKIE, MESH, VERSIONS, HEALTH = Rung.REACH, Rung.COOKIE, Rung.MESH, Rung.VERSIONS, Rung.HEALTH
OLD = EXE.replace("1.4.2-0123abcd", "1.4.1-deadbeef")


def of_unit(**changed: Any) -> NodeReading:
    return reading(unit=unit(**changed))


def sees(*nodes: str) -> NodeReading:
    return reading(dist=dist(nodes=nodes))


SHUT = "port 9100 no answer in 3 s"
BOOT, NO_EPMD = target(mesh="boot"), target(epmd_port=None)
WRONG = {
    "host lost": Wrong(HOST, "the connection broke", "", NodeReading(lost="the connection broke")),
    "host not read": Wrong(UNIT, "the host was not read", "", NodeReading()),
    "unit missing": Wrong(UNIT, "shop.service does not exist", "node role", of_unit(loaded=False)),
    "foreign unit missing": Wrong(
        UNIT,
        "shop.service does not exist on this host",
        "nodes.service is a unit that deployer does not install",
        of_unit(loaded=False),
        target(foreign=True, release_dir=None),
    ),
    "unit stopped": Wrong(UNIT, "inactive (dead)", "journalctl -u shop", of_unit(active="inactive", sub="dead")),
    "unit failed": Wrong(
        UNIT,
        "failed (failed), 5 restarts, last result exit-code",
        "journalctl",
        of_unit(active="failed", sub="failed", restarts=5, result="exit-code"),
    ),
    "unit restarting": Wrong(UNIT, "activating (auto-restart)", "", of_unit(active="activating", sub="auto-restart")),
    "killed by the watchdog": Wrong(UNIT, "result watchdog", "", of_unit(active="failed", result="watchdog")),
    "unit stopping": Wrong(UNIT, "deactivating (stop-sigterm)", "", of_unit(active="deactivating", sub="stop-sigterm")),
    "unit starts for the third time": Wrong(
        UNIT,
        "2 restarts, last result exit-code: a crash loop",
        "journalctl",
        of_unit(active="activating", sub="start-post", restarts=2, result="exit-code"),
    ),
    "unit starts slowly": Wrong(
        UNIT,
        "still starting for 42 s",
        "unit.TimeoutStartSec",
        of_unit(active="activating", sub="start-post", since=42.0),
    ),
    "no node in the unit": Wrong(
        RELEASE,
        "shop.service runs /bin/sleep, not an Erlang node",
        "systemctl cat",
        of_unit(pid=0, exe="", main="/bin/sleep"),
    ),
    "frozen": Wrong(RELEASE, "process 4711 is stopped by a signal", "kill -CONT 4711", of_unit(state="T")),
    "no process": Wrong(RELEASE, "no process", "", of_unit(pid=0, exe="")),
    "old release runs": Wrong(
        RELEASE, "runs /opt/shop/versions/1.4.1-deadbeef, not", "systemctl restart", of_unit(exe=OLD)
    ),
    "another build runs": Wrong(RELEASE, "1.4.2-ffffffff, not", "", of_unit(exe=EXE.replace("0123abcd", "ffffffff"))),
    "foreign erlang": Wrong(
        RELEASE, "runs /usr/lib/erlang, not", "", of_unit(exe="/usr/lib/erlang/erts-13/bin/beam.smp")
    ),
    "epmd refuses": Wrong(
        EPMD, "10.0.0.1:4369: nobody listens", "declared address", reading(epmd="nobody listens there")
    ),
    "epmd hangs": Wrong(EPMD, "10.0.0.1:4369: no answer", "epmd unit", reading(epmd="no answer")),
    "epmd garbles": Wrong(EPMD, "bytes that no EPMD sends", "", reading(epmd="bytes that no EPMD sends")),
    "epmd on loopback only": Wrong(
        EPMD,
        "it is open on 127.0.0.1 only",
        "10.0.0.1 (cluster.bind)",
        reading(epmd="nobody listens there", unit=unit(listening="9/0100007F:1111 8/0100000A:238C")),
    ),
    "no epmd": Wrong(
        EPMD,
        "nothing listens on port 4369",
        "systemctl start the epmd unit",
        reading(epmd="nobody listens there", unit=unit(listening="8/0100000A:238C")),
    ),
    "epmd knows another": Wrong(
        NAME,
        "shop is not registered; EPMD has blog (port 9100)",
        "another name",
        reading(epmd=None, listed="blog (port 9100)"),
    ),
    "not registered": Wrong(
        NAME, "process 4711 is alive but shop is not registered", "another name", reading(epmd=None)
    ),
    "port below the range": Wrong(
        NAME, "at port 9099, outside of 9100-9109", "inet_dist_listen_min", reading(epmd=registration(9099))
    ),
    "port above the range": Wrong(NAME, "at port 9110, outside of 9100-9109", "", reading(epmd=registration(9110))),
    "a member is shut out": Wrong(REACH, f"from web3: {SHUT}", "firewall", reading(reach={"web2": "", "web3": SHUT})),
    "all members are shut out": Wrong(
        REACH, f"from web2: {SHUT}; from web3: {SHUT}", "", reading(reach={"web3": SHUT, "web2": SHUT})
    ),
    "a table of others is in the way": Wrong(
        REACH,
        f"from web3: {SHUT}; table ip filter (ufw), chain INPUT, drops 9100-9109/tcp from web3",
        "a firewall table of this host that deployer did not write drops it: ufw disable",
        reading(
            reach={"web2": "", "web3": SHUT},
            walls=("table ip filter (ufw), chain INPUT, drops 9100-9109/tcp from web3",),
            wall_advice="ufw disable",
        ),
    ),
    "a public port is shut by a table of others": Wrong(
        REACH,
        "public, from web2: port 4000 no answer in 3 s; table ip x, chain y, drops 4000/tcp from everyone",
        "see nft",
        reading(
            outside={"web2": "port 4000 no answer in 3 s"},
            walls=("table ip x, chain y, drops 4000/tcp from everyone",),
            wall_advice="see nft",
        ),
    ),
    "node on loopback only": Wrong(
        REACH,
        "the node listens on 127.0.0.1 only",
        "inet_dist_use_interface",
        reading(reach={"web2": "port 9100 connection refused"}, unit=unit(listening="8/0100007F:238C")),
    ),
    "wrong cookie": Wrong(
        COOKIE, "the cookie is not ours", "compare", asked("wrong cookie", "the cookie is not ours", "compare")
    ),
    "impostor": Wrong(
        COOKIE, "does not know the cookie", "rotate", asked("impostor", "does not know the cookie", "rotate it")
    ),
    "name not allowed": Wrong(
        COOKIE, "not allowed", "net_kernel", asked("not allowed", "not allowed", "net_kernel:allow")
    ),
    "another node": Wrong(COOKIE, "another node answers", "", asked("wrong node", "another node answers")),
    "hangs in the handshake": Wrong(COOKIE, "does not answer", "", asked("not alive", "does not answer")),
    "nobody behind the port": Wrong(COOKIE, "nobody answers", "", asked("nobody answers", "nobody answers")),
    "no erlang behind the port": Wrong(COOKIE, "no handshake", "", asked("protocol", "no handshake")),
    "still booting": Wrong(
        COOKIE, "has not finished its start", "", asked("starting", "it has not finished its start")
    ),
    "gone between two looks": Wrong(
        COOKIE, "nobody listens at", "", asked("refused", "nobody listens at 10.0.0.1:9100")
    ),
    "no epmd, wrong cookie": Wrong(COOKIE, "not ours", "", asked("wrong cookie", "the cookie is not ours"), NO_EPMD),
    "one missing from the mesh": Wrong(
        MESH, "shop@10.0.0.1 does not see shop@10.0.0.3", "cluster.mesh: boot", sees("shop@10.0.0.2")
    ),
    "sees nobody": Wrong(MESH, "does not see shop@10.0.0.2, shop@10.0.0.3", "connect its nodes itself", sees()),
    "sees only strangers": Wrong(MESH, "does not see shop@10.0.0.2", "", sees("evil@10.0.0.9")),
    "sees nobody though it connects at boot": Wrong(MESH, "does not see", "", sees(), BOOT),
    "neither sees the other": Wrong(
        MESH,
        "does not see shop@10.0.0.3 (nor does shop@10.0.0.3 see shop@10.0.0.1)",
        "Node.connect",
        lacks_web3(PeerView(nodes=("shop@10.0.0.2",))),
        BOOT,
    ),
    "the other sees it": Wrong(
        MESH,
        "does not see shop@10.0.0.3 (shop@10.0.0.3 sees shop@10.0.0.1)",
        "",
        lacks_web3(PeerView(nodes=("shop@10.0.0.1", "shop@10.0.0.2"))),
    ),
    "hidden from it": Wrong(
        MESH,
        "shop@10.0.0.3 (connected, but hidden)",
        "-hidden",
        lacks_web3(PeerView(nodes=()), hidden=("shop@10.0.0.3",)),
    ),
    "the other is down": Wrong(
        MESH,
        "shop@10.0.0.3 (it fails rung 2)",
        "fix shop@10.0.0.3 first",
        lacks_web3(PeerView(trouble="it fails rung 2")),
    ),
    "another version of an application": Wrong(
        VERSIONS,
        "plug 1.0 runs, the release has 1.1",
        "hot upgrade",
        reading(dist=dist(applications={"shop": "1.4.2", "plug": "1.0"})),
        target(applications={"shop": "1.4.2", "plug": "1.1", "iex": "1"}),
    ),
    "its application has ended": Wrong(
        VERSIONS,
        "the application shop does not run",
        "systemctl restart shop.service",
        reading(dist=dist(applications={"kernel": "8"})),
        target(applications={"shop": "1.4.2", "kernel": "8"}),
    ),
    "old version by the node": Wrong(
        VERSIONS, "runs version 1.4.1, declared is 1.4.2", "deploy again", reading(dist=dist(version="1.4.1"))
    ),
    "another otp": Wrong(VERSIONS, "runs OTP 27, the release was built for OTP 25", "", reading(dist=dist(otp="27"))),
    "unhealthy": Wrong(HEALTH, "answers 503", "journalctl -u shop.service", reading(health="GET /health answers 503")),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_state_is_told_by_its_rung(name: str) -> None:
    wrong = WRONG[name]
    bad = judged(wrong.wanted or target(), wrong.seen, wrong.rung)
    assert wrong.says in bad.detail
    assert wrong.advice in bad.advice


def test_there_are_wrong_states_enough() -> None:
    assert len(WRONG) >= 25

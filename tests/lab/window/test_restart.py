"""restart, stop and start: in batches, drained, and only when enough are left."""

from __future__ import annotations

import json

from deployer.engine.ladder.rung import Rung
from tests.lab.conftest import Ssh
from tests.lab.fleet import Ran
from tests.lab.window_kit import ALL, Window, journal


def test_nodes_are_restarted_in_batches_and_stopped_only_when_enough_are_left(window: Window, ssh: Ssh) -> None:
    def lives() -> dict[str, str]:
        return {name: ssh(host, "systemctl show -p MainPID --value demo")[1] for name, host in window.hosts.items()}

    def events(ran: Ran, kind: str) -> list[dict[str, object]]:
        return [one for one in map(json.loads, ran.out.splitlines()) if one["event"] == kind]

    hook = "echo {} {{{{ inventory_hostname }}}} $(systemctl show -p MainPID --value demo) >>/root/hooks".format
    hooks = {"before_switch": [{"name": "drain", "shell": hook("away")}], "after_start": [
        {"name": "undrain", "shell": hook("back")}]}  # fmt: skip
    own = window.fleet.play({"name": "ours", "hosts": "all", "become": True, "serial": "{{ rollout.serial }}",
                             "roles": ["release", "node"], "hooks": hooks})  # fmt: skip
    before, one_at_a_time = lives(), "{rollout: {serial: 1, min_healthy: 3}}"
    ran = window("restart", "web1", "demo@web3", "--json", "-e", one_at_a_time, "--playbook", str(own))
    assert ran.code == 0, ran.out + ran.err
    for name, host in window.hosts.items():
        told = f"away {name} {before[name]}back {name} {lives()[name]}" if name in ("web1", "web3") else ""
        assert ssh(host, "cat /root/hooks 2>/dev/null; rm -f /root/hooks")[1] == told, "drained before, back after"
    assert {name for name, pid in lives().items() if pid != before[name]} == {"web1", "web3"}
    assert [(one["hosts"], one["healthy"]) for one in events(ran, "BatchEnded")] == [(["web1"], ALL), (["web3"], ALL)]
    climbed = {one["node"] for one in events(ran, "RungRead") if one["rung"] == Rung.HEALTH}
    assert climbed == set(map(window.node, window.hosts))
    assert ": restart demo.service\n" in journal(ssh, window.hosts["web3"])
    few = window("stop", "web1", "web2", "-e", one_at_a_time)
    assert (few.code, "2 would be left" in few.err) == (3, True), few.err
    drained = lives()["web2"]
    ran = window("stop", "web2", "web4", "-e", "{rollout: {min_healthy: 2}}", "--playbook", str(own))
    assert ran.code == 0, ran.out + ran.err
    assert "not in this inventory" not in ran.out + ran.err, "who is asked to stop is no stranger"
    assert ssh(window.hosts["web2"], "cat /root/hooks")[1] == f"away web2 {drained}"
    assert [lives()[name] for name in ("web2", "web4")] == ["0\n"] * 2
    assert window("start", "all").code == 0
    assert "0\n" not in lives().values()

"""The unit of a node on Debian 12 and 13: what it exposes, its limits, what its words change, how it stops and fails.

The release is of the kind that writes its evaluated configuration, secrets and all, into RELEASE_TMP and boots again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer import lab as labs
from deployer.engine.ladder.rung import Rung
from deployer.lab import Lab, LabHost
from tests.lab.conftest import DEMO, Ssh
from tests.lab.fleet import Fleet, fleet_of, health

SECRET = "zq9x4canary"
BYTES = ",".join(str(byte) for byte in SECRET[:4].encode())
FIND = f"grep -rlF -e {SECRET} -e {BYTES} /run/beam /var/lib/beam /tmp /var/tmp"
"""In clear, and as Erlang writes the bytes of a binary."""
UNIT = "/etc/systemd/system/demo.service.d/00-deployer.conf"
NODE = {
    "name": "demo",
    "unit": {
        "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE",
        "AmbientCapabilities": "CAP_NET_BIND_SERVICE",
        "MemoryMax": "512M",
        "LogExtraFields": ["FLAVOUR=%n", "PRICE=${HOME}"],
    },
}
EXPECTED = {
    "CapabilityBoundingSet": "cap_net_bind_service",
    "AmbientCapabilities": "cap_net_bind_service",
    "MemoryMax": str(512 << 20),
    "LogExtraFields": "FLAVOUR=%n PRICE=${HOME}",
    "TimeoutStopUSec": "6s",
}
STOPPED = {"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0", "ActiveState": "inactive"}
KILLED = {"Result": "timeout", "ExecMainCode": "2", "ExecMainStatus": "9", "ActiveState": "failed"}


def show(ssh: Ssh, host: LabHost, *names: str) -> dict[str, str]:
    told = ssh(host, f"systemctl show demo -p {','.join(names)}")[1]
    return dict(line.split("=", 1) for line in told.splitlines())


def pid(ssh: Ssh, host: LabHost) -> str:
    return show(ssh, host, "MainPID")["MainPID"]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Suite → a demo that evaluates its configuration, writes it down and boots again."""
    folder = tmp_path_factory.mktemp("reboot")
    app = folder / "demo"
    shutil.copytree(DEMO, app)
    text = (app / "mix.exs").read_text()
    assert "steps:" in text
    (app / "mix.exs").write_text(text.replace("steps:", "reboot_system_after_config: true, steps:", 1))
    return {suite: labs.build_app(app, suite=suite, out=folder / suite) for suite in ("bookworm", "trixie")}


@pytest.fixture(scope="module")
def fleet(lab_of: Callable[..., Lab], releases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """One host of each Debian, deployed, with settings of its own for the unit."""
    around = lab_of("default", "default", suites=["bookworm", "trixie"])
    made = fleet_of(tmp_path_factory.mktemp("fleet"), around.hosts, releases["bookworm"])
    made.of[around.hosts[1].name] = {"release": {"name": "demo", "tarball": str(releases["trixie"])}}
    made.words |= {
        "env": {"PORT": "80", "DEMO_GREETING": SECRET},
        "unit": {"LimitNOFILE": 4096, "TimeoutStopSec": 6},
        "nodes": [NODE],
        "firewall": {"admin": [around.subnet], "public": ["80/tcp"]},
        "health": {"http": "http://127.0.0.1:80/health", "timeout": 60, "stable": 1},
    }
    ran = made.run("deploy")
    assert ran.code == 0, ran.out
    assert [ran.rungs(host) for host in around.hosts] == [dict.fromkeys(Rung, True)] * 2
    return made


def test_it_exposes_little_and_the_emulator_still_compiles(fleet: Fleet, ssh: Ssh) -> None:
    for host in fleet.hosts:
        for unit in ("demo.service", "beam-epmd@4369.service"):
            code, said = ssh(host, f"systemd-analyze security --no-pager --threshold=20 {unit}")
            assert code == 0, said
        look = "IO.inspect({:erlang.system_info(:emu_flavor), :erlang.system_info(:port_limit)})"
        assert ssh(host, f"demo-ctl rpc '{look}'") == (0, "{:jit, 4096}\n")


def test_what_is_said_of_the_unit_is_what_systemd_and_the_kernel_hold_it_to(fleet: Fleet, ssh: Ssh) -> None:
    for host in fleet.hosts:
        assert show(ssh, host, *EXPECTED) == EXPECTED
        main = pid(ssh, host)
        limits = ssh(host, f"cat /proc/{main}/limits")[1].splitlines()
        assert [line.split()[-3:] for line in limits if line.startswith("Max core")] == [["0", "0", "bytes"]]
        assert [line.split()[-3:] for line in limits if line.startswith("Max open")] == [["4096", "4096", "files"]]
        assert f"pid={main}," in ssh(host, "ss -Hltnp sport = :80")[1]
        assert health(host, 80)[0] == 200
    again = fleet.run("deploy")
    assert (again.code, again.of("StepDone")) == (0, [])


def test_a_secret_that_the_release_writes_down_is_the_nodes_alone(fleet: Fleet, ssh: Ssh) -> None:
    for host in fleet.hosts:
        assert ssh(host, "demo-ctl eval 'IO.puts(1)'") == (0, "1\n")
        found = ssh(host, FIND)[1].splitlines()
        assert len(found) == 1, "the one of the node's boot: eval has a directory of its own, which is gone"
        stat = f"stat -c '%a %U' {' '.join(found)} /run/beam/demo /run/beam/demo/tmp"
        assert ssh(host, stat)[1].splitlines() == ["600 demo"] + ["700 demo"] * 2
        assert ssh(host, "stat -f -c %T /run/beam/demo/tmp") == (0, "tmpfs\n")


def test_it_stops_by_itself_with_all_secrets_or_is_killed_at_its_deadline(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    for host in fleet.hosts:
        assert ssh(host, "systemctl stop demo") == (0, "")
        assert show(ssh, host, *STOPPED) == STOPPED
        assert (
            "SIGTERM received - shutting down" in ssh(host, "journalctl --sync; journalctl -u demo --no-pager -n 30")[1]
        )
        assert ssh(host, FIND) == (1, "")
        assert ssh(host, "systemctl start demo") == (0, "")
        assert len(ssh(host, FIND)[1].splitlines()) == 1
        assert ssh(host, "demo-ctl rpc ':os.set_signal(:sigterm, :ignore)' && systemctl stop --no-block demo") == (
            0,
            "",
        )
    for host in fleet.hosts:
        eventually(lambda host=host: show(ssh, host, "ActiveState")["ActiveState"] not in ("active", "deactivating"))
        assert show(ssh, host, *KILLED) == KILLED
        assert ssh(host, "systemctl start demo") == (0, "")


def test_a_crash_dump_is_made_and_read_by_the_nodes_user_only_and_no_core(
    fleet: Fleet, ssh: Ssh, eventually: Callable[..., None]
) -> None:
    dump = "/var/lib/beam/demo/erl_crash.dump"
    for host in fleet.hosts:
        assert ssh(host, f"kill -USR1 {pid(ssh, host)}") == (0, "")
        eventually(
            lambda host=host: show(ssh, host, "NRestarts", "ActiveState") == {"NRestarts": "1", "ActiveState": "active"}
        )
        assert "Received SIGUSR1" in ssh(host, f"head -n 3 {dump}")[1]
        assert ssh(host, f"stat -c '%a %U' {dump} /var/lib/beam/demo")[1] == "600 demo\n700 demo\n"
        code, said = ssh(host, f"setpriv --reuid=nobody --regid=nogroup --clear-groups cat {dump}")
        assert (code, "Permission denied" in said) == (1, True)
        assert ssh(host, "ls -A /var/lib/beam/demo")[1].split() == ["erl_crash.dump"]
        assert ssh(host, f"touch -d '15 days ago' {dump}; systemctl restart demo; ls -A /var/lib/beam/demo") == (0, "")


def test_a_loosened_unit_is_found_by_audit_and_mended(fleet: Fleet, ssh: Ssh) -> None:
    for host in fleet.hosts:
        assert ssh(host, f"sed -i s/^NoNewPrivileges=.*/NoNewPrivileges=no/ {UNIT}") == (0, "")
    audit = fleet.run("audit")
    tasks = ["unit => demo", "nodes"]
    assert (audit.code, [audit.planned(host) for host in fleet.hosts]) == (2, [tasks, tasks])
    ran = fleet.run("deploy")
    assert (ran.code, [ran.planned(host) for host in fleet.hosts]) == (0, [tasks, tasks])
    for host in fleet.hosts:
        assert "NoNewPrivs:\t1" in ssh(host, f"cat /proc/{pid(ssh, host)}/status")[1]


def test_a_setting_that_systemd_would_skip_does_not_get_into_the_unit(fleet: Fleet, ssh: Ssh) -> None:
    before = [ssh(host, f"sha256sum {UNIT}; systemctl show -p MainPID demo") for host in fleet.hosts]
    fleet.words["unit"] = fleet.words["unit"] | {"LimitCORE": "lots"}  # its grammar is systemd's business
    try:
        ran = fleet.run("deploy")
    finally:
        del fleet.words["unit"]["LimitCORE"]
    assert ran.code == 1
    problems = [ran.end(host)["problem"] for host in fleet.hosts]
    assert any("Failed to parse resource value" in problem for problem in problems), problems
    assert [ssh(host, f"sha256sum {UNIT}; systemctl show -p MainPID demo") for host in fleet.hosts] == before
    assert fleet.run("audit").code == 0

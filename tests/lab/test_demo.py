"""The demo release on real hosts, started by hand: what the deploy tests build on is true without the deployer."""

from __future__ import annotations

import json
import shlex

import pytest

DIRECTORY = "/opt/demo"


@pytest.fixture
def started(hosts, ssh, demo_release):
    """Unpack a version on a host and start it in the background by the release's own script."""

    def start(host, version="0.1.0", **env):
        told = {"RELEASE_DISTRIBUTION": "name", "RELEASE_NODE": f"demo@{host.address}", "RELEASE_COOKIE": "c", **env}
        words = shlex.join(f"--setenv={name}={value}" for name, value in told.items())
        unpack = f"mkdir -p {DIRECTORY} && tar -xzf - -C {DIRECTORY}"
        assert ssh(host, unpack, stdin=demo_release(version).read_bytes()) == (0, "")
        code, out = ssh(host, f"systemd-run --quiet --unit=demo {words} {DIRECTORY}/bin/demo start")
        assert code == 0, out

    return start


@pytest.fixture
def health(ssh):
    """What the health page says: (status, body), or None while nobody answers."""

    def ask(host, path="/health", port=4000):
        request = f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
        script = f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf '{request}' >&3 && cat <&3"
        code, out = ssh(host, f'timeout 5 bash -c "{script}" 2>/dev/null')
        if code:
            return None
        head, _, body = out.partition("\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    return ask


def test_it_runs_on_a_host_without_erlang_and_tells_its_version(hosts, started, health, eventually):
    host = hosts[0]
    started(host, "0.2.0", DEMO_GREETING='it\'s "here"')
    eventually(lambda: health(host))
    status, body = health(host)
    assert status == 200
    assert body == {
        "status": "ok", "node": f"demo@{host.address}", "version": "0.2.0", "greeting": 'it\'s "here"', "nodes": [],
    }  # fmt: skip
    assert health(host, "/other")[0] == 404


def test_two_of_them_find_each_other(hosts, started, health, eventually):
    pair = hosts[:2]
    names = ",".join(f"demo@{host.address}" for host in pair)
    for host in pair:
        started(host, DEMO_PEERS=names)
    eventually(lambda: all((seen := health(host)) and len(seen[1]["nodes"]) == 1 for host in pair))
    assert health(pair[0])[1]["nodes"] == [f"demo@{pair[1].address}"]


def test_it_can_be_unhealthy_on_another_port(hosts, started, health, eventually):
    host = hosts[0]
    started(host, DEMO_UNHEALTHY="1", PORT="4100")
    eventually(lambda: health(host, port=4100))
    assert health(host, port=4100)[0] == 503


@pytest.mark.parametrize(
    ("env", "says"), [({"DEMO_CRASH": "1"}, "DEMO_CRASH is set"), ({"DEMO_CRASH_AT_CHECK": "2"}, "status=70")]
)
def test_it_can_crash_at_boot_or_later(hosts, started, ssh, health, eventually, env, says):
    host = hosts[0]
    started(host, **env)
    eventually(lambda: health(host) is None and ssh(host, "systemctl is-failed demo")[1] == "failed\n")
    assert says in ssh(host, "journalctl -u demo --no-pager")[1]

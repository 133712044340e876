"""What the fleet's words may not say, by name and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.model import Secret
from tests.unit.beam.beam_tarballs import release as recipe
from tests.unit.fleet.fleet_kit import COOKIE, at, refusal

WRONG: list[tuple[str, object, str]] = [
    # migrations
    ("release.migrate", {"eval": "M.up()", "command": "bin/migrate"}, "exactly one of eval and command"),
    ("release.migrate", {"timeout": 5}, "exactly one of eval and command"),
    ("release.migrate", {"command": "/opt/demo/bin/migrate"}, "a path within the release"),
    ("release.migrate", {"command": "bin/../../x"}, "a path within the release"),
    ("release.migrate", {"command": "migrate"}, "a path within the release"),
    ("release.migrate", {"command": "bin/migrate 'a"}, "release.migrate.command"),
    ("release.migrate", {"eval": "a\nb"}, "release.migrate.eval"),
    ("release.migrate", "", "release.migrate"),
    ("release.migrate", {"eval": "M.up()", "timeout": 0}, "release.migrate.timeout"),
    ("release.migrate", {"evil": "M.up()"}, "did you mean 'eval'?"),
    ("release.migrate", ["M.up()"], "release.migrate must be a mapping, not a list"),
    ("release.migrate", {"eval": "M.up()", "node": "jobs"}, "there is no node jobs on web1"),
    # node names
    ("nodes", [{"name": "app@h -detached"}], "nodes[0].name"),
    ("nodes", [{"name": "App"}], "nodes[0].name"),
    ("nodes", [{"name": ""}], "nodes[0].name"),
    ("nodes", [{"name": "a'; id #"}], "nodes[0].name"),
    ("nodes", [{"name": "a\nb"}], "nodes[0].name"),
    ("nodes", [{"name": "ä"}], "nodes[0].name"),
    ("nodes", [{"name": "a" * 64}], "nodes[0].name"),
    ("nodes", [{"name": "a", "host": "two@signs"}], "nodes[0]"),
    ("nodes", [{"name": "a@b", "host": "c.example"}], "nodes[0].name"),
    ("nodes", [{"name": "a", "host": "a.example'; id #"}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "a.example\nb"}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "fd00::2%eth0"}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "fd00::2"}], "cluster.bind 10.77.0.2 is IPv4"),
    ("nodes", [{"name": "a", "host": "x" * 300}], "nodes[0]"),
    ("nodes", [{"name": "a", "host": "nodots"}], "long"),
    ("nodes", [{"name": "a"}, {"name": "a"}], "both called a"),
    ("nodes", [{"name": "a", "port": 9100}, {"name": "b", "port": 9100}], "both listen on port 9100"),
    # cookies
    ("cluster.cookie", Secret(""), "cluster.cookie"),
    ("cluster.cookie", Secret("short"), "cluster.cookie"),
    ("cluster.cookie", Secret("-" + COOKIE.reveal()), "cluster.cookie"),
    ("cluster.cookie", Secret(COOKIE.reveal() + "\n"), "cluster.cookie"),
    ("cluster.cookie", Secret(COOKIE.reveal() + '"'), "cluster.cookie"),
    ("cluster.cookie", Secret(COOKIE.reveal() * 7), "cluster.cookie"),
    # ports
    ("cluster.ports", "0-10", "cluster.ports"),
    ("cluster.ports", "70000", "cluster.ports"),
    ("cluster.ports", "9109-9100", "cluster.ports"),
    ("cluster.ports", "22:22", "cluster.ports"),
    ("cluster.ports", "4360-4370", "the port of EPMD"),
    ("cluster.epmd_port", 22, "cluster.epmd_port"),
    ("nodes", [{"name": "a", "port": 9200}], "outside of cluster.ports"),
    ("nodes", [{"name": "a", "port": "9100-"}], "nodes[0].port"),
    ("nodes", [{"name": f"n{i}"} for i in range(11)], "fewer ports"),
    # where it listens
    ("cluster.bind", "0.0.0.0", "cluster.bind"),
    ("cluster.bind", "::", "cluster.bind"),
    ("cluster.bind", "fe80::1%eth0", "cluster.bind"),
    ("cluster.bind", "web1.example.com", "cluster.bind"),
    # firewall
    ("firewall", {"admin": []}, "firewall.admin"),
    ("firewall", {}, "firewall.admin is missing"),
    ("firewall", {"admin": ["10.0.0.1/8"]}, "host bits"),
    ("firewall", {"admin": ["10.0.0.0/33"]}, "firewall.admin"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["4000"]}, "firewall.public"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["4369/tcp"]}, "open a port of the cluster to everyone"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["9000-9100/tcp"]}, "open a port of the cluster to everyone"),
    ("firewall", {"admin": ["10.0.0.0/8"], "cluster": []}, "firewall.cluster"),
    ("firewall", {"admin": ["0.0.0.0/0"]}, "firewall.admin contains 0.0.0.0/0, which is the whole internet"),
    ("firewall", {"admin": ["10.0.0.0/8", "::/0"]}, "firewall.admin contains ::/0"),
    ("firewall", {"admin": ["10.0.0.0/8"], "public": ["22/tcp"]}, "firewall.public 22/tcp opens SSH"),
    ("firewall", {"admin": ["10.0.0.0/8"], "closed": ["80"]}, "firewall.closed"),
    (
        "firewall",
        {"admin": ["10.0.0.0/8"], "public": ["80/tcp"], "closed": ["80/tcp"]},
        "firewall.closed contains 80/tcp",
    ),
    ("firewall", {"admin": ["10.0.0.0/8"], "allow": [{"port": "80/tcp", "from": ["::/0"]}]}, "this means everybody"),
    (
        "firewall",
        {"admin": ["10.0.0.0/8"], "allow": [{"port": "9101/tcp", "from": ["10.0.0.0/8"]}]},
        "firewall.allow 9101/tcp would open a port of the cluster to others",
    ),
    # roots
    *[
        ("release.root", root, "release.root")
        for root in (
            "",
            "/",
            "/usr",
            "/opt",
            "opt/x",
            "/opt/../etc",
            "/opt/x\n",
            "/opt/x/",
            "/opt//x",
            "/etc/x",
            "/opt/-x",
        )
    ],
    ("release.root", "/var/lib/deployer/x", "another program"),
    # names and versions
    *[("release.name", name, "release.name") for name in ("../x", ".", "-x", "a b", "")],
    *[("release.version", version, "release.version") for version in ("../x", ".", "-1", "1 2")],
    ("release.version", "9.9.9", "9.9.9"),
    ("release.keep", 0, "release.keep"),
    # environment
    ("env", {"LD_PRELOAD": "x"}, "LD_PRELOAD"),
    ("env", {"BASH_ENV": "x"}, "BASH_ENV"),
    ("env", {"A-B": "x"}, "A-B"),
    ("env", {"": "x"}, "env"),
    ("env", {"A": "x\0y"}, "NUL"),
    ("env", {"A": "x" * (1 << 20)}, "larger than"),
    ("env", {"A": "\udc80"}, "UTF-8"),
    ("env", {"RELEASE_COOKIE": "x"}, "RELEASE_COOKIE"),
    ("env", {"ERL_AFLAGS": "-proto_dist inet6_tcp"}, "ERL_AFLAGS -proto_dist cannot be set here"),
    ("env", {"ERL_FLAGS": "+S 2 -sname x"}, "ERL_FLAGS -sname"),
    ("env", {"ERL_ZFLAGS": "-setcookie canary-77"}, "all on the host can read it"),
    ("env", {"ERL_ZFLAGS": "-nocookie"}, "ERL_ZFLAGS -nocookie"),
    ("env", {"ELIXIR_ERL_OPTIONS": "-kernel inet_dist_listen_min 1"}, "ELIXIR_ERL_OPTIONS inet_dist_listen_min"),
    ("env", {"RELEASE_BOOT_SCRIPT": "start_clean"}, "RELEASE_BOOT_SCRIPT"),
    ("env", {"BINDIR": "/x"}, "BINDIR"),
    ("env", {"ROOTDIR": "/x"}, "ROOTDIR"),
    ("env", {"EMU": "x"}, "EMU"),
    ("env", {"PATH": "bin:/usr/bin"}, "PATH cannot be set here: write absolute directories"),
    ("env", {"PATH": "/srv/tools"}, "PATH"),
    ("nodes", [{"name": "a", "env": {"ERL_AFLAGS": "-detached"}}], "ERL_AFLAGS -detached"),
    ("nodes", [{"name": "a", "vm_args": ["-env HOME /x"]}], "-env HOME"),
    ("nodes", [{"name": "a", "vm_args": ["+K true -detached"]}], "-detached"),
    ("env", {"A": True}, "env.A"),
    ("nodes", [{"name": "a", "env": {"HOME": "/"}}], "HOME"),
    ("nodes", [{"name": "a", "vm_args": [f"-setcookie {COOKIE.reveal()}"]}], "-setcookie"),
    ("nodes", [{"name": "a", "vm_args": ["-extra x"]}], "after -extra"),
    ("nodes", [{"name": "a", "vm_args": ["+S 2\n-name x"]}], "control characters"),
    ("nodes", [{"name": "a", "vm_args": ["-kernel inet_dist_listen_min 1"]}], "cluster.ports"),
    # units
    ("release.user", "root", "release.user"),
    ("release.user", "x\nExecStart=/bin/sh", "release.user"),
    ("release.user", "%n", "release.user"),
    ("nodes", [{"name": "a", "service": "x.service\nUser=root"}], "nodes[0].service"),
    ("unit", "shop.service", "named by nodes[].service"),
    ("nodes", [{"name": "a", "unit": "rabbitmq-server.service"}], "named by nodes[].service"),
    ("nodes", [{"name": "a", "unit": {"MemoryMax": "1G"}, "service": "x.service"}], "nodes[0].unit has no effect"),
    ("unit", {"MemoryMx": "1G"}, "did you mean 'MemoryMax'?"),
    ("unit", {"Zzz": "1G"}, "see systemd.directives(7)"),
    ("unit", {"MemoryMax=1G\nUser": "root"}, "is no setting"),
    ("unit", {"User": "root"}, "write release.user"),
    ("unit", {"ExecStartPre": "/bin/sh"}, "systemd_unit"),
    ("unit", {"Environment": "A=1"}, "nodes[].env"),
    ("unit", {"KillMode": "process"}, "TimeoutStopSec"),
    ("unit", {"RuntimeDirectory": "x"}, "ReadWritePaths"),
    ("unit", {"LogExtraFields": "x\nUser=root"}, "one line"),
    ("unit", {"ReadWritePaths": ["/a", "/b\\"]}, "backslash"),
    ("unit", {"ReadWritePaths": []}, "at least one value"),
    ("unit", {"ReadWritePaths": {"a": "b"}}, "unit.ReadWritePaths"),
    ("unit", {"LimitNOFILE": "many"}, "SOFT:HARD"),
    ("unit", {"LimitNOFILE": "1023:4096"}, "between 1024 and 134217727"),
    ("nodes", [{"name": "a", "vm_args": ["+Q 1024", "+Q 65537"]}], "+Q 65537 is above LimitNOFILE 65536"),
    # the rest
    ("cluster.tls", True, "needs a certificate authority"),
    ("cluster.epmd", False, "nodes[0].port is missing"),
    ("cluster.port", "9100", "did you mean 'ports'?"),
    ("rollout.serial", [], "rollout.serial"),
    ("rollout.serial", "0", "rollout.serial"),
    ("rollout.serial", "120%", "rollout.serial"),
    ("rollout.serial", ["1", "a few"], "rollout.serial"),
    ("rollout.min_healthy", "-1", "rollout.min_healthy"),
    ("rollout.max_failed", -1, "rollout.max_failed"),
    ("rollout.pause", "soon", "rollout.pause"),
    ("rollout.on_failure", "rollback", "did you mean"),
    ("health", {}, "exactly one"),
    ("health", {"http": "http://h/", "tcp": "127.0.0.1:1"}, "exactly one"),
    ("health", {"http": "ftp://h/"}, "health.http"),
    ("health", {"tcp": "127.0.0.1"}, "health.tcp"),
    ("health", {"http": "http://h/", "verify": False}, "health.verify has no effect"),
    ("health", {"tcp": "127.0.0.1:1", "server_name": "x"}, "health.server_name has no effect"),
    ("health", {"http": "https://h/", "server_name": "a b"}, "health.server_name"),
    ("health", {"http": "https://h/", "ca": "/nowhere.pem"}, "health.ca /nowhere.pem: No such file"),
    ("health", {"http": "https://h/", "ca": "/etc/passwd"}, "health.ca /etc/passwd holds no certificate"),
    ("health", {"http": "https://h/", "verifi": False}, "verifi"),
    ("health", {"expr": "a\nb"}, "health.expr"),
    ("release.tarball", "/nowhere/x.tar.gz", "No such file"),
]


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=[f"{p}={str(v)[:40]!r}" for p, v, _ in WRONG])
def test_what_is_wrong_is_refused_by_its_name_and_place(
    words: dict[str, Any], path: str, value: object, said: str
) -> None:
    message = refusal(at(words, path, value))
    assert said in message
    assert COOKIE.reveal() not in message
    assert message.startswith("inventory.yml:3:5: ") or path == "release.version"


def test_two_nodes_on_one_address_need_epmd(words: dict[str, Any]) -> None:
    nodes = [{"name": "a", "port": 9100}, {"name": "b", "port": 9101}]
    assert "need EPMD" in refusal({**at(words, "cluster.epmd", False), "nodes": nodes})


def test_lines_of_a_release_that_undo_the_words_are_all_refused_at_once(words: dict[str, Any], tmp_path: Path) -> None:
    made = (
        recipe()
        .without("releases/0.1.0/env.sh")
        .add("releases/0.1.0/env.sh", b"#!/bin/sh\nexport HOME=/x\n", mode=0o755)
    )
    made.add("releases/0.1.0/vm.args", b"+K true\n-heart\n-sname demo")
    path = made.write(tmp_path)
    wrong = at(words, "release.tarball", str(path))
    told = refusal(wrong)
    assert f"{path}:releases/0.1.0/env.sh:2: HOME clashes" in told
    assert f"{path}:releases/0.1.0/vm.args:3: -sname clashes" in told
    assert "-heart" not in told
    assert "vm.args" not in refusal(at(wrong, "cluster.names", "short") | {"nodes": [{"name": "demo", "host": "web1"}]})


def test_what_only_the_script_of_relx_reads_has_no_effect_and_is_refused(words: dict[str, Any], tmp_path: Path) -> None:
    made = recipe().without("releases/0.1.0/env.sh").add("releases/0.1.0/start_clean.boot", b"x")
    wrong = at(words, "release.tarball", str(made.write(tmp_path))) | {"env": {"RELX_COOKIE": "a", "A": "b"}}
    assert "env.RELX_COOKIE has no effect\n  it is relx's: write cluster.cookie" in refusal(wrong)
    wrong |= {"env": {}, "nodes": [{"name": "demo", "env": {"VMARGS_PATH": "/x"}}]}
    assert "nodes[0].env.VMARGS_PATH has no effect" in refusal(wrong)

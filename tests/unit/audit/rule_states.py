"""For each rule: what makes it FAIL, and what hides it; both in the records that the readers print."""

from __future__ import annotations

from typing import Any

from tests.unit.audit.audit_kit import (
    ARGV,
    KERNEL,
    LIMITS,
    LIVE,
    RULESET,
    SSHD,
    STATUS,
    TLS,
    UNIT,
    certificate,
    elf,
    rsa_key,
    told,
)

Changes = dict[str, str | None]


def _sshd(**words: str) -> Changes:
    return {"login.sshd": told(SSHD | words, " ")}


def _kernel(**words: str) -> Changes:
    return {"machine.kernel": told(KERNEL | {word.replace("__", "/"): value for word, value in words.items()})}


def _unit(**words: str) -> Changes:
    return {"nodes.units": told(UNIT | words)}


_NO_SSHD: Changes = {"login.sshd": None}
_NO_UNITS: Changes = {"nodes.units": None}
_NO_KERNEL: Changes = {"machine.kernel": None}
_NO_RULES: Changes = {"walls.rules": None}
_OPEN: Changes = {"walls.rules": RULESET.replace("policy drop", "policy accept")}
_FULL = "100000000000 5000000000 1000000 900000 /opt"

_SECOND: Changes = {
    "nodes.kind_101": "beam", "nodes.user_101": "990 shop", "nodes.exe_101": "/opt/mail/erts-16.4.0.6/bin/beam.smp",
    "nodes.argv_101": "beam.smp\n-sname\nmail",
}  # fmt: skip
_STRAY: Changes = {"node.argv": ARGV.replace("shop@", "stray@")}

STATES: dict[str, tuple[Changes, Changes]] = {
    "CK-01": ({"node.cookies": "20 0 12 no /home/shop/.erlang.cookie"}, {"node.cookies": ""}),
    "CK-02": ({"node.cookie_at": "644 shop shop /home/shop/.erlang.cookie"}, {"node.cookie_at": None}),
    "CK-03": ({"node.cookie_at": "644 root root /opt/shop/releases/COOKIE"}, {"node.cookie_at": None}),
    "CK-04": (
        {"node.argv": f"{ARGV}\n-setcookie\n***", "machine.mounts": "proc /proc proc rw 0 0"},
        {"machine.mounts": None},
    ),
    "CK-05": (_unit(Secrets="SECRET_KEY_BASE "), _NO_UNITS),
    "CK-06": ({"nodes.env_files": "644 root root /etc/beam/shop.env"}, _NO_UNITS),
    "CK-07": ({"node.rendered": "/opt/shop/tmp/shop-1.runtime.config"}, {"node.rendered": None}),
    "CK-08": ({**_SECOND, "nodes.same_101": " 1"}, _SECOND),
    "CK-09": ({"node.leaks": "/opt/shop/tmp/log/erlang.log.1\n"}, {"node.leaks": None}),
    "CK-10": ({"node.names": "HOME RELEASE_COOKIE", "node.argv": f"{ARGV}\n-setcookie\n***"}, {"node.names": None}),
    "ED-01": ({"nodes.listening": "900/00000000:1111 902/0100000A:238C "}, {"epmd.fds": None}),
    "ED-02": ({"nodes.listening": "900/0100000A:1111 902/00000000:238C "}, {"node.fds": None}),
    "ED-03": ({"node.argv": ARGV.replace("9109", "9999")}, {"nodes.all": None, "node.kind": None}),
    "ED-04": ({"node.argv": ARGV.replace("inet_tls", "inet_tcp")}, {"node.fds": None}),
    "ED-05": ({"node.tls": TLS.replace("{fail_if_no_peer_cert,true}", "{depth,1}")}, {"node.tls": None}),
    "ED-06": (
        {"node.tls_at": "644 shop shop /etc/beam/node.pem", "node.tls_pem": "file /etc/beam/node.pem\nholds a key"},
        {"node.tls_at": None},
    ),
    "ED-07": (
        {"node.tls_pem": f"file /etc/beam/node.pem\n{certificate(20)}"},
        {"node.tls_pem": "file /etc/beam/node.pem\n"},
    ),
    "ED-08": ({"epmd.user": "0 root"}, {"epmd.environ": None}),
    "ED-09": ({"epmd.unit": "shop.service"}, {"nodes.all": None, "epmd.kind": None}),
    "ED-10": ({"epmd.names_told": "name shop at port 9100\nname ghost at port 9105\n"}, {"node.fds": None}),
    "ED-11": ({"beyond.name_0": "web2.example.net 10.9.9.9"}, {"beyond.name_0": None}),
    "ED-15": (_STRAY, {**_STRAY, "node.fds": None}),
    "ED-12": ({"node.exe": "/usr/lib/erlang/erts-13.1.5/bin/beam.smp"}, {"node.exe": "/opt/own/beam.smp"}),
    "ED-13": ({"node.lib": "kernel-9.0\nssh-5.2.9"}, {"node.lib": None}),
    "FW-01": (_OPEN, _NO_RULES),
    "FW-02": (_OPEN, _NO_RULES),
    "FW-03": ({"walls.rules": RULESET.replace("22, ", "")}, _NO_RULES),
    "FW-04": (_unit(), _NO_RULES),
    "FW-05": (
        {"nodes.units": "Id=nftables.service\nActiveState=active\n\nId=ufw.service\nActiveState=active"},
        _NO_UNITS,
    ),
    "FW-06": ({"walls.sockets": "tcp 00000000:0FA1 903", **_OPEN}, {"walls.holders": None}),
    "HO-01": ({"node.dotfiles": "644 shop shop /home/shop/.erlang"}, {"node.house_seen": None}),
    "HO-02": ({"machine.flags": "ERL_FLAGS"}, {"machine.flags": None}),
    "HO-03": ({"node.environ": "ERL_AFLAGS=-setcookie x"}, {"node.environ": None}),
    "KR-01": ({"machine.mounts": "proc /proc proc rw 0 0"}, {"machine.mounts": ""}),
    "KR-02": (_kernel(fs__protected_symlinks="0"), _NO_KERNEL),
    "KR-03": (_kernel(kernel__core_pattern="core"), _kernel(kernel__core_pattern="|/opt/apport %p")),
    "KR-04": (_kernel(kernel__kptr_restrict="0"), _NO_KERNEL),
    "KR-05": (_kernel(net__ipv4__conf__all__accept_redirects="1"), _NO_KERNEL),
    "KR-06": (_kernel(net__ipv4__ip_forward="1"), _NO_KERNEL),
    "NT-01": (_kernel(net__core__somaxconn="128"), _NO_KERNEL),
    "NT-02": (_kernel(net__netfilter__nf_conntrack_count="200000"), _NO_KERNEL),
    "OP-01": ({"machine.clocks": ""}, {"machine.clocks": None}),
    "OP-02": ({"machine.reboot": "yes"}, {"machine.reboot": None}),
    "OP-03": ({"machine.left": "/run/deployer/holder"}, {"machine.left": None}),
    "OP-04": ({"machine.kept": "no"}, {"machine.kept": None}),
    "OP-05": ({"machine.sticky": "777 /tmp"}, {"machine.sticky": None}),
    "OP-06": ({"beyond.tls_4000": certificate(5)}, {"beyond.tls_4000": None}),
    "OP-07": ({"login.quiet": "Defaults !syslog"}, {"login.quiet": None}),
    "OP-08": ({"machine.disks": _FULL}, {"machine.disks": ""}),
    "OP-09": ({"machine.swaps": "Filename\n/dev/sda2 partition 2097148 0 -2"}, {"machine.swaps": "hidden"}),
    "RL-01": ({"node.tree": "w /opt/shop/lib/x.beam\nrc 0"}, {"node.tree": "rc 1"}),
    "RL-02": ({"node.tree": "s /opt/shop/bin/suid\nrc 0"}, {"node.tree": "rc 1"}),
    "RL-03": ({"node.tree": "l /opt/shop/lib/x -> /etc\nrc 0"}, {"node.tree": "rc 1"}),
    "RL-04": ({"sums.told": "/opt/shop/versions/1-aa is not as it was"}, {"sums.told": None}),
    "RL-07": ({"node.elf": elf(kind=2)}, {"node.dynamic": None}),
    "RL-10": ({"node.siblings": "30"}, {"node.siblings": None}),
    "RL-05": ({"node.start": "16.4.1 1.4.3"}, {"node.start": None}),
    "RL-08": ({"node.disk": _FULL}, {"node.disk": ""}),
    "RL-09": ({"node.lib": "observer-2.15"}, {"node.lib": None}),
    "SB-03": ({"signed.contents": "b" * 64}, {"signed.contents": None}),
    "SB-02": ({"node.lib": "kernel-10.4\nstdlib-6.2"}, {"node.exe": "/opt/own/beam.smp"}),
    "SB-01": ({"node.lib": "plug-1.15.2"}, {"node.lib": None}),
    "SS-01": (_sshd(passwordauthentication="yes"), _NO_SSHD),
    "SS-02": (_sshd(x11forwarding="yes"), _NO_SSHD),
    "SS-03": (_sshd(maxauthtries="100"), _NO_SSHD),
    "SS-04": (_sshd(ciphers="aes128-cbc,aes256-ctr"), _NO_SSHD),
    "SS-05": ({"login.host_public": rsa_key(2048)}, {"login.host_public": ""}),
    "SS-06": (_sshd(allowgroups=""), _NO_SSHD),
    "SS-07": ({"login.keys": "root 666 root /root/.ssh/authorized_keys"}, {"login.keys": "root hidden"}),
    "SS-08": ({"login.sudo": "deploy ALL=(ALL) NOPASSWD: ALL"}, {"login.sudo": None}),
    "SS-09": (_sshd(persourcepenaltyexemptlist="none"), _NO_SSHD),
    "SS-10": ({"login.empty": "guest"}, {"login.empty": None}),
    "UN-01": ({"login.accounts": "shop:990:/bin/bash"}, {"login.accounts": "root:0:/bin/bash"}),
    "UN-02": ({"node.mounts": "1 0 8:1 / / rw,relatime - ext4 x rw"}, {"node.mounts": None}),
    "UN-03": ({"node.status": STATUS.format(cap="0000000000000000", new="0")}, {"node.status": ""}),
    "UN-04": ({"node.limits": LIMITS.format(65536).replace(" 0 ", " unlimited ")}, {"node.limits": ""}),
    "UN-05": ({"node.dumps": "644 shop shop /var/lib/beam/shop/erl_crash.dump"}, {"node.environ": None}),
    "UN-06": ({"node.limits": LIMITS.format(1024)}, {"node.limits": None}),
    "UN-07": (_unit(StartLimitIntervalUSec="0"), _NO_UNITS),
    "UN-08": ({"node.environ": "HOME=/run"}, {"node.environ": None}),
    "UN-09": ({"machine.needrestart": ""}, {"machine.needrestart": None}),
    "UN-10": (_unit(MemoryMax="infinity"), _NO_UNITS),
    "UN-11": ({"node.status": STATUS.replace("CapBnd:\t0", "CapBnd:\tf")}, {"node.status": ""}),
    "UN-12": ({"node.status": STATUS.replace("Seccomp:\t2", "Seccomp:\t0")}, {"node.status": ""}),
    "UN-13": ({"node.fds": "- " * 60_000}, {"node.fds": None}),
    "UN-14": (_unit(NRestarts="7"), _unit(NRestarts="")),
    "UN-15": (_unit(UnitFileState="disabled"), _NO_UNITS),
    "UN-16": (
        _SECOND,
        {"nodes.all": None, "node.kind": None},
    ),
}
"""Rule → records changed so that it FAILs, and records hidden so that it is UNKNOWN; without those of live nodes."""

LIVE_STATES: dict[str, dict[str, Any]] = {
    "AT-01": {"atom_count": 1_000_000},
    "AT-02": {"port_count": 60_000},
    "AT-03": {"process_count": 1_048_000},
    "ED-14": {"nodes": ["shop@10.0.0.2", "stranger@10.9.9.9"]},
    "ED-16": {"hidden": ["rem-7f3a-shop@10.0.0.1"]},
}
"""Rule → what a node answers so that it FAILs."""
TWO_LIVES = {"shop@10.0.0.1": LIVE, "shop2@10.0.0.1": {**LIVE, "net_ticktime": 8}}
"""Two nodes of a host that do not agree (ED-17)."""

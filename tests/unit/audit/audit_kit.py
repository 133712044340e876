"""A host on which every rule holds, as its readers tell it; and what is changed in it, or hidden, for each rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from deployer.audit.advisories import Advisories, Advisory, Range
from deployer.audit.facts import Facts
from deployer.audit.signatures import Signature
from deployer.fleet import AuditWords

NOW = 1_790_000_000
NODE, EPMD = "100", "90"
STATUS = (
    "Umask:\t0077\nPPid:\t1\nUid:\t990\t990\t990\t990\nCapEff:\t{cap}\nCapPrm:\t{cap}\nCapBnd:\t0000000000000000\n"
    "NoNewPrivs:\t{new}\nSeccomp:\t2"
)
ARGV = (
    "/opt/shop/erts-16.4.0.6/bin/beam.smp\n-name\nshop@10.0.0.1\n-proto_dist\ninet_tls\n-ssl_dist_optfile\n/etc/beam/tls"
    "\n-kernel\ninet_dist_listen_min\n9100\n-kernel\ninet_dist_listen_max\n9109\n-mode\nembedded"
)
LIMITS = (
    "Max core file size        0                    0                    bytes\n"
    "Max open files            {0}                {0}                files"
)
UNIT = {
    "Id": "shop.service", "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "Secrets": "",
    "EnvironmentFile": "/etc/beam/shop.env", "Restart": "on-failure", "StartLimitBurst": "5",
    "StartLimitIntervalUSec": "5min", "RestartUSec": "2s", "TimeoutStopUSec": "1min", "NRestarts": "0",
    "MemoryMax": "2147483648", "TasksMax": "4096",
}  # fmt: skip
TLS = (
    '[{server,[{certfile,"/etc/beam/node.pem"},{verify,verify_peer},{fail_if_no_peer_cert,true}]},'
    "{client,[{verify,verify_peer}]}]."
)
SSHD = {
    "permitrootlogin": "prohibit-password", "passwordauthentication": "no", "kbdinteractiveauthentication": "no",
    "permituserenvironment": "no", "hostbasedauthentication": "no", "permitemptypasswords": "no", "x11forwarding": "no",
    "allowagentforwarding": "no", "permittunnel": "no", "gatewayports": "no", "maxauthtries": "4", "maxsessions": "10",
    "logingracetime": "60", "ciphers": "aes256-gcm@openssh.com", "macs": "hmac-sha2-256-etm@openssh.com",
    "kexalgorithms": "curve25519-sha256", "allowgroups": "deploy", "loglevel": "info", "persourcepenalties": "crash:90",
    "persourcepenaltyexemptlist": "10.0.0.0/8",
}  # fmt: skip
KERNEL = {
    "fs/suid_dumpable": "0", "fs/protected_symlinks": "1", "fs/protected_hardlinks": "1", "fs/protected_fifos": "1",
    "fs/protected_regular": "2", "kernel/randomize_va_space": "2", "kernel/yama/ptrace_scope": "1",
    "kernel/dmesg_restrict": "1", "kernel/kptr_restrict": "1", "kernel/unprivileged_bpf_disabled": "2",
    "kernel/core_pattern": "|/bin/false", "net/core/somaxconn": "4096", "net/netfilter/nf_conntrack_max": "262144",
    "net/netfilter/nf_conntrack_count": "10", "net/ipv4/tcp_syncookies": "1", "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/all/accept_source_route": "0", "net/ipv6/conf/all/accept_redirects": "0", "net/ipv4/ip_forward": "0",
}  # fmt: skip
RULESET = """\
table inet deployer {
\tchain input {
\t\ttype filter hook input priority filter; policy drop;
\t\tct state established,related accept
\t\tiif "lo" accept
\t\ttcp dport { 22, 4000 } accept
\t}
}
"""
LIVE = {"atom_count": 10_000, "atom_limit": 1_048_576, "port_count": 20, "port_limit": 65_536, "process_count": 300,
        "process_limit": 1_048_576, "nodes": ["shop@10.0.0.2"], "hidden": ["deployer-1@10.0.0.1"], "net_ticktime": 60,
        "prevent_overlapping_partitions": "the default"}  # fmt: skip
# 10.0.0.1 and 127.0.0.1 as /proc/net/tcp writes them; 4369 is 1111, 9100 is 238C, 4000 is 0FA0.
LISTENING = "900/0100000A:1111 901/0100007F:1111 902/0100000A:238C 903/00000000:0FA0 904/00000000:0016 "


KNOWN = Advisories(
    {"plug": (Advisory("EEF-CVE-2026-1", "plug", False, (Range("1.0.0", "1.15.3"),), summary="a header too many"),)}, 1
)


SIGNED = Signature("a" * 64, "ana@example.net", contents="c" * 64)

OTHERS = ("10.0.0.2", "web2.example.net")
"""Hosts in the names of the nodes that run elsewhere."""


def elf(kind: int = 3, stack: int = 6) -> str:
    """The head of a program of 64 bits with a dynamic section, in numbers of 64 bits: its kind, its stack's flags."""
    head = [0x464C457F | 2 << 32, 0, kind, 0, 64, 0, 0, 3]
    parts = [[1, 0, 0, 0, 0, 0, 0], [2, 4096, 0, 0, 32, 0, 0], [0x6474E551 | stack << 32, 0, 0, 0, 0, 0, 0]]
    words = [*head, *(word for part in parts for word in part)]
    return " ".join(map(str, words + [0] * (128 - len(words))))


def told(words: dict[str, str], between: str = "=") -> str:
    """Words as a program prints them."""
    return "\n".join(f"{word}{between}{value}" for word, value in words.items())


@cache
def certificate(days: int) -> str:
    """A certificate that ends so many days after the host's now, PEM."""
    key, begin = ec.generate_private_key(ec.SECP256R1()), datetime.fromtimestamp(NOW, UTC) - timedelta(days=400)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(begin).not_valid_after(datetime.fromtimestamp(NOW, UTC) + timedelta(days=days))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@cache
def rsa_key(bits: int) -> str:
    """The public half of an RSA key as ssh writes it."""
    key = rsa.generate_private_key(65537, bits).public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def good() -> dict[str, dict[str, str]]:
    """Every group of a host on which all rules hold."""
    ed = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIx9yqGdXKcdf2eMO9Yc3n7mR1AYrzxv9r0yNn3HfHbK"
    node = {
        "kind": "beam", "comm": "beam.smp", "user": "990 shop", "exe": "/opt/shop/erts-16.4.0.6/bin/beam.smp",
        "argv": ARGV,
        "status": STATUS.format(cap="0000000000000000", new="1"), "limits": LIMITS.format(65536),
        "unit": "shop.service",
        "fds": "- socket:[902] socket:[903] ",
        "environ": "HOME=/run/beam/shop\nERL_CRASH_DUMP=/var/lib/beam/shop/dump\nERL_CRASH_DUMP_BYTES=1000",
        "names": "HOME PATH", "mounts": "1 0 8:1 / / ro,relatime - ext4 x rw", "house": "700 shop shop /run/beam/shop",
        "dotfiles": "644 root root /run/beam/shop/.erlang", "house_seen": "yes",
        "cookie_at": "440 root shop /opt/shop/releases/COOKIE\n400 shop shop /run/beam/shop/.erlang.cookie",
        "cookies": "43 0 30 no /run/beam/shop/.erlang.cookie", "start": "16.4.0.6 1.4.2",
        "lib": "kernel-10.4\nstdlib-7.1\nssh-5.5.1\nshop-1.4.2", "tree": "rc 0", "same": " 1 1", "leaks": "\n",
        "elf": elf(), "dynamic": "24 0 1 7", "siblings": "3",
        "disk": "1000000000000 500000000000 1000000 900000 /opt",
        "dumps": "600 shop shop /var/lib/beam/shop/dump", "dump_dir": "700 shop shop /var/lib/beam/shop", "tls": TLS,
        "tls_at": "400 shop shop /etc/beam/node.pem", "tls_pem": f"file /etc/beam/node.pem\n{certificate(90)}",
        "rendered": "",
    }  # fmt: skip
    epmd = {"kind": "epmd", "comm": "epmd", "user": "991 epmd", "exe": "/usr/local/lib/beam/epmd", "argv": "epmd",
            "status": "", "limits": "", "unit": "beam-epmd.service", "fds": "socket:[900] socket:[901] ",
            "environ": "", "names": "", "names_told": "name shop at port 9100\n"}  # fmt: skip
    units = "\n\n".join([
        told(UNIT), told({"Id": "beam-epmd.service", "UnitFileState": "enabled"}),
        told({"Id": "nftables.service", "ActiveState": "active", "UnitFileState": "enabled"}),
        told({"Id": "ufw.service", "ActiveState": "inactive", "UnitFileState": ""}),
    ])  # fmt: skip
    nodes = {
        "uid": "0",
        "all": "yes",
        "listening": LISTENING,
        "units": units,
        "env_files": "600 root root /etc/beam/shop.env",
    }
    nodes |= {f"{key}_{EPMD}": value for key, value in epmd.items()} | {f"{key}_{NODE}": node[key] for key in node}
    machine = {
        "container": "", "kernel": told(KERNEL),
        "mounts": "proc /proc proc rw,hidepid=2 0 0\ntmpfs /tmp tmpfs rw,nosuid,nodev 0 0",
        "sticky": "1777 /tmp\n1777 /var/tmp", "swaps": "Filename Type Size Used Priority",
        "disks": "1000000000000 500000000000 1000000 900000 /", "clocks": "chronyd", "synchronized": "no",
        "reboot": "no",
        "now": str(NOW), "packages": str(NOW - 86_400), "flags": "", "cores": "", "journal": "SystemMaxUse=1G",
        "kept": "yes", "lists": "yes", "pending": "", "redirected": "",
        "needrestart": "$nrconf{override_rc}{qr(^shop)} = 0;", "left": "",
    }  # fmt: skip
    login = {
        "sshd": told(SSHD, " "), "host_keys": "600 root /etc/ssh/ssh_host_ed25519_key",
        "host_public": f"{ed}\n{rsa_key(3072)}",
        "keys": "root 600 root /root/.ssh/authorized_keys", "accounts": "root:0:/bin/bash\nshop:990:/usr/sbin/nologin",
        "empty": "", "sudo": "", "quiet": "", "matched": "/etc/ssh/sshd_config:PasswordAuthentication yes",
    }  # fmt: skip
    walls = {
        "sockets": "tcp 00000000:0FA0 903\ntcp 00000000:0016 904", "rules": RULESET,
        "holders": "903 100 0::/system.slice/shop.service beam.smp\n904 31 0::/system.slice/ssh.service sshd",
    }  # fmt: skip
    beyond = {"name_0": "web2.example.net 10.0.0.2", "tls_4000": certificate(90)}
    rest = {"sums": {"told": ""}, "signed": {"release": "1.4.2-aaaaaaaa", "contents": "c" * 64}}
    return {"nodes": nodes, "machine": machine, "login": login, "walls": walls, "beyond": beyond, **rest}


def declared() -> Any:
    """What the host declares, as far as rules look at it."""
    nodes = (SimpleNamespace(node="shop@10.0.0.1", ports=(9100, 9109)),)
    cluster, firewall = SimpleNamespace(bind="10.0.0.1"), SimpleNamespace(public=("4000/tcp",), admin=("10.0.0.0/8",))
    release = SimpleNamespace(root="/opt", keep=5)
    return SimpleNamespace(nodes=nodes, cluster=cluster, address="10.0.0.1", firewall=firewall, release=release)


def facts(changes: dict[str, str | None] | None = None, live: Any = None, words: AuditWords | None = None) -> Facts:
    """The good host with some of its records changed, or taken away (None): ``{"nodes.cookies": "…"}``.

    A key of the node or of EPMD is written without its process: ``node.cookies``, ``epmd.fds``.
    """
    found = good()
    others = SimpleNamespace(address="10.0.0.2", nodes=tuple(SimpleNamespace(node=f"shop@{name}") for name in OTHERS))
    for path, value in (changes or {}).items():
        group, _, key = path.partition(".")
        if group in ("node", "epmd"):
            group, key = "nodes", f"{key}_{NODE if group == 'node' else EPMD}"
        if value is None:
            del found[group][key]
        else:
            found[group][key] = value
    answers = {"shop@10.0.0.1": LIVE} if live is None else live
    own: Any = declared()
    members: Any = (own, others)
    return Facts(found, own, members, answers, KNOWN, words or AuditWords(), SIGNED)


def without_group(some: Facts, name: str) -> Facts:
    """The same host, of which one group could not be read."""
    return replace(some, groups={**some.groups, name: "the reader was killed"})

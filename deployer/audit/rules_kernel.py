"""Rules about the kernel, by its current values in /proc/sys, not by a configuration file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule

_PROC = "proc(5)"


def _settings(facts: Facts, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each setting that this kernel has, and its value; at the end raises CannotTell for unreadable ones."""
    unread = []
    for key in keys:
        try:
            yield key, facts.kernel(key)
        except NotApplicable:
            continue
        except CannotTell as why:
            unread.append(str(why))
    if unread:
        raise CannotTell("; ".join(unread))


def _at_least(facts: Facts, wanted: Mapping[str, int]) -> Complaints:
    there = False
    for key, value in _settings(facts, wanted):
        there = True
        if not value.lstrip("-").isdigit() or int(value) < wanted[key]:
            yield f"{key.replace('/', '.')} is {value}; it must be {wanted[key]} or more"
    if not there:
        raise NotApplicable("this kernel has none of these settings")


def _zero(facts: Facts, keys: tuple[str, ...]) -> Complaints:
    for key, value in _settings(facts, keys):
        if value != "0":
            yield f"{key.replace('/', '.')} is {value}; it must be 0"


def _links(facts: Facts) -> Complaints:
    keys = ("symlinks", "hardlinks", "fifos", "regular")
    yield from _at_least(facts, {f"fs/protected_{key}": 1 for key in keys})
    yield from _zero(facts, ("fs/suid_dumpable",))


def _hardened(facts: Facts) -> Complaints:
    return _at_least(
        facts,
        {
            "kernel/randomize_va_space": 2,
            "kernel/yama/ptrace_scope": 1,
            "kernel/dmesg_restrict": 1,
            "kernel/kptr_restrict": 1,
            "kernel/unprivileged_bpf_disabled": 1,
        },
    )


def _network(facts: Facts) -> Complaints:
    yield from _at_least(facts, {"net/ipv4/tcp_syncookies": 1})
    keys = ("ipv4/conf/all/accept_redirects", "ipv4/conf/all/accept_source_route", "ipv6/conf/all/accept_redirects")
    yield from _zero(facts, tuple(f"net/{key}" for key in keys))
    # IPv4 accepts them when "all" or the interface says so; for IPv6 only the interface counts.
    for line in facts.machine("redirected", "what each interface accepts").splitlines():
        yield f"net.{line.replace('/', '.')} is 1; it must be 0"


def _routes(facts: Facts) -> Complaints:
    return _zero(facts, ("net/ipv4/ip_forward",))


def _backlog(facts: Facts) -> Complaints:
    return _at_least(facts, {"net/core/somaxconn": 1024})


def _tracked(facts: Facts) -> Complaints:
    most, count = facts.kernel("net/netfilter/nf_conntrack_max"), facts.kernel("net/netfilter/nf_conntrack_count")
    if most.isdigit() and count.isdigit() and int(count) * 4 > int(most):
        yield f"{count} of {most} connections are tracked: when the table is full, the kernel drops new connections"


def _cores(facts: Facts) -> Complaints:
    pattern, told = facts.kernel("kernel/core_pattern"), facts.machine("cores", "the configuration of systemd-coredump")
    if pattern.rstrip() == "|/bin/false":
        return
    if pattern.startswith("|") and "systemd-coredump" in pattern:
        storage = [line for line in told.splitlines() if line.startswith("Storage=")]  # the last one counts
        if storage[-1:] != ["Storage=none"]:
            yield "systemd-coredump keeps cores (Storage is not none): a node's core contains its cookie"
    elif pattern.startswith("|"):
        raise CannotTell(f"cores go to {pattern[1:60]}, a program that this rule does not know")
    else:
        yield f"a core is written to {pattern}; a node's core contains its cookie"


def _sysctls(wanted: Mapping[str, str]) -> str:
    return "\n".join(f'- name: {key}\n  sysctl: {{name: {key}, value: "{value}"}}' for key, value in wanted.items())


_LINKED = _sysctls(
    {
        **dict.fromkeys((f"fs.protected_{key}" for key in ("symlinks", "hardlinks", "fifos", "regular")), "1"),
        "fs.suid_dumpable": "0",
    }
)
_HARD = _sysctls(
    {
        "kernel.kptr_restrict": "1",
        "kernel.dmesg_restrict": "1",
        "kernel.yama.ptrace_scope": "1",
        "kernel.unprivileged_bpf_disabled": "1",
        "kernel.randomize_va_space": "2",
    }
)
_REDIRECTS = _sysctls(
    {
        **dict.fromkeys(
            (f"net.{ip}.conf.{at}.accept_redirects" for ip in ("ipv4", "ipv6") for at in ("all", "default")), "0"
        ),
        "net.ipv4.conf.all.accept_source_route": "0",
        "net.ipv4.tcp_syncookies": "1",
    }
)

KERNEL_RULES = (
    Rule(
        id="KR-02", severity="high", title="the kernel protects links, pipes and cores of other users", judge=_links,
        groups=("machine",),
        reads="/proc/sys/fs/protected_* and suid_dumpable", fix=_LINKED, sources=(_PROC,),
        others={"CIS": "1.5.3", "dev-sec": "sysctl", "Lynis": "KRNL-6000"},
    ),
    Rule(
        id="KR-03", severity="medium", title="no core dumps are kept", judge=_cores, groups=("machine",),
        reads="kernel.core_pattern, and Storage= of systemd-coredump",
        fix=_sysctls({"kernel.core_pattern": "|/bin/false"}),
        sources=("core(5)",), others={"CIS": "1.5.3", "Lynis": "KRNL-5820"},
    ),
    Rule(
        id="KR-04", severity="low", title="the kernel hides its addresses", judge=_hardened,
        groups=("machine",),
        reads="/proc/sys/kernel", fix=_HARD, sources=(_PROC,), profile="strict",
        others={"CIS": "1.5.1, 1.5.2", "Lynis": "KRNL-6000", "dev-sec": "sysctl"},
    ),
    Rule(
        id="KR-05", severity="medium", title="other machines cannot redirect the host's packets", judge=_network,
        groups=("machine",),
        reads="/proc/sys/net, and its conf of each interface", fix=_REDIRECTS, sources=("ip(7)",),
        others={"CIS": "3.3.1-3.3.10", "dev-sec": "sysctl", "Lynis": "KRNL-6000"}, profile="strict",
    ),
    Rule(
        id="KR-06", severity="low", title="the host does not forward packets", judge=_routes, groups=("machine",),
        profile="strict",
        reads="/proc/sys/net/ipv4/ip_forward", fix=_sysctls({"net.ipv4.ip_forward": "0"}), sources=("ip(7)",),
        others={"CIS": "3.3.1"},
    ),
    Rule(
        id="NT-01", severity="low", title="the backlog is large enough for a burst of connections", judge=_backlog,
        groups=("machine",),
        reads="/proc/sys/net/core/somaxconn", fix=_sysctls({"net.core.somaxconn": "4096"}), sources=("listen(2)",),
    ),
    Rule(
        id="NT-02", severity="high", title="the connection tracking table is not about to overflow", judge=_tracked,
        groups=("machine",),
        reads="nf_conntrack_count against nf_conntrack_max: a quarter",
        fix=_sysctls({"net.netfilter.nf_conntrack_max": "1048576"}),
        sources=("Linux, nf_conntrack-sysctl",),
    ),
)  # fmt: skip
"""All of them."""

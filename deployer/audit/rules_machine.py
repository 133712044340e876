"""Rules about the machine around the nodes: mounts, disks, clock, logs, updates."""

from __future__ import annotations

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable
from deployer.audit.rule import Complaints, Rule
from deployer.audit.rules_release import full

_PROC = "proc(5)"
_DAY = 86_400
_TMP = "/tmp"  # noqa: S108 - judged, not used
_JOURNAL = """\
- name: journal
  copy: {dest: /etc/systemd/journald.conf.d/10-keep.conf, content: "[Journal]\\nSystemMaxUse=1G\\n"}
"""


def _own_kernel(facts: Facts) -> None:
    kind = facts.machine("container", "whether this is a container")
    if kind:
        raise NotApplicable(f"this host is a container ({kind}): the machine that runs it decides this")


def _mount(facts: Facts, place: str) -> tuple[str, ...]:
    lines = [line.split() for line in facts.machine("mounts", "the mounts").splitlines()]
    return next((tuple(line[3].split(",")) for line in reversed(lines) if len(line) > 3 and line[1] == place), ())


def _hidepid(facts: Facts) -> Complaints:
    options = _mount(facts, "/proc")
    if not options:
        raise CannotTell("this user cannot read how /proc is mounted")
    if not any(one.startswith("hidepid=") and one not in ("hidepid=0", "hidepid=off") for one in options):
        yield "every user can list the arguments of every process (/proc is mounted without hidepid)"


def _tmp(facts: Facts) -> Complaints:
    for line in facts.machine("sticky", "the modes of /tmp and /var/tmp").splitlines():
        mode, _, place = line.partition(" ")
        if not int(mode, 8) & 0o1000:
            yield f"{place} has mode {mode}: users can remove each other's files"
    options = _mount(facts, _TMP)
    missing = [word for word in ("nosuid", "nodev") if word not in options]
    if missing:
        yield f"{_TMP} is {'mounted without ' + ' and '.join(missing) if options else 'not a separate mount'}"


def _swap(facts: Facts) -> Complaints:
    _own_kernel(facts)
    lines = facts.machine("swaps", "the swap").splitlines()
    if lines[:1] == ["hidden"]:
        raise CannotTell("this user cannot read /proc/swaps")
    for line in lines[1:]:
        words = line.split()
        yield f"{words[0]} is {int(words[2]) // 1024} MiB of swap: a node with a swapped-out heap misses its net ticks"


def _clock(facts: Facts) -> Complaints:
    _own_kernel(facts)
    clocks = facts.machine("clocks", "the programs that keep the clock").split()
    if not clocks:
        yield "no program synchronises the clock: certificates, logs and tokens depend on it"
    elif "systemd-timesyn" in clocks and facts.machine("synchronized", "whether the clock is synchronised") != "yes":
        yield "systemd-timesyncd runs, but has reached no server yet"


def _disks(facts: Facts) -> Complaints:
    lines = facts.machine("disks", "the free space of the disks").splitlines()
    if not lines:
        raise CannotTell("the free space of the disks cannot be read")
    for line in lines:
        yield from full(line)


def _updates(facts: Facts) -> Complaints:
    if facts.machine("reboot", "whether a reboot is pending") == "yes":
        yield "an installed update needs a reboot (/run/reboot-required)"
    told = facts.machine("packages", "when apt's package lists were fetched")
    if not told.isdigit():
        raise NotApplicable("this host does not use apt")
    days = (int(facts.machine("now", "the host's clock")) - int(told)) // _DAY
    if days > 30:
        yield f"apt's package lists are {days} days old: nothing checks for updates"
    if facts.machine("lists", "apt's package lists") != "yes":
        yield "apt has no package lists: nothing checks for updates, and pending ones cannot be seen"
    waits = facts.machine("pending", "the pending updates (apt-get -s upgrade)").split()
    if waits:
        yield f"{len(waits)} security updates are pending: {', '.join(waits[:8])}{' …' if len(waits) > 8 else ''}"


def _journal(facts: Facts) -> Complaints:
    told = dict(
        line.partition("=")[::2] for line in facts.machine("journal", "the configuration of journald").splitlines()
    )
    if (
        told.get("Storage", "auto") in ("volatile", "none")
        or facts.machine("kept", "whether the journal is kept") != "yes"
    ):
        yield "the journal is lost at a reboot, and with it the reason why a node crashed"
    if "SystemMaxUse" not in told:
        yield "the size of the journal has no limit (SystemMaxUse)"


def _named(facts: Facts) -> Complaints:
    """Whether the host's logs show who did what."""
    if facts.machine("kept", "whether the journal is kept") != "yes":
        yield "the journal is lost at a reboot, and with it the record of who changed what"
    storage = facts.machine("journal", "the configuration of journald").splitlines()
    if any(line in ("Storage=none", "Storage=volatile") for line in storage):
        yield "journald keeps nothing (Storage)"
    for line in facts.read("login", "quiet", "the rules of sudo").splitlines():
        yield f"sudo does not log what it runs: {' '.join(line.split())}"


def _needrestart(facts: Facts) -> Complaints:
    told = facts.machine("needrestart", "the configuration of needrestart")
    if told == "absent":
        raise NotApplicable("needrestart is not installed")
    beams = {beam.unit for beam in facts.beams if beam.unit}
    for unit in sorted(beams):
        name = unit.removesuffix(".service")
        if name not in told and "beam" not in told:
            yield f"an update of a library can restart {unit} at any time, on all hosts at once"


def _left(facts: Facts) -> Complaints:
    for path in facts.machine("left", "what a run may have left behind").splitlines():
        yield f"{path} is older than an hour: a run did not finish, or its change waits to be confirmed"


MACHINE_RULES = (
    Rule(
        id="KR-01", severity="medium", title="users cannot list each other's processes", judge=_hidepid,
        groups=("machine",),
        reads="how /proc is mounted", command="mount -o remount,hidepid=2 /proc, and in /etc/fstab", sources=(_PROC,),
        others={"Lynis": "FILE-6344"}, profile="strict",
    ),
    Rule(
        id="OP-01", severity="medium", title="a service synchronises the clock", judge=_clock, groups=("machine",),
        reads="which of chronyd, ntpd and systemd-timesyncd runs, and whether it is synchronised",
        fix="- name: clock\n  package: {name: chrony, state: present}", sources=("adjtimex(2)",),
        others={"CIS": "2.3.1", "Lynis": "TIME-3185"},
    ),
    Rule(
        id="OP-02", severity="medium", title="no security update or reboot is pending", judge=_updates, deep=True,
        reads="apt-get -s upgrade, /run/reboot-required, and when the lists of apt were fetched", groups=("machine",),
        fix="- name: updates\n  package: {name: unattended-upgrades, state: present}", sources=("apt(8)",),
        others={"CIS": "1.2.2.1", "Lynis": "PKGS-7392, KRNL-5830"}, profile="strict",
    ),
    Rule(
        id="OP-03", severity="high", title="no run has left anything unfinished", judge=_left, groups=("machine",),
        reads="files in /run/deployer and /var/lib/deployer that are older than an hour",
        command="deployer confirm site.yml -i inventory.yml --show; deployer resume site.yml -i inventory.yml",
        sources=("deployer's own records",),
    ),
    Rule(
        id="OP-04", severity="low", title="the journal is kept, with a size limit", judge=_journal, groups=("machine",),
        reads="/etc/systemd/journald.conf and its drop-ins, /var/log/journal", profile="strict",
        fix=_JOURNAL,
        sources=("journald.conf(5)",), others={"CIS": "6.1.1.3, 6.1.2.4"},
    ),
    Rule(
        id="OP-05", severity="low", title=f"{_TMP} is sticky, nosuid and nodev", judge=_tmp,
        groups=("machine",),
        reads="modes of /tmp and /var/tmp, options of their mounts", command="systemctl enable tmp.mount",
        sources=("mount(8)",), others={"CIS": "1.1.2.1, 1.1.2.5", "Lynis": "FILE-6362"}, profile="strict",
    ),
    Rule(
        id="OP-07", severity="medium", title="the host logs who changed what", judge=_named,
        groups=("machine", "login"), reads="whether the journal is kept, and Defaults of sudo against logging",
        fix=_JOURNAL, command="mkdir -p /var/log/journal; systemctl restart systemd-journald", profile="strict",
        sources=("journald.conf(5)", "sudoers(5)"), others={"CIS": "5.2.3, 6.1.2.4", "Lynis": "LOGG-2130"},
    ),
    Rule(
        id="OP-08", severity="medium", title="no disk is nearly full", judge=_disks, groups=("machine",),
        reads="free bytes and inodes of /, /var, /var/log and /tmp: a tenth, or 10 GiB",
        command="du -x / | sort -n | tail", sources=("df(1)",), others={"Lynis": "FILE-6310"},
    ),
    Rule(
        id="OP-09", severity="low", title="no heap is swapped out", judge=_swap, groups=("machine",), profile="strict",
        reads="/proc/swaps", command="swapoff -a, and remove it from /etc/fstab",
        sources=("OTP kernel(6), net_ticktime",),
    ),
    Rule(
        id="UN-09", severity="medium", title="no update restarts a node by itself", judge=_needrestart,
        reads="whether needrestart is installed, and which units it never restarts", groups=("machine", "nodes"),
        command="$nrconf{override_rc}{qr(^shop)} = 0; in /etc/needrestart/conf.d", sources=("needrestart(1)",),
    ),
)  # fmt: skip
"""All of them."""

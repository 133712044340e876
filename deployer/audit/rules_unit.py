"""Rules about how a node runs: its user, its sandbox as the kernel applies it, and its limits."""

from __future__ import annotations

from deployer.audit.facts import Facts
from deployer.audit.process import FDS, CannotTell, NotApplicable, Process
from deployer.audit.rule import Complaints, Rule, each, of_each_beam

_EXEC = "systemd.exec(5)"
_NET_BIND = 1 << 10
_SHELLS = ("/nologin", "/false")


def _user(facts: Facts) -> Complaints:
    shells = {
        line.split(":")[0]: line.split(":")[2]
        for line in facts.read("login", "accounts", "the accounts").splitlines()
        if line.count(":") == 2
    }

    def judge(beam: Process) -> Complaints:
        if beam.uid == "0":
            yield "it runs as root"
        elif beam.unit and facts.unit_of(beam).get("DynamicUser") == "yes":
            return
        elif beam.user not in shells:
            raise CannotTell(f"{beam.name}: the host lists no account {beam.user}")
        elif not shells[beam.user].endswith(_SHELLS):
            yield f"its user {beam.user} has the shell {shells[beam.user]}"

    return each(facts.beams, judge)


@of_each_beam
def _privileges(beam: Process) -> Complaints:
    if beam.status("NoNewPrivs") != "1":
        yield "it can gain privileges through a setuid program (NoNewPrivs 0)"
    held = int(beam.status("CapEff"), 16) | int(beam.status("CapPrm"), 16)
    if beam.uid != "0" and held & ~_NET_BIND:
        yield f"it holds capabilities: {held:016x}"
    if beam.uid != "0" and "0" in beam.status("Uid").split():
        yield "it can become root again (its real or saved user is root)"


@of_each_beam
def _bounding(beam: Process) -> Complaints:
    if int(beam.status("CapBnd"), 16) & ~_NET_BIND:
        yield f"its bounding set allows it to gain capabilities: {beam.status('CapBnd')}"


@of_each_beam
def _seccomp(beam: Process) -> Complaints:
    if beam.status("Seccomp") != "2":
        yield "no filter limits its system calls (Seccomp 0)"


@of_each_beam
def _read_only(beam: Process) -> Complaints:
    lines = [line.split() for line in beam.read("mounts", "its mounts").splitlines()]
    ways = {line[4]: line[5].split(",") for line in lines if len(line) > 5}
    if not ways:
        raise CannotTell(f"{beam.name}: its list of mounts is not in the expected form")
    if "ro" not in ways.get("/usr", ways.get("/", [])):
        yield "/usr is writable for it: its unit does not protect the system's files"


@of_each_beam
def _core(beam: Process) -> Complaints:
    soft, hard = beam.limit("Max core file size")
    if (soft, hard) != ("0", "0"):
        yield f"it can leave a core with everything that it had in memory (limit {soft}, {hard})"


def _files(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        soft, _ = beam.limit("Max open files")
        if soft.isdigit() and int(soft) < 65536:
            yield f"it may open {soft} files{_allowed(facts, beam, soft)}; each connection needs one; 65536 is usual"

    return each(facts.beams, judge)


def _allowed(facts: Facts, beam: Process, soft: str) -> str:
    """Say what its unit allows, where that is more than the node has."""
    try:
        unit = facts.unit_of(beam)
    except (CannotTell, NotApplicable):
        return ""
    allowed = unit.get("LimitNOFILE", "")
    if not (allowed.isdigit() and int(allowed) > int(soft)):
        return ""
    if unit.get("LimitNOFILESoft", allowed) == soft:
        return f" (the soft limit of {beam.unit}; its hard limit is {allowed})"
    return f" ({beam.unit} allows {allowed}: its start script lowers that, or this machine allows no more)"


@of_each_beam
def _files_used(beam: Process) -> Complaints:
    said, (soft, _) = beam.read("fds", "its open files"), beam.limit("Max open files")
    used = len(said.split())
    if soft.isdigit() and used * 5 >= int(soft) * 4:
        yield f"{used} of {soft} files are open"
    elif soft.isdigit() and len(said) >= FDS:
        raise CannotTell(f"{beam.name}: at least {used} of {soft} files are open; the rest was not counted")


def _memory(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        unit = facts.unit_of(beam)
        if unit.get("MemoryMax", "infinity") == "infinity":
            yield f"{beam.unit} has no MemoryMax: one node can use up the memory of the host"
        if unit.get("TasksMax", "infinity") == "infinity":
            yield f"{beam.unit} has no TasksMax"

    return each(facts.beams, judge)


def _dynamic(facts: Facts) -> Complaints:
    users: dict[str, set[str]] = {}
    for beam in facts.beams:
        users.setdefault(beam.user, set()).add(beam.root)
    if len(facts.beams) < 2:
        raise NotApplicable("one BEAM runs here")
    for user, roots in users.items():
        if len(roots) > 1:
            yield f"{user} runs {len(roots)} different releases: each can read the memory of the others (ptrace)"


UNIT_RULES = (
    Rule(
        id="UN-01", severity="high", title="the node has a user of its own, without a shell", judge=_user,
        reads="the owner of each BEAM in /proc, and that account's shell", groups=("nodes", "login"),
        fix="release: {name: shop, tarball: dist/shop-1.4.2.tar.gz, user: shop}",
        command="usermod -s /usr/sbin/nologin USER", sources=(_EXEC,), others={"CIS": "5.4.2.7"},
    ),
    Rule(
        id="UN-03", severity="high", title="the node holds no privileges and can gain none", judge=_privileges,
        reads="NoNewPrivs and CapEff in /proc/PID/status", groups=("nodes",), fix="unit: {NoNewPrivileges: 'yes'}",
        sources=(_EXEC,), others={"Lynis": "BOOT-5264"},
    ),
    Rule(
        id="UN-02", severity="medium", title="the node sees the system as read-only", judge=_read_only,
        reads="/proc/PID/mountinfo: the effect of the unit's sandbox", groups=("nodes",),
        fix="unit: {ProtectSystem: strict}", sources=(_EXEC,), others={"Lynis": "BOOT-5264"},
    ),
    Rule(
        id="UN-11", severity="low", title="the bounding set is empty", judge=_bounding, profile="strict",
        reads="CapBnd in /proc/PID/status", groups=("nodes",), fix="unit: {CapabilityBoundingSet: ''}",
        sources=(_EXEC,),
    ),
    Rule(
        id="UN-12", severity="low", title="a filter limits system calls", judge=_seccomp, profile="strict",
        reads="Seccomp in /proc/PID/status", groups=("nodes",), fix="unit: {SystemCallFilter: '@system-service'}",
        sources=(_EXEC,), others={"Lynis": "BOOT-5264"},
    ),
    Rule(
        id="UN-04", severity="high", title="the node leaves no core dump", judge=_core,
        reads="Max core file size in /proc/PID/limits", groups=("nodes",), fix="unit: {LimitCORE: '0'}",
        sources=("Erlang Ecosystem Foundation, Security WG: crash dumps",),
        others={"CIS": "1.5.3", "Lynis": "KRNL-5820"},
    ),
    Rule(
        id="UN-06", severity="high", title="the node may open enough files", judge=_files,
        reads="Max open files in /proc/PID/limits", groups=("nodes",), fix="unit: {LimitNOFILE: '65536'}",
        sources=("mix release, vm.args",),
    ),
    Rule(
        id="UN-13", severity="high", title="the node is not about to run out of open files", judge=_files_used,
        reads="/proc/PID/fd, counted, against the soft limit: four fifths", groups=("nodes",),
        fix="unit: {LimitNOFILE: '131072'}", sources=("accept(2): EMFILE",),
    ),
    Rule(
        id="UN-10", severity="low", title="a node's memory and tasks are limited", judge=_memory, profile="strict",
        reads="MemoryMax and TasksMax of the unit", groups=("nodes",), fix="unit: {MemoryMax: 2G}",
        sources=("systemd.resource-control(5)",),
    ),
    Rule(
        id="UN-16", severity="low", title="one user does not run several releases", judge=_dynamic, profile="strict",
        reads="the owner of each BEAM in /proc", groups=("nodes",),
        fix="release: {name: shop, tarball: dist/shop-1.4.2.tar.gz, user: shop}", sources=("ptrace(2)",),
    ),
)  # fmt: skip
"""All of them."""

"""Rules about the cookie and other secrets: whoever knows the cookie controls every node of the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process, modes
from deployer.audit.rule import Complaints, Rule, each, of_each_beam
from deployer.beam.cookie import LENGTH, SHORTEST

_CONFIG = "cluster: {cookie: {env: SHOP_COOKIE}}"
_DIST = "OTP Reference Manual, Distributed Erlang"


def _cookies(beam: Process) -> Iterator[tuple[str, int, int, int, bool]]:
    beam.need_home()
    lines = beam.read("cookies", "its cookies").splitlines()
    if not beam.alive:
        raise NotApplicable(f"other nodes cannot reach {beam.name}")
    if not lines:
        raise CannotTell(f"{beam.name}: this user cannot read its cookie")
    for line in lines:
        length, odd, differ, known, name = line.split(" ", 4)
        yield name, int(length), int(odd), int(differ), known == "yes"


@of_each_beam
def _strength(beam: Process) -> Complaints:
    for name, length, odd, differ, known in _cookies(beam):
        if length < SHORTEST:
            yield f"the cookie of {name} has {length} characters; the minimum is {SHORTEST}, deployer makes {LENGTH}"
        if odd:
            yield f"the cookie of {name} has characters that a shell, a unit or the cookie file can misread"
        if differ < 8 or known:
            yield f"the cookie of {name} can be guessed: it repeats characters or contains a well-known word"


def _found(beam: Process, name: str, seen: str, place: str, none: str) -> list[tuple[int, str, str, str]]:
    """Return the cookie files of a name; ``seen``: the key that is present when the reader could look there."""
    found = [one for one in modes(beam.read("cookie_at", "its cookie file")) if one[3].endswith(name)]
    if not found and seen not in beam.raw:
        raise CannotTell(f"{beam.name}: this user cannot look into {place}")
    if not found:
        raise NotApplicable(none)
    return found


@of_each_beam
def _file(beam: Process) -> Complaints:
    beam.need_home()
    found = _found(beam, "/.erlang.cookie", "house_seen", "its home", f"{beam.name} has no ~/.erlang.cookie")
    for mode, owner, _, path in found:
        if mode & 0o7177 or owner != beam.user:
            yield f"{path} has mode {mode:04o} and owner {owner}; it must be 0400 or 0600, owned by {beam.user}"


@of_each_beam
def _release_file(beam: Process) -> Complaints:
    found = _found(beam, "/COOKIE", "lib", "its release", f"{beam.name}: its release has no releases/COOKIE")
    for mode, owner, _, path in found:
        if mode & 0o007:
            yield f"{path} has mode {mode:04o}: every user of the host can read it"
        if mode & 0o022 or owner == beam.user != "root":
            yield f"{path} has mode {mode:04o} and owner {owner}: not only root can write to it"


def _argv(facts: Facts) -> Complaints:
    hides = _hides_processes(facts)

    def judge(beam: Process) -> Complaints:
        if beam.shows_cookie and not hides:
            yield "the cookie is in the command line (-setcookie), and every user of the host can list it"

    return each(facts.beams, judge)


def _hides_processes(facts: Facts) -> bool:
    lines = reversed(facts.machine("mounts", "the mounts").splitlines())  # the last one lies on top
    line = next((one for one in lines if one.split()[1] == "/proc"), "")
    if not line:
        raise CannotTell("this user cannot read how /proc is mounted")
    return any(
        word in ("hidepid=2", "hidepid=invisible", "hidepid=ptraceable", "hidepid=4")
        for word in line.split()[3].split(",")
    )


def _unit_text(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        names = facts.unit_of(beam).get("Secrets", "").split()
        if names:
            yield f"{beam.unit} sets {', '.join(names)} in its unit file, which every user of the host can read"

    return each(facts.beams, judge)


def _env_files(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        told = facts.unit_of(beam).get("EnvironmentFile")
        if not told:
            raise NotApplicable(f"{beam.unit} has no EnvironmentFile, or it is hidden")
        for mode, owner, _, path in modes(told):
            if mode & 0o037:
                yield f"{path} has mode {mode:04o} and owner {owner}; 0640 is the maximum"

    return each(facts.beams, judge)


@of_each_beam
def _rendered(beam: Process) -> Complaints:
    for path in beam.read("rendered", "the directory of its rendered configuration").splitlines():
        yield f"users other than its owner can read {path}: it contains what runtime.exs has read"


@of_each_beam
def _secret_names(beam: Process) -> Complaints:
    names = set(beam.read("names", "its environment").split())
    if "RELEASE_COOKIE" in names and beam.shows_cookie:
        yield "RELEASE_COOKIE gets from the environment into the command line; use a cookie file"


def _shared(facts: Facts) -> Complaints:
    """All nodes of a cluster have the same cookie, and no other node has it: a cookie controls every node with it."""
    beams = [beam for beam in facts.beams if beam.alive]
    if len(beams) < 2:
        raise NotApplicable("fewer than two nodes run here")
    own = {str(node.node) for node in facts.declared.nodes} if facts.declared else frozenset[str]()
    numbers: list[tuple[Process, frozenset[str]]] = []
    unknown = []
    for beam in beams:
        told = frozenset(beam.raw.get("same", "").split())
        numbers += [(beam, told)] if told else []
        unknown += [] if told else [beam.name]
    for at, (one, its) in enumerate(numbers):
        for other, of_other in numbers[at + 1 :]:
            together = {one.name, other.name} <= own
            if its & of_other and not together:
                yield f"{one.name} and {other.name} have the same cookie, but are not declared in one cluster"
            elif together and not its & of_other:
                yield f"{one.name} and {other.name} have different cookies, but are declared in one cluster"
    if unknown:
        raise CannotTell(f"this user cannot read the cookie of {', '.join(unknown)}")


@of_each_beam
def _leaked(beam: Process) -> Complaints:
    found = beam.read("leaks", "its cookie, or a place where it could have leaked to").splitlines()
    places = [path for path in dict.fromkeys(found) if path not in ("", "?")]
    if places:
        more = f" and {len(places) - 5} more files" if len(places) > 5 else ""
        yield f"its cookie is in {', '.join(places[:5])}{more}: whoever can read it there controls the whole cluster"
    if "?" in found:
        raise CannotTell(
            f"{beam.name}: its logs and dumps are too large to be searched for its cookie in 5 s; search them on the"
            " host: grep -rlF -f ~USER/.erlang.cookie DIRECTORY"
        )


COOKIE_RULES = (
    Rule(
        id="CK-01", severity="critical", title="the cookie is long and hard to guess", judge=_strength,
        reads="length and variety of -setcookie, ~/.erlang.cookie and releases/COOKIE, computed on the host",
        groups=("nodes",), fix=_CONFIG, command="deployer cookie rotate site.yml -i inventory.yml",
        sources=(_DIST, "CVE-2022-24706: a default cookie was enough"),
    ),
    Rule(
        id="CK-02", severity="critical", title="~/.erlang.cookie belongs to the node's user, who alone reads it",
        reads="mode and owner of the file in the running node's HOME", groups=("nodes",), judge=_file,
        command="chmod 0400 ~USER/.erlang.cookie; chown USER ~USER/.erlang.cookie", sources=(_DIST,),
    ),
    Rule(
        id="CK-03", severity="high", title="others cannot read releases/COOKIE, and the node cannot write it",
        reads="mode and owner of releases/COOKIE of the release that runs", groups=("nodes",), judge=_release_file,
        command="chown root:USER releases/COOKIE; chmod 0440 releases/COOKIE",
        sources=("mix release writes it with the umask of the build",),
    ),
    Rule(
        id="CK-04", severity="high", title="the cookie is not in the list of processes", judge=_argv,
        reads="/proc/PID/cmdline of each BEAM, and how /proc is mounted", groups=("nodes", "machine"),
        command="mount -o remount,hidepid=2 /proc, and in /etc/fstab; or start without -setcookie",
        sources=("mix release passes the cookie in argv",), others={"Lynis": "FILE-6344"},
    ),
    Rule(
        id="CK-05", severity="high", title="no unit file contains a secret", judge=_unit_text,
        reads="names of variables in Environment=, as systemd has them", groups=("nodes",),
        fix="env:\n  DATABASE_URL: {env: SHOP_DATABASE_URL}", sources=("systemd.exec(5), Environment=",),
    ),
    Rule(
        id="CK-06", severity="high", title="only root, and at most a group, reads environment files",
        judge=_env_files,
        reads="mode of each EnvironmentFile of the nodes' units", groups=("nodes",), command="chmod 0600 FILE",
        sources=("systemd.exec(5), EnvironmentFile=",), others={"CIS": "7.1 by analogy"},
    ),
    Rule(
        id="CK-07", severity="high", title="only the node reads its rendered configuration", judge=_rendered,
        reads="*.runtime.config in RELEASE_TMP, and their modes", groups=("nodes",), fix="unit: {UMask: '0077'}",
        sources=("bin/RELEASE of mix release writes it with the unit's umask",),
    ),
    Rule(
        id="CK-08", severity="medium", title="each cluster has one cookie of its own", judge=_shared,
        reads="whether the cookies of a host's nodes are equal; compared on the host", groups=("nodes",),
        command="deployer cookie rotate site.yml -i inventory.yml",
        sources=("Erlang Ecosystem Foundation, Security WG: distribution",),
    ),
    Rule(
        id="CK-09", severity="high", title="no log, dump or temporary file contains the cookie", judge=_leaked,
        reads="tmp, log and crash dump of each node and /var/log/UNIT, searched there as the node's own user",
        groups=("nodes",), profile="strict", deep=True,
        command="1. deployer cookie rotate site.yml -i inventory.yml: the leaked cookie is then worthless\n"
        "2. rm FILE, or : >FILE where a program still writes to it\n"
        "3. find out what wrote it there (a printed environment, -setcookie): it would write the new cookie, too",
        sources=("Erlang Ecosystem Foundation, Security WG: sensitive data",),
    ),
    Rule(
        id="CK-10", severity="low", title="the cookie does not get from the environment into a command line",
        judge=_secret_names,
        reads="names in the environment of each BEAM, and its arguments", groups=("nodes",), profile="strict",
        fix=_CONFIG, sources=("bin/RELEASE of mix release",),
    ),
)  # fmt: skip
"""All of them."""

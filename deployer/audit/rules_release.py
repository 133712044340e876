"""Rules about the running release: who can write to it, what it contains, how old its runtime is."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from itertools import chain

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process
from deployer.audit.rule import Complaints, Rule, each, of_each_beam
from deployer.audit.versions import numbers

_FLOORS: Mapping[int, str] = {15: "15.2.7.13", 16: "16.4.0.6", 17: "17.0.6"}
"""Major of ERTS (of OTP 27, 28, 29) → the first version without the faults that were known in November 2026."""
_SSH_FLOORS: Mapping[str, str] = {"5.2": "5.2.10", "5.1": "5.1.4.8", "4": "4.15.3.12"}
"""Line of the application ssh → the first version without CVE-2025-32433."""
_TOOLS = frozenset({"observer", "debugger", "wx", "et", "eunit", "common_test", "dialyzer", "reltool"})
_EEF = "Erlang Ecosystem Foundation, Security WG: releases"


def _tree(beam: Process) -> Iterator[tuple[str, str]]:
    """Yield what is suspicious in the release's tree, as (kind, path); raises CannotTell if a part was unreadable."""
    lines = [line for line in beam.read("tree", "its release").splitlines() if line]
    for line in lines:
        kind, _, path = line.partition(" ")
        if kind in ("w", "s", "l"):
            yield kind, path
    end = lines[-1] if lines else ""
    if not end.startswith("rc "):
        raise CannotTell(f"{beam.name}: {beam.root} has more suspicious files than deployer reads")
    if end in ("rc 124", "rc 137"):
        raise CannotTell(f"{beam.name}: {beam.root} is too large to be searched in 15 s")
    if end != "rc 0":
        raise CannotTell(f"{beam.name}: this user cannot look into all of {beam.root}")


@of_each_beam
def _writable(beam: Process) -> Complaints:
    return _of_tree(beam, "w", "can be written by the node's own user, a group or everybody")


@of_each_beam
def _special(beam: Process) -> Complaints:
    return _of_tree(beam, "s", "is setuid or setgid, or is not a regular file")


@of_each_beam
def _links(beam: Process) -> Complaints:
    return _of_tree(beam, "l", "points out of the release")


def _of_tree(beam: Process, kind: str, words: str) -> Complaints:
    found = 0
    for one, path in _tree(beam):
        if one != kind or (one == "l" and _stays(path, beam.root)):
            continue
        found += 1
        if found <= 5:
            yield f"{path} {words}"


def _stays(link: str, root: str) -> bool:
    place, _, target = link.partition(" -> ")
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), target)).startswith(f"{root}/")


@of_each_beam
def _erts(beam: Process) -> Complaints:
    version = numbers(beam.erts)
    if not version:
        raise CannotTell(f"{beam.name}: the path {beam.exe!r} does not contain the version of its runtime")
    floor = _FLOORS.get(version[0])
    if version[0] < min(_FLOORS):
        yield f"ERTS {beam.erts} is of a series that gets no more fixes"
    elif floor and version < numbers(floor):
        yield f"ERTS {beam.erts} is older than {floor}, which has security fixes"


@of_each_beam
def _ssh(beam: Process) -> Complaints:
    for version in (version for name, version in beam.libraries if name == "ssh"):
        its = numbers(version)
        floor = next((floor for line, floor in _SSH_FLOORS.items() if its[: len(numbers(line))] == numbers(line)), "")
        if its < (numbers(floor) if floor else (5, 2, 10)):
            yield f"ssh-{version} lets anybody run code (CVE-2025-32433) as soon as something starts it"
    beam.need_all_libraries()


def _vulnerable(facts: Facts) -> Complaints:
    known = facts.advisories
    if known is None:
        raise NotApplicable("no advisories are given (--advisories)")

    def judge(beam: Process) -> Complaints:
        for name, version in chain((("erts", beam.erts),), beam.libraries):
            for one in known.of(name, version):
                has = "has" if one.hits(version) else "may have (the versions cannot be compared)"
                yield f"{name} {version} {has} {one.id}{': ' if one.summary else ''}{one.summary}"
        beam.need_all_libraries()

    yield from each(facts.beams, judge)
    if known.commits:
        more = f" and {len(known.commits) - 1} more" if len(known.commits) > 1 else ""
        raise CannotTell(
            f"{known.commits[0]}{more} name commits instead of versions: add CVE records that name versions"
        )


@of_each_beam
def _tools(beam: Process) -> Complaints:
    for name, _ in beam.libraries:
        if name in _TOOLS:
            yield f"it contains a development tool: {name}"
    beam.need_all_libraries()


@of_each_beam
def _current(beam: Process) -> Complaints:
    if beam.raw.get("exe", "").endswith(" (deleted)"):
        yield f"it runs {beam.exe}, which is no longer on the disk"
    told = beam.read("start", "the version that its next start would run").split()
    if told and beam.erts and told[0] != beam.erts:
        yield f"it runs ERTS {beam.erts}, but its next start would run {told[0]}"
    mode = beam.flag("-mode")
    if told and mode == "interactive":
        yield "it runs in interactive mode: a missing module is noticed only when it is first called"
    if "claimed" in beam.raw:
        raise CannotTell(f"{beam.name}: this user cannot read whether its program is still on the disk")


@of_each_beam
def _space(beam: Process) -> Complaints:
    return full(beam.read("disk", "the disk of its release"))


def full(line: str) -> Complaints:
    """Yield what a file system is short of, from a line of ``df --output=size,avail,itotal,iavail,target -B1``.

    Raises:
        CannotTell: it is no such line.
    """
    words = line.split(None, 4)
    if len(words) < 5 or not all(word.isdigit() or word == "-" for word in words[:4]):
        raise CannotTell("the free space of a disk cannot be read")
    size, free, nodes, left = (int(word) if word.isdigit() else 0 for word in words[:4])
    if size and free * 10 < size and free < 10 * 2**30:
        yield f"{words[4]} has {free // 2**20} MiB free of {size // 2**20} MiB"
    if nodes and left * 10 < nodes:
        yield f"{words[4]} has {left} inodes free of {nodes}"


RELEASE_RULES = (
    Rule(
        id="RL-01", severity="critical", title="only root can write to the release", judge=_writable,
        reads="owner and mode of every file of the running release, except in tmp and log", groups=("nodes",),
        command="chown -R root:GROUP DIRECTORY; chmod -R g-w,o-w DIRECTORY; directories that the node writes, such as"
        " tmp and log, stay its user's", sources=(_EEF,), others={"CIS": "7.1.11"},
    ),
    Rule(
        id="RL-02", severity="critical", title="the release contains only files and directories",
        judge=_special,
        reads="type and mode of everything in the running release", groups=("nodes",),
        command="deployer deploy site.yml -i inventory.yml (it unpacks it again)", sources=("CVE-2007-4559",),
        others={"CIS": "7.1.13"},
    ),
    Rule(
        id="RL-03", severity="high", title="no link points out of the release", judge=_links, profile="strict",
        reads="targets of the links in the running release", groups=("nodes",),
        command="find DIRECTORY -type l -ls", sources=("mix release packs the targets of links",),
    ),
    Rule(
        id="RL-05", severity="high", title="the running release is the one that a start would run", judge=_current,
        reads="/proc/PID/exe, releases/start_erl.data and -mode", groups=("nodes",),
        command="deployer deploy site.yml -i inventory.yml; or restart the node", sources=(_EEF,),
    ),
    Rule(
        id="RL-08", severity="high", title="the release's file system has free space", judge=_space,
        reads="free bytes and inodes of its file system: a tenth, or 10 GiB", groups=("nodes",),
        fix="release: {name: shop, tarball: dist/shop-1.4.2.tar.gz, keep: 2}",
        command="du -x --inodes DIRECTORY | sort -n",
        sources=("a deploy that runs out of space half way",),
    ),
    Rule(
        id="RL-09", severity="low", title="the release contains no development tools", judge=_tools, profile="strict",
        reads="names of the applications in lib/", groups=("nodes",),
        command="remove them from extra_applications, and build the release again", sources=(_EEF,),
    ),
    Rule(
        id="ED-12", severity="high", title="the runtime's series gets fixes, and the runtime has them", judge=_erts,
        reads="the version of ERTS in the path of the running program", groups=("nodes",),
        command="build the release with a newer OTP: updates of the host do not change it. A packaged runtime"
        " (/usr/lib/erlang) has the fixes that its distribution adds: apt changelog erlang-base",
        sources=("erlang/otp security advisories", "CVE-2026-48860"),
    ),
    Rule(
        id="ED-13", severity="critical", title="the ssh application does not have CVE-2025-32433", judge=_ssh,
        reads="the version of ssh in lib/ of the running release", groups=("nodes",), sources=("CVE-2025-32433",),
        command="build without :ssh, or with OTP 25.3.2.20, 26.2.5.11, 27.3.3 or newer",
    ),
    Rule(
        id="SB-01", severity="high", title="no running application has a known vulnerability", judge=_vulnerable,
        reads="names and versions in lib/ and of ERTS, against --advisories (OSV, CVE records), only on this machine",
        groups=("nodes",), command="mix deps.update NAME, or a newer OTP; build and deploy again. A packaged"
        " runtime can have a fix without a new version number: apt changelog erlang-base",
        sources=("OSV, ecosystem Hex", "Erlang Ecosystem Foundation CNA"), others={"Lynis": "PKGS-7392"},
    ),
)  # fmt: skip
"""All of them."""

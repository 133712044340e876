"""Rules about the release that runs: who may write it, what is in it, how old its runtime is."""

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
    """Yield what stands out in the release's tree, as (kind, path); raises CannotTell where a part was hidden."""
    lines = [line for line in beam.read("tree", "its release").splitlines() if line]
    for line in lines:
        kind, _, path = line.partition(" ")
        if kind in ("w", "s", "l"):
            yield kind, path
    end = lines[-1] if lines else ""
    if not end.startswith("rc "):
        raise CannotTell(f"{beam.name}: more stands out in {beam.root} than is read")
    if end in ("rc 124", "rc 137"):
        raise CannotTell(f"{beam.name}: {beam.root} is larger than can be looked through in 15 s")
    if end != "rc 0":
        raise CannotTell(f"{beam.name}: not all of {beam.root} can be looked into by this user")


@of_each_beam
def _writable(beam: Process) -> Complaints:
    return _of_tree(beam, "w", "may be written by the node's own user, a group or everybody")


@of_each_beam
def _special(beam: Process) -> Complaints:
    return _of_tree(beam, "s", "is setuid or setgid, or no file at all")


@of_each_beam
def _links(beam: Process) -> Complaints:
    return _of_tree(beam, "l", "leads out of its directory")


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
        raise CannotTell(f"{beam.name}: the version of its runtime cannot be told from {beam.exe!r}")
    floor = _FLOORS.get(version[0])
    if version[0] < min(_FLOORS):
        yield f"ERTS {beam.erts} is of a series that gets no fixes any more"
    elif floor and version < numbers(floor):
        yield f"ERTS {beam.erts} is older than {floor}, which has fixes that matter"


@of_each_beam
def _ssh(beam: Process) -> Complaints:
    for version in (version for name, version in beam.libraries if name == "ssh"):
        its = numbers(version)
        floor = next((floor for line, floor in _SSH_FLOORS.items() if its[: len(numbers(line))] == numbers(line)), "")
        if its < (numbers(floor) if floor else (5, 2, 10)):
            yield f"ssh-{version} lets anybody run anything (CVE-2025-32433), once something starts it"
    beam.need_all_libraries()


def _vulnerable(facts: Facts) -> Complaints:
    known = facts.advisories
    if known is None:
        raise NotApplicable("no advisories are given (--advisories)")

    def judge(beam: Process) -> Complaints:
        for name, version in chain((("erts", beam.erts),), beam.libraries):
            for one in known.of(name, version):
                has = "has" if one.hits(version) else "may have (versions that cannot be compared)"
                yield f"{name} {version} {has} {one.id}{': ' if one.summary else ''}{one.summary}"
        beam.need_all_libraries()

    yield from each(facts.beams, judge)
    if known.commits:
        more = f" and {len(known.commits) - 1} more" if len(known.commits) > 1 else ""
        raise CannotTell(f"{known.commits[0]}{more} tell commits, no version: put CVE records that do beside them")


@of_each_beam
def _tools(beam: Process) -> Complaints:
    for name, _ in beam.libraries:
        if name in _TOOLS:
            yield f"it carries a tool of development: {name}"
    beam.need_all_libraries()


@of_each_beam
def _current(beam: Process) -> Complaints:
    if beam.raw.get("exe", "").endswith(" (deleted)"):
        yield f"it runs {beam.exe}, which is no longer on the disk"
    told = beam.read("start", "what a start would take").split()
    if told and beam.erts and told[0] != beam.erts:
        yield f"it runs ERTS {beam.erts}, and a start would take {told[0]}"
    mode = beam.flag("-mode")
    if told and mode == "interactive":
        yield "it runs in interactive mode: a missing module is found when it is called first"
    if "claimed" in beam.raw:
        raise CannotTell(f"{beam.name}: whether its program is still on the disk cannot be read by this user")


@of_each_beam
def _space(beam: Process) -> Complaints:
    return full(beam.read("disk", "the disk of its release"))


def full(line: str) -> Complaints:
    """Yield what a file system lacks, of a line of ``df --output=size,avail,itotal,iavail,target -B1``.

    Raises:
        CannotTell: it is no such line.
    """
    words = line.split(None, 4)
    if len(words) < 5 or not all(word.isdigit() or word == "-" for word in words[:4]):
        raise CannotTell("the room on a disk cannot be read")
    size, free, nodes, left = (int(word) if word.isdigit() else 0 for word in words[:4])
    if size and free * 10 < size and free < 10 * 2**30:
        yield f"{words[4]} has {free // 2**20} MiB left of {size // 2**20}"
    if nodes and left * 10 < nodes:
        yield f"{words[4]} has {left} inodes left of {nodes}"


RELEASE_RULES = (
    Rule(
        id="RL-01", severity="critical", title="only root can write to the release", judge=_writable,
        reads="owner and mode of every file of the release that runs, but for tmp and log", groups=("nodes",),
        command="chown -R root:GROUP DIRECTORY; chmod -R g-w,o-w DIRECTORY; what the node writes there, such as tmp and"
        " log, stays its user's", sources=(_EEF,), others={"CIS": "7.1.11"},
    ),
    Rule(
        id="RL-02", severity="critical", title="the release contains only files and directories",
        judge=_special,
        reads="type and mode of everything in the release that runs", groups=("nodes",),
        command="deployer deploy site.yml -i inventory.yml (it unpacks anew)", sources=("CVE-2007-4559 and its kind",),
        others={"CIS": "7.1.13"},
    ),
    Rule(
        id="RL-03", severity="high", title="no link leads out of the release", judge=_links, profile="strict",
        reads="targets of the links in the release that runs", groups=("nodes",),
        command="find DIRECTORY -type l -ls", sources=("mix release packs what links lead to",),
    ),
    Rule(
        id="RL-05", severity="high", title="what runs is what a start would take", judge=_current,
        reads="/proc/PID/exe, releases/start_erl.data and -mode", groups=("nodes",),
        command="deployer deploy site.yml -i inventory.yml; or restart the node", sources=(_EEF,),
    ),
    Rule(
        id="RL-08", severity="high", title="the release's file system has free space", judge=_space,
        reads="free bytes and inodes of its file system: a tenth, or 10 GiB", groups=("nodes",),
        fix="release: {name: shop, tarball: dist/shop-1.4.2.tar.gz, keep: 2}",
        command="du -x --inodes DIRECTORY | sort -n",
        sources=("a deploy that runs out of room half way",),
    ),
    Rule(
        id="RL-09", severity="low", title="the release contains no development tools", judge=_tools, profile="strict",
        reads="names of the applications in lib/", groups=("nodes",),
        command="leave them out of extra_applications, and build anew", sources=(_EEF,),
    ),
    Rule(
        id="ED-12", severity="high", title="the runtime is of a series that gets fixes, and has them", judge=_erts,
        reads="the version of ERTS in the path of the program that runs", groups=("nodes",),
        command="build the release with a newer OTP: the host's updates do not reach into it. A package's own runtime"
        " (/usr/lib/erlang) has the fixes that its distribution puts in: apt changelog erlang-base",
        sources=("erlang/otp security advisories", "CVE-2026-48860"),
    ),
    Rule(
        id="ED-13", severity="critical", title="no ssh application that lets everybody in", judge=_ssh,
        reads="the version of ssh in lib/ of what runs", groups=("nodes",), sources=("CVE-2025-32433",),
        command="build without :ssh, or with OTP 25.3.2.20, 26.2.5.11, 27.3.3 or newer",
    ),
    Rule(
        id="SB-01", severity="high", title="nothing that runs has a known vulnerability", judge=_vulnerable,
        reads="names and versions in lib/ and of ERTS, against --advisories (OSV, CVE records), on this machine alone",
        groups=("nodes",), command="mix deps.update NAME, or a newer OTP; build and deploy anew. A package's own"
        " runtime may have a fix without its number: apt changelog erlang-base",
        sources=("OSV, ecosystem Hex", "Erlang Ecosystem Foundation CNA"), others={"Lynis": "PKGS-7392"},
    ),
)  # fmt: skip
"""All of them."""

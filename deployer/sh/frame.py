r"""Many fragments become one program; one stream becomes many answers.

A program travels as ``LENGTH\nTEXT`` on the standard input of a constant command (`BOOTSTRAP`), followed by its blobs.
The text is complete in memory before its first line runs, so a cut transfer runs nothing, and since every fragment has
``/dev/null`` for input, no child can eat what follows. Answers come back as ``MARKER INDEX RC LENGTH\nBODY``.
"""

from __future__ import annotations

import getpass
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from deployer.model import Blob
from deployer.sh.blobs import following, taking
from deployer.sh.known import Known, Pooled, Reads, read_together
from deployer.sh.text import Sh, lines, script, sh, told_once

READY = b"deployer-ready\n"
BOOTSTRAP = (
    'LC_ALL=C; export LC_ALL; echo deployer-ready; IFS= read -r n && p=$(head -c "$n") && '
    '[ "${#p}" -eq "$n" ] && eval "$p"'
)
"""Runs as ``/bin/sh -c BOOTSTRAP deployer "$SSH_CONNECTION"``: constant, so nothing of ours is ever in argv."""

LOGIN_USER = "the login user"
"""The login user of the host, as a user to run as; without a declared name only sudo on the host knows it."""
_STRANGE = re.compile(r"[^A-Za-z0-9@._-]")
_STRANGE_LABEL = re.compile(r"[^ -~]")
BEAT = 10.0
"""Seconds between two lines that tell a host that the run is alive (``watch.sh``)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One fragment's answer.

    Attributes:
        index: which fragment, counted from 0.
        rc: its exit status; 3 means "cannot know yet" by convention of the probes.
        out: what it printed to standard output (for a step: to both streams); undecodable bytes are surrogates.
    """

    index: int
    rc: int
    out: str


@cache
def this_run() -> str:
    """Return the name of this run in the hosts' logs: ``TIME-DIGITS PERSON@MACHINE``, printable, no tabs."""
    try:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        who = "somebody"
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)} {_STRANGE.sub('?', who)[:100]}"


@dataclass(frozen=True, slots=True)
class Program:
    """Fragments to run in order on one host.

    Attributes:
        fragments: one answer is framed for each.
        writes: True for a program of steps: it may change the host, waits until no other such program does, stops at
            the first failure, and each step ignores HUP and PIPE so that a lost connection cannot leave it half done.
            A probe's program runs all fragments. It ends with the run that asks, a program of steps after its step.
        blobs: files put on the host before the first fragment; a fragment finds blob I at ``"$blobs/I"``.
        become: run as root through sudo when the login is not root.
        units: what systemd is asked about in one go; ``unit_show`` in a fragment answers from it, or asks by itself.
        known: fragment index → what is looked at together with all others, before the first fragment; only where that
            cannot tell the answer the fragment runs.
        reads: what else fragments want to have read before the first of them.
        users: fragment index → the user it runs as, where that is not the program's own; `LOGIN_USER` is one, too.
        given: fragment index of such a user → the blobs that are handed to him.
        bounds: fragment index of such a user → seconds until it is killed, whatever he does to his processes.
        people: fragment index → seconds until it is killed, of a step that runs what a person wrote: with default
            signals and the login's umask, and no longer than the run that asked for it.
        labels: what each fragment does, in a few words, for a run that waits for this one.
        run: which run this is, and whose; a step that notes what it does finds it as ``$run``.
        lease: ``held``: the run has the lease of the host, says so again with this program, and writes only while that
            is so. ``edit``: a person's word on the lease itself, or on what waits, whoever has it. ``look``: it
            only reads who has it. Empty: it writes where no other run has the lease.
        brief: it ends by itself within seconds, whoever is there, so that nothing has to watch it.
        hear: is told what a step says (``say TEXT``) while it runs; what it raises ends the listening, not the step.
    """

    fragments: tuple[Sh, ...]
    writes: bool = False
    blobs: tuple[Blob, ...] = ()
    become: bool = False
    units: tuple[str, ...] = ()
    known: Mapping[int, Known | Pooled] = field(default_factory=dict)
    reads: tuple[Reads, ...] = ()
    users: Mapping[int, str] = field(default_factory=dict)
    given: Mapping[int, Sequence[int]] = field(default_factory=dict)
    bounds: Mapping[int, int] = field(default_factory=dict)
    people: Mapping[int, int] = field(default_factory=dict)
    labels: Sequence[str] = ()
    marker: str = field(default_factory=lambda: f"@{secrets.token_hex(8)}")
    run: str = field(default_factory=this_run)
    lease: Literal["", "held", "edit", "look"] = ""
    brief: bool = False
    hear: Callable[[str], None] | None = None


def prelude() -> str:
    """Return the functions that every program starts with (``prelude.sh`` and what follows it here)."""
    return lines(*map(_part, ("prelude.sh", "files.sh", "processes.sh", "watch.sh"))).text


def _part(name: str) -> Sh:
    return script(name, "deployer.sh")


def encode(program: Program, *, watched: bool = False) -> str:
    """Return the whole text of a program, ready for sh or shellcheck. It holds no secret: those are blobs.

    Args:
        program: what to run.
        watched: whoever sends it then writes a line every `BEAT` seconds, and the program ends when those do.
    """
    leased, steps = program.lease == "held", program.writes and program.lease != "edit"
    words = program.marker, program.run, "yes" if program.hear else "", "yes" if leased else ""
    parts = ["#!/bin/sh", sh("marker={} run={} hears={} leased={}", *words).text, prelude(), "start"]
    parts += [_part(name).text for name in _rooms(program)]
    parts += [_tools(program)] if set(program.users) - set(program.people) else []
    parts += _functions(program)
    if steps:
        parts += ["steps_open || refuse"]
    elif program.blobs:
        parts += ["blobs_open || refuse"]
    parts += taking(program.blobs)
    if watched and not program.brief:
        parts += ["watch_open"]
    if steps:
        # From here on it changes the host: a vanished reader must not end it in mid-step.
        parts += ["trap '' HUP PIPE"]
    elif leased:
        parts += ["lease_renew || :"]
    if program.units:
        parts += [sh("units_read {}", program.units).text]
    if not program.writes:
        parts += _reading(program)
    calls = [_call(i, program) for i in range(len(program.fragments))]
    parts += ["main() {\n" + "\n".join(calls or ["  :"]) + "\n}", "main </dev/null", "finish"]
    return "\n".join(parts)


def payload(program: Program, *, watched: bool = False) -> Iterator[bytes]:
    """Yield what goes to standard input: length, text, blobs.

    Raises:
        EOFError: a file has become shorter since its size was told.
        OSError: a file cannot be read any more.
    """
    text = encode(program, watched=watched).encode("utf-8", "surrogateescape")
    yield b"%d\n%b" % (len(text), text)
    for blob in program.blobs:
        yield from following(blob)


def _rooms(program: Program) -> Iterator[str]:
    """Yield the files that a program needs in addition to the prelude."""
    steps = program.writes and program.lease != "edit"
    if program.blobs or steps:
        yield "upload.sh"
    if any("units_judged" in fragment.text for fragment in program.fragments):
        yield "judged.sh"
    if program.writes or program.lease:
        yield "lease.sh"
    if program.lease == "edit":
        yield "lease_edit.sh"
    if steps:
        yield "steps.sh"


def _functions(program: Program) -> list[str]:
    """Return what several fragments bring, then each as a function; one of another user has only what it brings."""
    apart = {*program.users, *program.people}
    own = [i for i in range(len(program.fragments)) if i not in apart]
    shared, left = told_once([program.fragments[i].text for i in own])
    bodies = dict(zip(own, left, strict=True))
    return [
        *shared,
        *(
            f"fragment_{i}() {{\n{bodies[i] if i in bodies else _apart(i, program)}\n}}"
            for i in range(len(program.fragments))
        ),
    ]


def _apart(index: int, program: Program) -> str:
    body, user = program.fragments[index], program.users.get(index)
    own = f"main() {{\n{body}\n}}\nmain </dev/null"
    if index in program.people:
        return sh("people {} {} {}", program.people[index], user or "", own).text
    bound, given = program.bounds.get(index, ""), program.given.get(index, ())
    return sh("bound={}\nas {} {} {}", bound, user or "", own, given).text


def _tools(program: Program) -> str:
    """Return what fragments of other users begin with: the same functions."""
    words = sh("marker={} run={} hears='' leased=''", program.marker, program.run).text
    return sh(
        "tools={}", "\n".join([words, prelude(), *([_part("upload.sh").text] if any(program.given.values()) else [])])
    ).text


def _reading(program: Program) -> list[str]:
    """Return what reads for all fragments in one go."""
    text = "\n".join(fragment.text for fragment in program.fragments)
    parts = ["net_read"] if "sockets_listed" in text or "heard_at" in text else []
    whose = " servers" if "ssh_ports" in text else "" if "process_" in text else None
    together = list(read_together(program.known.values(), program.reads))
    if whose is not None:
        looked = any(part.startswith("places_read") for part in together)
        parts.append(f"processes_{'named' if looked else 'read'}{whose}")
    return [*parts, *together]


def _call(index: int, program: Program) -> str:
    if program.lease == "edit":
        return f"  edit {index}"
    if not program.writes:
        one = program.known.get(index)
        if one is None or index in program.users:
            return f"  ask {index}"
        return f"  {one.call(index)}"
    kind = "people" if index in program.people else "own"
    label = program.labels[index] if index < len(program.labels) else f"step {index + 1}"
    words = index, kind, _STRANGE_LABEL.sub("?", label)[:100]
    return sh('  step {} {} {}\n  [ "$failed" -eq 0 ] || return 0', *words).text

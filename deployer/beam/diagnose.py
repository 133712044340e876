"""Known reasons why a node does not start, by the last lines of its unit or the slogan of its crash dump.

The texts were seen with OTP 25 to 29, Elixir 1.14 to 1.20, glibc and systemd.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LINES_LIMIT, _LINE_LIMIT, _SHOWN = 500, 4000, 300


@dataclass(frozen=True, slots=True)
class Advice:
    """What is probably wrong.

    Attributes:
        cause: one sentence.
        advice: what to do, one line.
        line: the line that shows it, at most 300 characters of it.
    """

    cause: str
    advice: str
    line: str


@dataclass(frozen=True, slots=True)
class _Pattern:
    """``cause`` and ``advice`` may name the groups of ``seen`` by number."""

    seen: re.Pattern[str]
    cause: str
    advice: str


def diagnose(lines: Sequence[str]) -> Advice | None:
    """Return advice for the first pattern that matches, the most specific first, newest line first; else None."""
    recent = [line[:_LINE_LIMIT] for line in reversed(lines[-_LINES_LIMIT:])]
    for pattern in _PATTERNS:
        for line in recent:
            if match := pattern.seen.search(line):
                found = match.groups()
                return Advice(pattern.cause.format(*found), pattern.advice.format(*found), line[:_SHOWN])
    return None


def _pattern(seen: str, cause: str, advice: str) -> _Pattern:
    return _Pattern(re.compile(seen, re.ASCII), cause, advice)


_PATTERNS = (
    _pattern(
        r"the name ([\w@.:-]{1,255}) seems to be in use by another Erlang node",
        "another node is already registered as {0} in this host's EPMD",
        "stop the other node, or give one of them another name under nodes",
    ),
    _pattern(
        r"register/listen error: eaddrinuse",
        "the distribution port is taken, or no port of the range is free",
        "widen cluster.ports, or stop what listens there: ss -ltnp",
    ),
    _pattern(
        r"register/listen error: econnrefused",
        "no EPMD answers on the declared port",
        "check the unit of EPMD: systemctl status epmd; cluster.epmd_port must be the same for both",
    ),
    _pattern(
        r"register/listen error: eaddrnotavail",
        "the host does not have the address that the distribution should listen on",
        "compare cluster.bind with: ip address",
    ),
    _pattern(
        r"register/listen error: (\w{1,40})",
        "the node cannot listen for distribution: {0}",
        "check cluster.bind and cluster.ports",
    ),
    _pattern(
        r"Protocol 'inet_tls': not supported",
        "cluster.tls is on, but the release does not contain ssl",
        "add :ssl to extra_applications in mix.exs and build the release again",
    ),
    _pattern(
        r"Cookie file \S+ must be accessible by owner only",
        "users other than the node's user can read the cookie file",
        "deploy again: the file must be 0400, owned by the node's user, without an ACL",
    ),
    _pattern(
        r"Error when reading \S*\.erlang\.cookie: (\w{1,20})",
        "the node cannot read its cookie file: {0}",
        "deploy again: the file must belong to the node's user",
    ),
    _pattern(r"Too short cookie string", "the cookie file is empty", "declare cluster.cookie and deploy again"),
    _pattern(
        r"releases/COOKIE: No such file",
        "the start script looks for releases/COOKIE, because RELEASE_COOKIE is not set",
        "check what releases/VERSION/env.sh does with RELEASE_COOKIE",
    ),
    _pattern(
        r"filename,basedir_join_home|basedir_join_home",
        "HOME is not set, and the node looks for its cookie there",
        "set HOME in the unit; check what releases/VERSION/env.sh does with it",
    ),
    _pattern(
        r"Hostname \S{1,255} is illegal|Can't set (?:short|long) node name",
        "the node's name does not match its kind: long and short names cannot be mixed",
        "a long name has a dot or an address after the @, a short name has neither; cluster.names must match",
    ),
    _pattern(
        r"bad_environment_value,\s*\\?\"(.{0,80}?)\\?\"",
        "a flag in vm.args has a value that is not an Erlang term: {0}",
        "correct it in nodes.vm_args or in the release's vm.args; put quotes around the whole term",
    ),
    _pattern(
        r"could not fetch environment variable \"?:?(\w{1,100})",
        "the release asks for the environment variable {0}, which is not set",
        "declare {0} under env or nodes.env and deploy again",
    ),
    _pattern(
        r"environment variable (\w{1,100}) is missing",
        "the release asks for the environment variable {0}, which is not set",
        "declare {0} under env or nodes.env and deploy again",
    ),
    _pattern(
        r"Cannot start release because it could not write (\S{1,200})",
        "the release may not write its runtime configuration: {0}",
        "RELEASE_TMP must be a directory of the node's user; the unit sets one, so check releases/VERSION/env.sh",
    ),
    _pattern(
        r"version [`'](GLIBC_[\d.]{1,9}|GLIBCXX_[\d.]{1,9}|OPENSSL_[\d.]{1,9})' not found",
        "the release was built on a newer system: this host does not have {0}",
        "build the release on the oldest distribution among the hosts",
    ),
    _pattern(
        r"error while loading shared libraries: ([\w.+-]{1,80})",
        "this host does not have the library {0}",
        "install the package that contains it, or build the release on the same distribution",
    ),
    _pattern(
        r"(?:load_failed|Failed to load NIF library).{0,400}?([\w.+-]{1,80}\.so[\w.]{0,20})",
        "a native library of the release cannot be loaded: {0}",
        "build the release, with its NIFs, on the hosts' distribution and machine",
    ),
    _pattern(
        r"on_load function for module '?([\w.]{1,120})'? returned",
        "the native code of the module {0} cannot be loaded",
        "build the release, with its NIFs, on the hosts' distribution and machine",
    ),
    _pattern(
        r"[Ee]xec format error",
        "the release was built for another kind of machine",
        "build it on the same kind of machine as the hosts: uname -m",
    ),
    _pattern(
        r"No space left on device|\benospc\b",
        "a file system of the host is full",
        "check df -h; release.keep is how many old releases stay",
    ),
    _pattern(
        r"Cannot allocate \d+ bytes of memory|Out of memory|oom-kill",
        "the node ran out of memory",
        "check the crash dump, MemoryMax under unit, and free -m",
    ),
    _pattern(
        r"Too many open files|\bemfile\b",
        "the node ran out of file descriptors",
        "raise LimitNOFILE under unit in the inventory; the emulator's limit of ports follows from it",
    ),
    _pattern(
        r"status=217/USER|Failed to determine user credentials",
        "the unit's user does not exist",
        "deploy the role host first, or correct release.user",
    ),
    _pattern(
        r"status=203/EXEC|Failed at step EXEC"
        r"|/bin/sh: (?:line )?\d+: (?:exec: )?/\S+/bin/[^/ ]+: (?:Permission denied|not found)",
        "the unit cannot execute the release's start script",
        "check that release.root contains the release, and is not mounted noexec",
    ),
    _pattern(
        r"Failed to load environment files|status=243/CREDENTIALS|Failed to set up credentials",
        "systemd cannot read the unit's environment file or cookie",
        "deploy again; check the files that systemctl cat shows with ls -l",
    ),
    _pattern(
        r"cannot get bootfile",
        "the release's boot script is missing",
        "the unpacked release is damaged: deploy again",
    ),
    _pattern(
        r"(?:port|listener|Endpoint|:gen_tcp|[Ll]isten).{0,300}\beaddrinuse\b|port already in use",
        "a port that the application itself listens on is already in use",
        "stop what listens there: ss -ltnp; or give the node another port under nodes.env",
    ),
    _pattern(
        r"(?:port|listener|Endpoint|:?gen_tcp|ranch|Bandit|[Ll]isten).{0,400}\beacces\b",
        "the application may not listen on its port: only root may use ports below 1024",
        "give it a port of 1024 or higher (PORT under env), or AmbientCapabilities CAP_NET_BIND_SERVICE under unit",
    ),
    _pattern(
        r"tcp connect \(([\w.:-]{1,120})\): \S.{0,60}",
        "the application cannot reach {0}",
        "check that this service runs, and accepts this host",
    ),
    _pattern(
        r"\bnodistribution\b",
        "the node started without distribution: its name or its EPMD is wrong",
        "read the lines before; cluster.names and the unit of EPMD are the usual causes",
    ),
    _pattern(
        r"application_start_failure,(\w{1,100}),.{0,1000}?message => <<\\?\"(.{1,200}?)\\?\">>",
        "the application {0} did not start; it raised: {1}",
        "fix it in the release or in its settings (env, nodes.env), and deploy again",
    ),
    _pattern(
        r"Application \w{1,100} exited: shutdown\b|application_terminated,\w{1,100},shutdown",
        "an application stopped: one of its processes crashed again and again, until its supervisor gave up",
        "the lines before show which process and why: deployer logs NODE",
    ),
    _pattern(
        r"Application (\w{1,100}) exited: |application_start_failure,(\w{1,100})",
        "an application of the release did not start",
        "the reason is in the same line; read the innermost one first",
    ),
    _pattern(
        r"start(?:-pre|-post)? operation timed out",
        "it was not ready within the time that its unit allows for a start",
        "the lines before show what it waited for; unit.TimeoutStartSec is how long a start may take",
    ),
)

"""Lines of a release that speak of what the fleet's words decide: its vm.args, remote.vm.args, sys.config and env.sh.

What wins was tried with OTP 25: of two ``-name`` the first counts, and so it does for each key of ``-kernel``; ours
come before the release's own args files and after ERL_AFLAGS and ELIXIR_ERL_OPTIONS. ``-sname`` beats ``-name``
wherever it stands. Of a flag of the emulator, such as ``+Q``, the last counts. Any ``-kernel`` beats sys.config. env.sh
is sourced after systemd has set the environment, so whatever it sets counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from deployer.beam import sysconfig
from deployer.beam.names import Naming

Harm = Literal["always", "long", "short", "perhaps", "never"]
"""When a deploy would fail by it: in every cluster, in one with long or with short names, perhaps (it stands under a
condition), or never."""

_Rule = tuple[Harm, str]
_NAME = "the name follows from nodes[].name and nodes[].host: remove it"
_PORTS = "cluster.ports and cluster.bind come first: it has no effect"
_FLAGS: Mapping[str, _Rule] = {
    "-name": ("never", "nodes[].name comes first: it has no effect"),
    "-sname": ("long", f"{_NAME} (-sname beats -name wherever it stands)"),
    "-setcookie": ("never", "cluster.cookie is used: this has no effect but that all on the host can read it"),
    "-nocookie": ("always", "the cookie comes from cluster.cookie: remove it"),
    "-start_epmd": ("always", "EPMD is a service of its own: remove it"),
    "-no_epmd": ("always", "write cluster.epmd: false instead"),
    "-epmd_module": ("always", "nodes are looked for in EPMD, or at one port (cluster.epmd: false): remove it"),
    "-erl_epmd_port": ("always", "write cluster.epmd: false and nodes[].port instead"),
    "-dist_listen": ("always", "a node that does not listen joins no cluster: remove it"),
    "-proto_dist": ("always", "the protocol follows from cluster.bind and cluster.tls: remove it"),
    "-detached": ("always", "systemd follows the node's own process: remove it"),
    "-hidden": ("never", "other members do not list a hidden node: write cluster.mesh: none"),
    "-connect_all": ("never", "the mesh does not complete itself: write cluster.mesh: none"),
    "-heart": ("never", "systemd restarts the node: heart only stands in its way"),
    "-args_file": ("never", "the file that it names was not looked into"),
    "-ssl_dist_optfile": ("never", "cluster.tls brings its own: it has no effect"),
}  # fmt: skip
_KERNEL: Mapping[str, _Rule] = {
    "inet_dist_listen_min": ("never", _PORTS),
    "inet_dist_listen_max": ("never", _PORTS),
    "inet_dist_use_interface": ("never", _PORTS),
    "epmd_module": _FLAGS["-epmd_module"],
    "erl_epmd_node_listen_port": _FLAGS["-erl_epmd_port"],
}
_ASSIGNED: Mapping[str, _Rule] = {
    "HOME": ("always", "the node finds its cookie in the HOME that its unit gives it: remove it"),
    "RELEASE_COOKIE": ("always", "the cookie comes from cluster.cookie: remove it"),
    "RELEASE_NODE": ("always", _NAME),
    "RELEASE_DISTRIBUTION": ("always", "long or short names follow from cluster.names: remove it"),
    "RELEASE_TMP": ("always", "its unit gives the node a directory that nobody else reads: remove it"),
    "RELEASE_VM_ARGS": ("always", "flags of the node are written in nodes[].vm_args: remove it"),
    "RELEASE_REMOTE_VM_ARGS": ("always", "flags of remote commands follow from the cluster: remove it"),
    "RELEASE_ROOT": ("always", "the start script knows where it is: remove it"),
    "RELEASE_NAME": ("always", "the start script knows its release: remove it"),
    "RELEASE_VSN": ("always", "the start script knows its version: remove it"),
    "ERL_EPMD_PORT": ("always", "the port follows from cluster.epmd_port: remove it"),
    "ERL_CRASH_DUMP": ("never", "the dump lands there, and not where only the node's user reads it"),
    "LANG": ("never", "it must be a UTF-8 locale that the hosts have"),
}
_DISTRIBUTION: Mapping[str, Harm] = {"name": "short", "sname": "long"}
_EARLY, _LATE = frozenset({"ERL_AFLAGS", "ELIXIR_ERL_OPTIONS"}), frozenset({"ERL_FLAGS", "ERL_ZFLAGS"})
TEXT_LIMIT, CLASHES_LIMIT, _SHOWN = 1 << 16, 64, 100

_TOKEN = re.compile(r"""#[^\n]*|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+""", re.DOTALL)
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\$\([^()]*\)|`[^`]*`|\$\{[^}]*\}|\\.""", re.DOTALL)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_HERE = re.compile(r"<<-?\s*['\"\\]?(\w+)")
_OPENS, _CLOSES = (
    frozenset({"if", "case", "for", "while", "until", "{", "("}),
    frozenset({"fi", "esac", "done", "}", ")"}),
)
_LEADS = re.compile(r"then|else|do|\{|[^=]*\)")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")


@dataclass(frozen=True, slots=True)
class Clash:
    """A line that speaks of what the fleet's words decide.

    Attributes:
        file: inside the tarball.
        line: counted from 1.
        what: the flag or variable.
        text: the line itself, cut.
        harm: when a deploy would fail by it.
        advice: what comes of it, or what to write instead.
    """

    file: str
    line: int
    what: str
    text: str
    harm: Harm
    advice: str

    def breaks(self, names: Naming) -> bool:
        """Tell whether a node of a cluster with such names would not come up as declared."""
        return self.harm in ("always", names)


def of_args(file: str, text: str) -> Iterator[Clash]:
    """Yield what clashes in an args file (erl(1), ``-args_file``), by its name perhaps one of remote commands."""
    remote = "remote" in file.rpartition("/")[2]
    for line, flag, values in _flags(text):
        for what, (harm, advice) in _judge(flag, values, remote=remote):
            yield Clash(file, line, what, _shown(" ".join((flag, *values))), harm, advice)


def kernel(text: str) -> dict[str, str]:
    """Return what an args file sets of the kernel application; of a key that is given twice the first value counts."""
    found: dict[str, str] = {}
    for _, flag, values in _flags(text):
        if flag == "-kernel":
            for key, value in zip(values[::2], values[1::2], strict=False):
                found.setdefault(key, value)
    return found


def ports(text: str) -> int | None:
    """Return the emulator's port limit (``+Q``) that an args file sets; None when it sets none."""
    said = [flag[2:] or "".join(values[:1]) for _, flag, values in _flags(text) if flag.startswith("+Q")]
    return int(said[-1]) if said and said[-1].isdecimal() else None


def of_config(file: str, text: str) -> Iterator[Clash]:
    """Yield what clashes in a sys.config."""
    for found in sysconfig.kernel(text):
        if found.key in _KERNEL:
            yield Clash(file, found.line, found.key, _shown(f"{found.key}: {found.value}"), *_KERNEL[found.key])


def of_env(file: str, text: str) -> Iterator[Clash]:
    """Yield what clashes in an env.sh; what stands under a condition clashes perhaps."""
    for line, certain, command in _commands(text):
        for word, what, harm, advice in _assigned(command):
            keep = f"; or let what is set win: {what}=${{{what}:-…}}" if harm == "always" and what in _ASSIGNED else ""
            real: Harm = harm if certain or harm == "never" else "perhaps"
            yield Clash(file, line, what, _shown(word), real, advice + keep)


def _judge(flag: str, values: list[str], *, remote: bool = False, early: bool = False) -> Iterator[tuple[str, _Rule]]:
    """Yield what a flag clashes with. ``early``: it comes before ours."""
    if flag == "-env" and values[:1] and values[0] in _ASSIGNED:
        yield f"-env {values[0]}", _ASSIGNED[values[0]]
    elif flag == "-kernel":
        for key in values[::2]:
            if key in _KERNEL:
                harm, advice = _KERNEL[key]
                yield (
                    key,
                    ("always", "it comes before ours: remove it") if early and harm == "never" else (harm, advice),
                )
    elif (flag, values) == ("-start_epmd", ["false"]) or (remote and flag in ("-dist_listen", "-hidden")):
        return
    elif flag == "-setcookie" and len(values) == 2:
        yield flag, _FLAGS["-nocookie"]
    elif flag == "-name" and early:
        yield flag, ("always", _NAME)
    elif flag in _FLAGS:
        yield flag, _FLAGS[flag]


def _flags(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line, flag and values; a line of a comment and what comes after ``-extra`` are none."""
    line, at, found = 1, 0, []
    for token in _TOKEN.finditer(text[:TEXT_LIMIT]):
        if token[0].startswith("#"):
            continue
        line, at = line + text.count("\n", at, token.start()), token.start()
        word = _bare(token[0])
        if word in ("-extra", "--"):
            break
        if word[:1] in ("-", "+"):
            found.append((line, word, list[str]()))
        elif found:
            found[-1][2].append(word)
    yield from found


def _commands(text: str) -> Iterator[tuple[int, bool, list[str]]]:
    """Yield the simple commands of sh text: line, whether it always runs as far as can be seen, its words."""
    depth, certain, until, first, pending = 0, True, "", 1, ""
    for number, raw in enumerate(text[:TEXT_LIMIT].split("\n"), 1):
        if until:
            until = "" if raw.strip() == until else until
            continue
        first, pending = (first, pending + raw) if pending else (number, raw)
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        line, pending = pending, ""
        masked = _COMMENT.sub("", _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), line))
        if here := _HERE.search(line):
            until = here[1]
        certain &= not set("'\"`") & set(masked)  # a quote that another line closes: from here on it is a guess
        alone = not re.search(r"&&|\|", masked)
        for part in re.finditer(r"[^;]+", masked):
            words = [
                line[part.start() + word.start() : part.start() + word.end()] for word in re.finditer(r"\S+", part[0])
            ]
            depth = max(0, depth + sum(word in _OPENS for word in words))
            yield first, certain and alone and not depth, words
            depth = max(0, depth - sum(word in _CLOSES for word in words))


def _assigned(command: list[str]) -> Iterator[tuple[str, str, Harm, str]]:
    """Yield each word that sets or unsets something for good, what that is, and the rule."""
    words = [word for word in command if not _LEADS.fullmatch(word)]
    if words[:1] == ["unset"]:
        gone = "what the unit sets would be gone: remove it"
        yield from ((f"unset {word}", word, "always", gone) for word in words if word in _ASSIGNED)
        return
    lasting = words[:1] in (["export"], ["readonly"]) or all(_ASSIGNMENT.match(word) for word in words)
    for word in words if lasting else ():
        if not (match := _ASSIGNMENT.match(word)):
            continue
        name, value = match[1], _bare(word[match.end() :])
        if name in _EARLY | _LATE:
            for _, flag, values in _flags(value):
                yield from (
                    (word, f"{name} {what}", *rule) for what, rule in _judge(flag, values, early=name in _EARLY)
                )
        elif name in _ASSIGNED and not re.match(rf"\$\{{{name}:?[-=]", value):
            harm, advice = _ASSIGNED[name]
            if name == "RELEASE_DISTRIBUTION":
                harm = _DISTRIBUTION.get(value, harm)
            yield word, name, harm, advice


def _bare(word: str) -> str:
    """Return a word without its quotes and backslashes."""
    return re.sub(r"""(['"])(.*?)\1""", r"\2", word, flags=re.DOTALL).replace("\\", "")


def _shown(text: str) -> str:
    """Return text as it may be printed; the value of a cookie is nobody's business."""
    text = re.sub(r"(-setcookie\s+|RELEASE_COOKIE=)\S.*", r"\1…", text)
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

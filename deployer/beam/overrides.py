"""What flags and variables of a node would undo of what the fleet declares: one rule for every door they come in by.

The doors are vm.args and env.sh of a release, ``env``, ``nodes[].env`` and ``nodes[].vm_args`` of an inventory, and on
a host drop-ins of the unit and the environment of systemd. What wins was tried with OTP 25: of two ``-name`` the first
counts, and so it does for each key of ``-kernel``; ours come before the release's own args files and after ERL_AFLAGS
and ELIXIR_ERL_OPTIONS. ``-sname`` beats ``-name`` wherever it stands. Of a flag of the emulator, such as ``+Q``, the
last counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

Harm = Literal["always", "long", "short", "perhaps", "never"]
"""When a deploy would fail by it: in every cluster, in one with long or with short names, perhaps (it stands under a
condition), or never."""

Override = tuple[Harm, str]
_NAME = "the name follows from nodes[].name and nodes[].host: remove it"
_PORTS = "cluster.ports and cluster.bind come first: it has no effect"
_FLAGS: Mapping[str, Override] = {
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
KERNEL: Mapping[str, Override] = {
    "inet_dist_listen_min": ("never", _PORTS),
    "inet_dist_listen_max": ("never", _PORTS),
    "inet_dist_use_interface": ("never", _PORTS),
    "epmd_module": _FLAGS["-epmd_module"],
    "erl_epmd_node_listen_port": _FLAGS["-erl_epmd_port"],
}
ASSIGNED: Mapping[str, Override] = {
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
    "RELEASE_LIB": ("always", "the start script knows where it is: remove it"),
    "RELEASE_COMMAND": ("always", "the start script knows what it was asked for: remove it"),
    "RELEASE_PROG": ("always", "the start script knows its own name: remove it"),
    "RELEASE_BOOT_SCRIPT": ("always", "the release's own boot script is started: remove it"),
    "RELEASE_BOOT_SCRIPT_CLEAN": ("always", "the release's own boot script is started: remove it"),
    "RELEASE_SYS_CONFIG": ("always", "the release's own sys.config is read: put it there"),
    "BINDIR": ("always", "erl knows where its programs are: remove it"),
    "ROOTDIR": ("always", "erl knows where it is: remove it"),
    "ERL_ROOTDIR": ("always", "erl knows where it is: remove it"),
    "EMU": ("always", "erl knows its emulator: remove it"),
    "PROGNAME": ("always", "erl knows its own name: remove it"),
    "ELIXIR_CLI_DRY_RUN": ("always", "a node would only print how it would be started: remove it"),
    "ERL_EPMD_PORT": ("always", "the port follows from cluster.epmd_port: remove it"),
    "ERL_EPMD_ADDRESS": ("always", "EPMD listens where cluster.bind says: remove it"),
    "ERL_CRASH_DUMP": ("never", "the dump lands there, and not where only the node's user reads it"),
    "LANG": ("never", "it must be a UTF-8 locale that the hosts have"),
}
_DISTRIBUTION: Mapping[str, Harm] = {"name": "short", "sname": "long"}
_EARLY, _LATE = frozenset({"ERL_AFLAGS", "ELIXIR_ERL_OPTIONS"}), frozenset({"ERL_FLAGS", "ERL_ZFLAGS"})

LEFT_ALONE = frozenset({
    "BINDIR", "ROOTDIR", "ERL_ROOTDIR", "EMU", "PROGNAME", "ELIXIR_CLI_DRY_RUN", "ERL_EPMD_ADDRESS",
    "RELEASE_BOOT_SCRIPT", "RELEASE_BOOT_SCRIPT_CLEAN", "RELEASE_SYS_CONFIG",
})  # fmt: skip
"""Those that the unit does not set, so that to unset them undoes nothing."""
STEERING = frozenset({*ASSIGNED, *_EARLY, *_LATE, "PATH"})
"""Every variable that there is a rule for."""
TEXT_LIMIT = 1 << 16
"""Characters that are read of a text of flags."""

_TOKEN = re.compile(r"""#[^\n]*|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+""", re.DOTALL)


def judge_variable(name: str, value: str) -> Iterator[tuple[str, Override]]:
    """Yield what a variable of a node's environment clashes with, and the rule; the value is in no word of it."""
    if name in _EARLY | _LATE:
        for _, flag, values in flags_of(value):
            yield from ((f"{name} {what}", rule) for what, rule in judge_flag(flag, values, early=name in _EARLY))
    elif name == "PATH" and "$" not in value:
        places = value.split(":")
        if not all(place.startswith("/") for place in places) or not {"/bin", "/usr/bin"} & {*places}:
            yield (
                name,
                ("always", "write absolute directories, /usr/bin among them: the start script finds its tools there"),
            )
    elif name == "RELEASE_DISTRIBUTION":
        yield name, (_DISTRIBUTION.get(value, "always"), ASSIGNED[name][1])
    elif name in ASSIGNED:
        yield name, ASSIGNED[name]


def judge_flag(
    flag: str, values: list[str], *, remote: bool = False, early: bool = False
) -> Iterator[tuple[str, Override]]:
    """Yield what a flag of the emulator or of init clashes with, and the rule.

    Args:
        flag: with its dash.
        values: what stands behind it, up to the next flag.
        remote: of an args file of remote commands.
        early: it comes before ours.
    """
    if flag == "-env" and values[:1] and values[0] in ASSIGNED:
        yield f"-env {values[0]}", ASSIGNED[values[0]]
    elif flag == "-kernel":
        for key in values[::2]:
            if key in KERNEL:
                harm, advice = KERNEL[key]
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


def flags_of(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line, flag and values; a line of a comment and what comes after ``-extra`` are none."""
    line, at, found = 1, 0, []
    for token in _TOKEN.finditer(text[:TEXT_LIMIT]):
        if token[0].startswith("#"):
            continue
        line, at = line + text.count("\n", at, token.start()), token.start()
        word = bare(token[0])
        if word in ("-extra", "--"):
            break
        if word[:1] in ("-", "+"):
            found.append((line, word, list[str]()))
        elif found:
            found[-1][2].append(word)
    yield from found


def kernel(text: str) -> dict[str, str]:
    """Return what an args file sets of the kernel application; of a key that is given twice the first value counts."""
    found: dict[str, str] = {}
    for _, flag, values in flags_of(text):
        if flag == "-kernel":
            for key, value in zip(values[::2], values[1::2], strict=False):
                found.setdefault(key, value)
    return found


def port_limit(text: str) -> int | None:
    """Return the emulator's port limit (``+Q``) that an args file sets; None when it sets none."""
    said = [flag[2:] or "".join(values[:1]) for _, flag, values in flags_of(text) if flag.startswith("+Q")]
    return int(said[-1]) if said and said[-1].isdecimal() else None


def bare(word: str) -> str:
    """Return a word without its quotes and backslashes."""
    return re.sub(r"""(['"])(.*?)\1""", r"\2", word, flags=re.DOTALL).replace("\\", "")

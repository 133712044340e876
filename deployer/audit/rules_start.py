"""Rules about what a node reads when it starts and leaves when it crashes: flags, files, crash dumps."""

from __future__ import annotations

import re

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, Process, modes
from deployer.audit.rule import Complaints, Rule, of_each_beam

_STRANGE = re.compile(r"^(ERL_[AZ]?FLAGS|ERL_\w*LIBS|ELIXIR_ERL_OPTIONS)$", re.ASCII)


@of_each_beam
def _dumps(beam: Process) -> Complaints:
    """The runtime creates a crash dump with mode 0640 at most, in any directory; an existing one keeps its mode.

    A setgid directory (2750) gives the dump its group.
    """
    environ, own = beam.environ, ("root", beam.user)
    for mode, owner, group, path in modes(beam.read("dumps", "its crash dumps")):
        if path != "/dev/null" and (mode & 0o007 or (mode & 0o070 and group not in own)):
            yield (
                f"{path} has mode {mode:04o} and owner {owner}:{group}: a crash dump contains whatever the node had in"
                " memory"
            )
    if "0" in (environ.get("ERL_CRASH_DUMP_SECONDS"), environ.get("ERL_CRASH_DUMP_BYTES")):
        return  # it writes none
    place = next(iter(modes(beam.read("dump_dir", "the directory of its crash dumps"))), None)
    if place is None:
        raise CannotTell(f"{beam.name}: this user cannot read the directory of its crash dumps")
    mode, owner, group, path = place
    if mode & 0o002 or (mode & 0o020 and group not in own) or owner not in own:
        yield (
            f"a crash dump would be written to {path} (mode {mode:04o}, owner {owner}:{group}): other users who can"
            " write there can put a file of their own in its place"
        )
    elif mode & 0o2000 and group not in own:
        yield f"a crash dump written to {path} (mode {mode:04o}) would belong to the group {group}, which could read it"


@of_each_beam
def _dump_size(beam: Process) -> Complaints:
    if not {"ERL_CRASH_DUMP_BYTES", "ERL_CRASH_DUMP_SECONDS"} & beam.environ.keys():
        yield "a crash dump can become as large as the node's memory, and writing it takes as long as that needs"


@of_each_beam
def _dotfiles(beam: Process) -> Complaints:
    beam.need_home()
    if "house_seen" not in beam.raw:
        raise CannotTell(f"{beam.name}: this user cannot look into its home")
    for mode, owner, _, path in modes(beam.read("dotfiles", "the files in its home")):
        if owner != "root" or mode & 0o022:
            yield f"{path} (mode {mode:04o}, owner {owner}) runs at each start or console; not only root can write it"


def _flags(facts: Facts) -> Complaints:
    said = facts.machine("flags", "the environment of all logins").split()
    for line in said:
        yield f"{line.removeprefix('export ')} is set for every login, so every BEAM that is started by hand gets it"


@of_each_beam
def _steered(beam: Process) -> Complaints:
    for name, value in beam.environ.items():
        if _STRANGE.match(name) and re.search(r"-(setcookie|name|sname|proto_dist|pa|pz|eval|run|s)\b", value):
            yield f"{name} in its environment has flags that change its identity or what it runs"


START_RULES = (
    Rule(
        id="UN-05", severity="high", title="only the node reads its crash dumps", judge=_dumps,
        reads="ERL_CRASH_DUMP of the running node, the mode of that directory, existing dumps", groups=("nodes",),
        fix="env: {ERL_CRASH_DUMP: /var/lib/beam/shop/erl_crash.dump}",
        command="chmod 0600 erl_crash.dump; for a node from a package: systemctl edit UNIT, and there [Service]"
        " Environment=ERL_CRASH_DUMP=/var/lib/NAME/erl_crash.dump; if its start script sets the path itself,"
        " ERL_CRASH_DUMP_BYTES=0 turns dumps off",
        sources=("Erlang Ecosystem Foundation, Security WG: crash dumps",),
    ),
    Rule(
        id="UN-08", severity="low", title="crash dumps have a size and time limit", judge=_dump_size, profile="strict",
        reads="ERL_CRASH_DUMP_BYTES and _SECONDS of the running node", groups=("nodes",),
        fix='env: {ERL_CRASH_DUMP_BYTES: "100000000"}', sources=("OTP, erl(1)",),
    ),
    Rule(
        id="HO-01", severity="high", title="a starting node runs no file from its home", judge=_dotfiles,
        reads="~/.erlang, ~/.config/erlang/.erlang and ~/.iex.exs, their owner and mode", groups=("nodes",),
        command="rm ~USER/.erlang ~USER/.iex.exs", sources=("OTP, erl(1): the file .erlang",),
    ),
    Rule(
        id="HO-02", severity="medium", title="no Erlang flags are set for the whole host", judge=_flags,
        reads="/etc/environment, /etc/environment.d and /etc/profile.d", groups=("machine",),
        command="remove ERL_FLAGS and similar variables from /etc/environment", sources=("OTP, erl(1): ERL_AFLAGS",),
    ),
    Rule(
        id="HO-03", severity="medium", title="no flag in the environment changes a node's identity", judge=_steered,
        reads="ERL_AFLAGS, ERL_FLAGS, ERL_ZFLAGS and ELIXIR_ERL_OPTIONS of the running node", groups=("nodes",),
        fix="nodes: [{name: shop, vm_args: ['+S 2:2']}]", sources=("OTP, erl(1): ERL_AFLAGS",), profile="strict",
    ),
)  # fmt: skip
"""All of them."""

"""Rules about what surrounds a node from its start to its fall: flags and files that steer it, and its crash dumps."""

from __future__ import annotations

import re

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, Process, modes
from deployer.audit.rule import Complaints, Rule, of_each_beam

_STRANGE = re.compile(r"^(ERL_[AZ]?FLAGS|ERL_\w*LIBS|ELIXIR_ERL_OPTIONS)$", re.ASCII)


@of_each_beam
def _dumps(beam: Process) -> Complaints:
    """The runtime itself makes a crash dump 0640 at most, in whatever directory; one that is there keeps its mode.

    Whose group that is says the directory, where it has the bit for it (2750).
    """
    environ, own = beam.environ, ("root", beam.user)
    for mode, owner, group, path in modes(beam.read("dumps", "its crash dumps")):
        if path != "/dev/null" and (mode & 0o007 or (mode & 0o070 and group not in own)):
            yield f"{path} is {mode:04o} of {owner}:{group}: a crash dump holds whatever the node had in memory"
    if "0" in (environ.get("ERL_CRASH_DUMP_SECONDS"), environ.get("ERL_CRASH_DUMP_BYTES")):
        return  # it writes none
    place = next(iter(modes(beam.read("dump_dir", "the directory of its crash dumps"))), None)
    if place is None:
        raise CannotTell(f"{beam.name}: the directory of its crash dumps cannot be read by this user")
    mode, owner, group, path = place
    if mode & 0o002 or (mode & 0o020 and group not in own) or owner not in own:
        yield (
            f"a crash dump would be written to {path}, {mode:04o} of {owner}:{group}: who else may write there has"
            " a file of his own in its place"
        )
    elif mode & 0o2000 and group not in own:
        yield f"a crash dump written to {path}, {mode:04o}, would be the group's, and {group} may read it"


@of_each_beam
def _dump_size(beam: Process) -> Complaints:
    if not {"ERL_CRASH_DUMP_BYTES", "ERL_CRASH_DUMP_SECONDS"} & beam.environ.keys():
        yield "a crash dump may become as large as the node's memory, and take as long"


@of_each_beam
def _dotfiles(beam: Process) -> Complaints:
    beam.need_home()
    if "house_seen" not in beam.raw:
        raise CannotTell(f"{beam.name}: its home cannot be looked into by this user")
    for mode, owner, _, path in modes(beam.read("dotfiles", "the files in its home")):
        if owner != "root" or mode & 0o022:
            yield f"{path}, {mode:04o} of {owner}, runs at each start or console, and is not root's"


def _flags(facts: Facts) -> Complaints:
    said = facts.machine("flags", "the environment of all logins").split()
    for line in said:
        yield f"{line.removeprefix('export ')} is set for every login, and reaches each BEAM that is started by hand"


@of_each_beam
def _steered(beam: Process) -> Complaints:
    for name, value in beam.environ.items():
        if _STRANGE.match(name) and re.search(r"-(setcookie|name|sname|proto_dist|pa|pz|eval|run|s)\b", value):
            yield f"{name} in its environment has flags that change who it is or what it runs"


START_RULES = (
    Rule(
        id="UN-05", severity="high", title="only the node reads its crash dumps", judge=_dumps,
        reads="ERL_CRASH_DUMP of the running node, that directory's mode, and dumps that are there", groups=("nodes",),
        fix="env: {ERL_CRASH_DUMP: /var/lib/beam/shop/erl_crash.dump}",
        command="chmod 0600 erl_crash.dump; where a package brought it: systemctl edit UNIT, and there [Service]"
        " Environment=ERL_CRASH_DUMP=/var/lib/NAME/erl_crash.dump; where its script names a place itself,"
        " ERL_CRASH_DUMP_BYTES=0: no dump",
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
        command="take ERL_FLAGS and its kind out of /etc/environment", sources=("OTP, erl(1): ERL_AFLAGS",),
    ),
    Rule(
        id="HO-03", severity="medium", title="no flag in the environment changes a node's identity", judge=_steered,
        reads="ERL_AFLAGS, ERL_FLAGS, ERL_ZFLAGS and ELIXIR_ERL_OPTIONS of the running node", groups=("nodes",),
        fix="nodes: [{name: shop, vm_args: ['+S 2:2']}]", sources=("OTP, erl(1): ERL_AFLAGS",), profile="strict",
    ),
)  # fmt: skip
"""All of them."""

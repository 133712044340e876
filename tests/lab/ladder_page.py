"""docs/ladder.md and the sentence of README about the ladder, made from the tables of rungs and wrong states."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from deployer.engine.ladder.rung import Rung
from tests.lab.wrong_states import TLS, WRONG

ROWS = [(rung, rung.row) for rung in Rung]
PAGE = Path(__file__).parents[2] / "docs" / "ladder.md"
README = PAGE.parents[1] / "README.md"
_HEAD = """\
# The verify ladder

`deployer verify site.yml -i inventory.yml` climbs {rungs} rungs for every node, from the bottom, over the SSH
connection that is already open. It boots no Erlang on a host and needs none on yours. The first rung that fails is
told with its cause and the next step; what lies above it rests on it and is not judged.

{table}

A rung that cannot be climbed is marked `?` and says why: no root to look at another user's process, no cookie
declared, no mesh expected. So is the last one of a node that is well and has not stayed so for `health.stable` seconds
when Ctrl-C ends the climb. Where sshd forbids forwarding (`AllowTcpForwarding no`, `PermitOpen`), every stream goes
through a small command on the host instead, one at a time, so that `MaxSessions 1` is enough; without bash on the
host, rungs {asked} are `?`.

Readings are taken again, fresh, until all rungs hold: for 5 seconds at most (or `health.timeout`, when that is
less), after a change for `health.timeout` and `health.stable` together. What is reported is the last reading, with
the seconds it took to get there. What waiting cannot fix, such as a wrong cookie or a unit that systemd has given
up on, is told at once.

## Public ports, from outside

That a port of `firewall.public` answers on loopback says nothing of a firewall. So rung 6 tries each that something
listens on from the other hosts of the run, or, where there is none, from this machine with plain TCP (not behind a
jump host). One that has answered is not tried again in the same climb: each try is a client that says nothing, and
there are applications that die of it. When one does not answer, the host's own tables decide: a table that is not
ours (of ufw, firewalld, iptables, fail2ban, …) and drops it is named and fails the rung, at once. When nothing on the
host drops it, the rung holds and says so: a network may have filters of its own, such as a cloud's.

## What others run

An application that deployer did not put there is verified as it is, given the name of its node, its service and its
cookie. Debian's `rabbitmq-server`, for instance, with a play that has no tasks:

```yaml
cluster:
  name: rabbit
  names: short
  ports: "25672"
  cookie: {file: rabbit.cookie}     # what lies in /var/lib/rabbitmq/.erlang.cookie
nodes:
  - {name: rabbit, service: rabbitmq-server.service}
health: {tcp: "127.0.0.1:5672"}
```

## Wrong states

Each of these is made for real on lab hosts by `tests/lab/test_ladder.py` (over TLS: `test_tls.py`), which holds
`deployer verify` to the rung and to these words; a usual run of the tests makes some of each rung,
`DEPLOYER_LADDER_ALL=1` all. The nodes are `demo@10.0.0.1` on web1, `demo@10.0.0.2` on web2 and
`demo@10.0.0.3` on web3; it is web2 that suffers, unless another one is named.
"""


def page() -> str:
    """The table as documentation."""
    known = {"me": "10.0.0.2", "a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}
    known |= {"host_a": "web1", "host_b": "web2", "host_c": "web3"}
    table = [f"| {rung} | {row.title} | {row.reads} | {row.final.words if row.final else ''} |" for rung, row in ROWS]
    head = "\n".join(["| rung | title | what is read | waiting cannot help when |", "|---|---|---|---|", *table])
    *most, last = (str(int(rung)) for rung, row in ROWS if row.asked)
    parts = [
        _HEAD.replace("{table}", head)
        .replace("{asked}", f"{', '.join(most)} and {last}")
        .replace("{rungs}", str(len(ROWS)))
    ]
    for rung, row in ROWS:
        rows = [
            f"| {name} | {wrong.says.format(**known)} | {wrong.advice.format(**known)} |"
            for name, wrong in (WRONG | TLS).items()
            if wrong.rung is rung
        ]
        parts += [f"### {rung} {row.title}\n", "| wrong state | it says | next step |", "|---|---|---|", *rows, ""]
    return "\n".join(parts)


def readme() -> str:
    """README with the rungs that there are."""
    head = "* **The verify ladder.** For each node, from the bottom: "
    told = head + ", ".join(rung.row.title for rung in Rung) + "."
    lines = "\n".join(textwrap.wrap(told, 120, subsequent_indent="  "))
    return re.sub(rf"{re.escape(head)}.*?\.$", lambda _: lines, README.read_text(), flags=re.DOTALL | re.MULTILINE)

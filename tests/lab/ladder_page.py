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

`deployer verify site.yml -i inventory.yml` checks every node on {rungs} rungs, from the bottom, over the SSH connection
that is already open. It boots no Erlang on a host and needs none on your machine. The report names the first rung that
fails, its cause and the next step. The rungs above depend on it and are not judged. `verify` needs only what the fleet
declares and renders no task: that a task uses a variable which is not there, `deployer plan` tells.

{table}

A rung that cannot be checked is marked `?` and says why: no root to look at another user's process, no cookie declared,
no mesh expected. The last rung is also `?` when Ctrl-C ends the check of a healthy node before `health.stable` seconds
have passed.

Where sshd forbids forwarding (`AllowTcpForwarding no`, `PermitOpen`), every stream goes through a small command on the
host instead, one at a time, so `MaxSessions 1` is enough. If that host has no bash, rungs {asked} are `?`.

deployer repeats all readings until every rung holds: for at most 5 seconds (or `health.timeout`, if that is less), and
after a change for `health.timeout` and `health.stable` together. It reports the last reading and the seconds it took to
get there. It reports at once what waiting cannot fix, such as a wrong cookie or a unit that systemd has given up on.

## Public ports, from outside

A port of `firewall.public` that answers on loopback proves nothing about a firewall. So rung 6 tries each one that
something listens on from the other hosts of the run. If there are none, it tries from this machine with plain TCP, but
not behind a jump host. A port that has answered is not tried again in the same climb, because each try is a client that
sends nothing, and some applications die of it.

If a port does not answer, the host's own nftables tables decide. If a table that is not deployer's (of ufw, firewalld,
iptables, fail2ban, …) drops the connection, the rung fails at once and names the table. If nothing on the host drops
it, the rung holds and says so: the network may have filters of its own, such as a cloud's.

## Applications that deployer did not install

deployer can also verify an application that it did not install, if you declare the name of its node, its service and
its cookie. An example is Debian's `rabbitmq-server`, with a play that has no tasks:

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

`tests/lab/test_ladder.py` (over TLS: `test_tls.py`) creates each of these states on lab hosts, and checks that
`deployer verify` reports the rung and the words below. A normal test run creates some states of each rung,
`DEPLOYER_LADDER_ALL=1` all of them. The nodes are `demo@10.0.0.1` on web1, `demo@10.0.0.2` on web2 and `demo@10.0.0.3`
on web3. The broken node is the one on web2, unless another one is named.
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
        parts += [f"### {rung} {row.title}\n", "| wrong state | message | next step |", "|---|---|---|", *rows, ""]
    return "\n".join(parts)


def readme() -> str:
    """README with the rungs that there are."""
    head = "* **The verify ladder.** For each node, from the bottom: "
    told = head + ", ".join(rung.row.title for rung in Rung) + "."
    lines = "\n".join(textwrap.wrap(told, 120, subsequent_indent="  "))
    return re.sub(rf"{re.escape(head)}.*?\.$", lambda _: lines, README.read_text(), flags=re.DOTALL | re.MULTILINE)

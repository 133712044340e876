"""Until the command line has `lab`: python -m deployer.lab up|down|reset NAME [N] [SUITE]."""

from __future__ import annotations

import sys

from deployer import lab

verb, name, *more = sys.argv[1:]
if verb == "up":
    lab.up(int(more[0]) if more else 3, name=name, suite=more[1] if more[1:] else "bookworm", profiles=more[2:])
elif verb == "down":
    lab.down(name)
elif verb == "reset":
    lab.reset(more[0] if more else None, name)

"""What a wrong state of a fleet is: how it is made for real, which rung names it, and in which words.

In the sh text, ``$me`` is the address of the host it runs on, ``$a``, ``$b`` and ``$c`` are those of all three hosts;
see `PREAMBLE` for the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deployer.engine.ladder.reading import NodeReading
from deployer.engine.ladder.rung import Rung

_HERE = Path(__file__).parent
PREAMBLE = "\n" + (_HERE / "wrong_states.sh").read_text()

RESTORE = "\n" + (_HERE / "wrong_states_restore.sh").read_text()
"""What is the same after every wrong state; each adds what is its own."""

START = "systemctl kill -s KILL demo.service || :; systemctl restart beam-epmd@4369.service demo.service\n"
Where = Literal["host", "controller"]


@dataclass(frozen=True)
class Wrong:
    """One wrong state.

    Attributes:
        rung: the one that fails.
        inject: sh text, as root on one of the hosts; with ``at`` "controller", on this machine, where
            $port is the host's cable and $init its systemd.
        says: words of the rung's detail, in order; ``…`` stands for any.
        advice: words of its advice.
        undo: sh text beside `RESTORE`.
        restart: the node is started again afterwards.
        alone: it reaches beyond its host, so it is not made together with others.
        words: words of the fleet that differ on its host for this reading.
        node: whose rung it is: the host's own, or the one of another host (``a``, where the host is ``b``).
        away: the undo needs another way in than ssh.
        seen: what is read then of the node, for the quick tests, which hold the rung to the same words
            (`reading` of `tests.unit.engine.ladder_kit` makes it; the node is ``shop`` there).
    """

    rung: Rung
    inject: str
    says: str
    advice: str
    undo: str = ""
    restart: bool = True
    alone: bool = False
    words: Mapping[str, Any] = field(default_factory=dict)
    node: str = ""
    at: Where = "host"
    away: bool = False
    seen: NodeReading | None = None


def pattern(says: str, places: Mapping[str, str]) -> re.Pattern[str]:
    """The words of a state as a pattern: ``…`` is anything, ``{a}`` a node's address, ``{host_a}`` its host's name."""
    return re.compile(".*".join(re.escape(part) for part in says.format(**places).split(" … ")), re.DOTALL)

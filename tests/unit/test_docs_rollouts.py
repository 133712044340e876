"""docs/rollouts.md says of each way in which a deploy may end for a host what it means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from deployer.events import Ending

PAGE = Path(__file__).parents[2] / "docs/rollouts.md"
_OF_LOOKING = {"drift", "findings", "unknown"}
"""How an audit or a plan may end, and no deploy."""


def test_the_page_has_every_ending_of_a_deploy() -> None:
    rows = re.findall(
        r"^\| ([a-z, ]+) \| [a-z].* \|$", PAGE.read_text().partition("ends in one of these")[2], re.MULTILINE
    )
    told = {word for row in rows[:7] for word in row.split(", ")}
    assert set(get_args(Ending)) - _OF_LOOKING <= told

"""What is said of a value of a unit's setting is what systemd itself does with it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deployer.fleet.unit import settings
from deployer.fleet.unit_values import _GRAMMARS
from deployer.syntax import span_seconds

VALUES = """
    viel|0|1|2G|1.5G|1e9|2g|2 G|1G 500M|2GB|-1|-5|+5|infinity|50%|150%|0%|12.34%|12.345%|5‰|10K|.5s|5d|1M|1w 2days
    |5min 30s|1m30|1month|2.5 seconds|100us|5x|300ms20s 5day|On|Y|t|TRUE|maybe|idle|20|19|-20|1000|2000|10001|always
    |sometimes|stop|kill|auto|private|0.5%|7|8|99
""".strip().split("|")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_a_value_is_refused_where_systemd_ignores_it_and_nowhere_else(tmp_path: Path) -> None:
    tried = [(name, value.strip()) for name in sorted(_GRAMMARS) for value in VALUES]
    unit = tmp_path / "tried.service"
    head = ["[Service]", "ExecStart=/bin/true"]
    unit.write_text("\n".join([*head, *(f"{name}={value}" for name, value in tried)]) + "\n")
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True).stderr
    ignored = {int(line) for line in re.findall(r"tried\.service:([0-9]+): .*ignor", said)}
    theirs = {one: at in ignored for at, one in enumerate(tried, len(head) + 1)}
    ours = {(name, value): settings({name: value}) is not None for name, value in tried}
    assert {one: theirs[one] for one in tried if ours[one] != theirs[one]} == {}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("span", [value for value in VALUES if span_seconds(value)])
def test_a_span_is_as_long_as_systemd_says(span: str) -> None:
    told = subprocess.run(["systemd-analyze", "timespan", span], capture_output=True, text=True).stdout
    microseconds = re.search(r"s: ([0-9]+)", told)
    assert microseconds
    assert span_seconds(span) == pytest.approx(int(microseconds[1]) / 1e6)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MemoryMax", "viel", "write a size such as 512M or 2G"),
        ("RestartSec", "soon", "write a time span such as 90"),
        ("NoNewPrivileges", "maybe", "write yes or no"),
        ("Restart", "sometimes", "on-failure"),
    ],
)
def test_what_to_write_instead_is_said(name: str, value: str, said: str) -> None:
    complaint = settings({name: value})
    assert complaint
    assert complaint.startswith(f"{name}: {value!r} is ignored by systemd; ")
    assert said in complaint

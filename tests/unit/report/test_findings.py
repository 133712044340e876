"""What an audit's rules found, for a person."""

from __future__ import annotations

import pytest

from deployer.events import RuleJudged
from deployer.report.findings import finding_lines


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (["a@10.0.0.1, b@10.0.0.1: mute", "c@10.0.0.2: mute"], "2 answers are UNKNOWN: mute; -v"),
        (["shop@10.0.0.1: wrong cookie", "shop@10.0.0.2: wrong cookie"], "2 answers are UNKNOWN: wrong cookie; -v"),
        (["this user cannot read /etc/x"], "cannot read /etc/x; -v says which; -b works as root"),
        (["a", "b", "a"], "3 answers are UNKNOWN: a, and other reasons; -v says which\n"),
    ],
)
def test_what_is_not_known_is_told_with_its_reason(reasons: list[str], told: str) -> None:
    judged = [RuleJudged("web1", "CK-01", "high", "title", "UNKNOWN", reason, "") for reason in reasons]
    assert told in "".join("".join(text for text, _ in line) + "\n" for line in finding_lines(judged, 0))

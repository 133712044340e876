"""``deployer cookie``: what it prints, and what it does not take."""

from __future__ import annotations

import pytest

from deployer.beam.cookie import check_cookie
from deployer.cli import main


def typed(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["deployer", "cookie", *words])
        raise SystemExit(0)
    return int(left.value.code or 0)


def test_a_generated_cookie_is_strong_plain_and_new_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert (typed("generate"), typed("generate")) == (0, 0)
    one, other = capsys.readouterr().out.splitlines()
    check_cookie(one)
    assert one.isalnum()
    assert one != other


@pytest.mark.parametrize("flag", ["--limit", "--tags", "--skip-tags"])
def test_a_rotation_of_a_part_of_the_cluster_cannot_be_asked_for(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("rotate", "site.yml", "-i", "nowhere.yml", flag, "web1") == 3
    assert flag in capsys.readouterr().err


def test_a_rotation_without_an_inventory_is_a_wrong_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("rotate", "site.yml") == 3
    assert "inventory" in capsys.readouterr().err

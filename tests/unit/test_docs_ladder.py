"""docs/ladder.md is the table that the lab test holds the program to."""

from __future__ import annotations

from deployer.cli import fleet
from deployer.engine.ladder.rung import Rung


def test_the_page_of_the_ladder_is_the_table() -> None:
    from tests.lab import ladder_page

    assert ladder_page.PAGE.read_text() == ladder_page.page(), "make docs writes it again"
    assert len(ladder_page.WRONG) >= 25
    assert {wrong.rung for wrong in ladder_page.WRONG.values()} == set(Rung)


def test_the_help_of_verify_names_the_bottom_and_the_top_of_the_ladder_and_the_readme_every_rung_in_order() -> None:
    from tests.lab import ladder_page

    titles = [rung.row.title for rung in Rung]
    assert f'from "{titles[0]}" to "{titles[-1]}"' in (fleet._verify.__doc__ or "")
    assert ladder_page.README.read_text() == ladder_page.readme(), "make docs writes it again"
    assert f": {', '.join(titles)}. " in " ".join(ladder_page.readme().split())


def test_every_rung_has_a_title_a_reading_and_a_judge_of_its_own() -> None:
    assert [int(rung) for rung in Rung] == [*range(1, len(Rung) + 1)]
    for column in ("title", "reads", "judge"):
        assert len({getattr(rung.row, column) for rung in Rung}) == len(Rung)

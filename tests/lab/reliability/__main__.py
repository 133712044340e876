"""Do what the table says for real, on lab hosts; print what came of each row, and write docs/reliability.md.

    python -m tests.lab.reliability                 all rows; an hour and more
    python -m tests.lab.reliability --only F3,F7    some of them; what is known of the others stays as it was
    python -m tests.lab.reliability --page          try nothing, write the page again

Any other run of the tests fills the table, too, where DEPLOYER_RELIABILITY_PAGE=1 is set.
DEPLOYER_TEST_LAB names the lab. DEPLOYER_KILL_ALL=1 or 2/6 has rows F8 and T3 kill everywhere, or a part of it.
Exit 1 when a row does not hold.
"""

# ruff: noqa: T201  its output is a report for a person

from __future__ import annotations

import argparse
import os
import sys

import pytest

from tests.lab.reliability.kept import Kept, in_words
from tests.lab.reliability.page import PAGE, line, page
from tests.lab.reliability.rows import ROWS
from tests.lab.reliability.table import ROOT


def main() -> int:
    """Run the command line."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    asked.add_argument("--only", default="", metavar="F3,F7")
    asked.add_argument("--page", action="store_true")
    args = asked.parse_args()
    wanted = set(filter(None, args.only.split(",")))
    if unknown := wanted - {row.name for row in ROWS}:
        asked.error(f"no row {', '.join(sorted(unknown))}")
    kept = Kept.read(in_words(["python", "-m", "tests.lab.reliability", *sys.argv[1:]]))
    rows = [row for row in ROWS if not wanted or row.name in wanted]
    if not args.page:
        os.environ |= dict.fromkeys(("DEPLOYER_RELIABILITY_ALL", "DEPLOYER_LADDER_ALL", "DEPLOYER_LAB_ALL"), "1")
        os.chdir(ROOT)
        tests = dict.fromkeys(f"tests/{test}" for row in rows for test in row.tests)
        os.environ.pop("DEPLOYER_RELIABILITY_PAGE", None)  # this is one already
        pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[kept])
    for row in rows:
        print(line(row, kept))
    PAGE.write_text(page(kept))
    return any("FAILS" in line(row, kept) for row in rows)


if __name__ == "__main__":
    sys.exit(main())

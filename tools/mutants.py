"""Break the program on purpose, one place at a time: each break has to be noticed by the quick test named beside it.

``make mutants`` runs all; ``tools/mutants.py back`` those whose file or test has the word. It works on a copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PARTS = ("deployer", "tests", "roles", "playbooks", "docs", "tools")
FILES = ("pyproject.toml", "inventory.example.yml", "README.md")


class Mutant(NamedTuple):
    """One break: a text of a file that becomes another one, and the test that has to fail then."""

    file: str
    old: str
    new: str
    test: str


ENGINE = "tests/unit/engine"
STOPS, ADDRESS = f"{ENGINE}/test_engine_roll_stops.py", "tests/unit/transport/test_address.py"
BACK = f"{ENGINE}/test_going_back_rules.py"
MUTANTS = (
    Mutant("engine/roll/back.py", "if record.current in record.good:", "if record.current:", BACK),
    Mutant("engine/roll/back.py", "if one != leaving", "if True", BACK),
    Mutant("engine/roll/back.py", "return problem is None or isinstance", "return True or isinstance", BACK),
    Mutant("engine/host_run.py", "(130, 3, 1, 7, 5, 4, 6, 2, 0)", "(3, 1, 7, 5, 4, 6, 2, 0, 130)", BACK),
    Mutant("engine/host_run.py", "(130, 3, 1, 7, 5, 4, 6, 2, 0)", "(130, 3, 4, 1, 7, 5, 6, 2, 0)", BACK),
    Mutant("engine/roll/rules.py", "len(failed) > most", "len(failed) > most + 1", STOPS),
    Mutant("engine/roll/rules.py", "if canary and canary.problem and", "if False and canary and",
           STOPS),
    Mutant("engine/roll/roll.py", "run.advance(HostState.NOT_REACHED, reason=stops)", "pass",
           f"{ENGINE}/test_roll_state.py"),
    Mutant("engine/roll/batch.py", "run.advance(HostState.SWITCHED)", "pass", f"{ENGINE}/test_roll_state.py"),
    Mutant("engine/ladder/judge.py", "if not low <= found.port <= high:", "if False:",
           f"{ENGINE}/test_ladder_wrong_states.py"),
    Mutant("engine/ladder/judge.py", "if unit.deleted:", "if False:", f"{ENGINE}/test_ladder_wrong_states.py"),
    Mutant("engine/ladder/judge.py", "found.port not in unit.ports:", "False:",
           f"{ENGINE}/test_ladder_wrong_states.py"),
    Mutant("engine/ladder/mesh.py", "caused_by_absent_host=all(", "caused_by_absent_host=False and all(",
           f"{ENGINE}/test_ladder_rungs.py"),
    Mutant("engine/walk/walk.py", "            if left:", "            if False:", f"{ENGINE}/test_engine_walk.py"),
    Mutant("syntax.py", 'return text.rsplit(".", 1)[-1].isdigit()', "return False", ADDRESS),
    Mutant("load/connection.py", 'if name.startswith("ansible_")', "if False", "tests/unit/test_bad_input.py"),
    Mutant("resolve/members.py", "return name in swapped", "return False", "tests/unit/resolve/test_resolve_fleet.py"),
    Mutant("runtime.py", "            except BrokenPipeError:\n                _let_go_of([out.fileno()])",
           "            finally:\n                pass", "tests/unit/cli/test_cli_pipes.py"),
    Mutant("releases/switch.sh", '[ -z "$made" ] || aim "$made" || { full "$held"; return 1; }', ":",
           "tests/unit/modules/test_switch.py"),
    Mutant("sh/steps.sh", "trap '' HUP PIPE", ":", "tests/unit/test_sh_watch.py"),
)  # fmt: skip


def survives(mutant: Mutant, place: Path) -> bool:
    """Return whether the named test still passes on the broken copy."""
    path = place / "deployer" / mutant.file
    whole = path.read_text()
    if whole.count(mutant.old) < 1:
        raise SystemExit(f"{mutant.file} has no {mutant.old!r} any more: say what the mutant is now")
    path.write_text(whole.replace(mutant.old, mutant.new, 1))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(place / mutant.test)]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, check=False, cwd=place, env=environment, capture_output=True, text=True)
    finally:
        path.write_text(whole)
    return done.returncode == 0


def main(words: Sequence[str]) -> int:
    """Try the mutants that the words choose, tell how each ended, and return 1 when one survives."""
    chosen = [one for one in MUTANTS if all(word in f"{one.file} {one.test}" for word in words)]
    with TemporaryDirectory() as directory:
        place = Path(directory)
        for part in PARTS:
            shutil.copytree(ROOT / part, place / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, place / name)
        left = 0
        for mutant in chosen:
            lives = survives(mutant, place)
            left += lives
            sys.stdout.write(f"{'SURVIVES' if lives else 'killed  '} {mutant.file}: {mutant.old.strip()[:60]!r}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - left} of {len(chosen)} killed\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

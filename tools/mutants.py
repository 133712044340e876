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
BEAM, LOAD = "tests/unit/beam", "tests/unit/load"
KNOWN, SAVED = "tests/unit/transport/test_known_hosts.py", "tests/unit/saved/test_saved_plan_file.py"
CLAIMED = "tests/unit/saved/test_saved_plan_applied.py"
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
    Mutant("engine/ladder/judge.py", "if unit.deleted:", "if False:", f"{ENGINE}/test_ladder_lab_states.py"),
    Mutant("engine/ladder/judge.py", "found.port not in unit.ports:", "False:",
           f"{ENGINE}/test_ladder_lab_states.py"),
    Mutant("engine/ladder/mesh.py", "caused_by_absent_host=all(", "caused_by_absent_host=False and all(",
           f"{ENGINE}/test_ladder_rungs.py"),
    Mutant("syntax.py", 'return text.rsplit(".", 1)[-1].isdigit()', "return False", ADDRESS),
    Mutant("load/connection.py", 'if name.startswith("ansible_")', "if False", "tests/unit/test_bad_input.py"),
    Mutant("resolve/members.py", "return name in swapped", "return False", "tests/unit/resolve/test_resolve_fleet.py"),
    Mutant("runtime.py", "            except BrokenPipeError:\n                _let_go_of([out.fileno()])",
           "            finally:\n                pass", "tests/unit/cli/test_cli_pipes.py"),
    Mutant("releases/switch.sh", '[ -z "$made" ] || aim "$made" || { full "$held"; return 1; }', ":",
           "tests/unit/modules/test_switch.py"),
    Mutant("sh/frame.py", "parts += [\"trap '' HUP PIPE\"]", "pass", "tests/unit/test_sh_frame.py"),
    Mutant("engine/roll/rollout.py",
           "unhealthy = {host: nodes for host, nodes in unhealthy.items() if host not in found[-1]}", "pass",
           f"{ENGINE}/test_engine_rollout.py"),
    Mutant("engine/roll/rollout.py", "return ceil(grammar.amount",
           "return int(grammar.amount", f"{ENGINE}/test_engine_rollout.py"),
    Mutant("engine/roll/rollout.py", "first = [host for host in running if host == canary]",
           "first: list[str] = []", f"{ENGINE}/test_engine_rollout.py"),
    Mutant("engine/roll/rollout.py", "failed * 100 > percentage * size",
           "failed * 100 >= percentage * size", f"{ENGINE}/test_engine_rollout.py"),
    Mutant("engine/roll/rules.py", "        if wrong := self._fatal():\n            return wrong\n        failed",
           "        failed", STOPS),
    Mutant("engine/roll/rules.py", "if found and any(run.closes for run in self.due):", "if False:",
           f"{ENGINE}/test_roll_joining.py"),
    Mutant("engine/walk/second_look.py", "        if left:", "        if False:", f"{ENGINE}/test_engine_walk.py"),
    Mutant("engine/walk/upload.py", "replace(blob, offset=_arrived(transport, blob))",
           "blob", f"{ENGINE}/test_engine_upload.py"),
    Mutant("engine/walk/upload.py", "        except (HostKeyError, AuthError):\n            raise\n",
           "", f"{ENGINE}/test_engine_upload.py"),
    Mutant("engine/ladder/rung.py", "if judged.ok is False and not judged.secondary:",
           "if judged.ok is False:", f"{ENGINE}/test_ladder_rungs.py"),
    Mutant("engine/ladder/judge.py", "if target.version and version and version != target.version:",
           "if False:", f"{ENGINE}/test_ladder_wrong_states.py"),
    Mutant("engine/ladder/judge.py", "if target.release_dir and unit.release_dir != target.release_dir:",
           "if False:", f"{ENGINE}/test_ladder_wrong_states.py"),
    Mutant("engine/ladder/judge.py", 'if unit.state == "T":', "if False:", f"{ENGINE}/test_ladder_wrong_states.py"),
    Mutant("engine/ladder/mesh.py", "(str(other), other.host in reading.hosts)",
           "(str(other), True)", f"{ENGINE}/test_ladder_rungs.py"),
    Mutant("engine/seat.py", "return began != start or", "return", f"{ENGINE}/test_seat.py"),
    Mutant("engine/seat.py", "if place != [_boot(), _namespace(), str(os.getuid())]:",
           "if False:", f"{ENGINE}/test_seat.py"),
    Mutant("beam/handshake.py", "if not hmac.compare_digest(ack[1:], digest(cookie, challenge)):",
           "if False:", f"{BEAM}/test_beam_handshake.py"),
    Mutant("beam/handshake.py", "if theirs.name != str(node):", "if False:", f"{BEAM}/test_beam_handshake.py"),
    Mutant("beam/handshake.py", "if not 1 <= size <= limit:", "if False:", f"{BEAM}/test_beam_handshake.py"),
    Mutant("beam/cookie.py", "if len(text) < SHORTEST:", "if False:", f"{BEAM}/test_beam_cookie.py"),
    Mutant("beam/cookie.py", "any(word in text.lower() for word in _KNOWN)",
           "any(word in text for word in _KNOWN)", f"{BEAM}/test_beam_cookie.py"),
    Mutant("beam/archive.py", "if info.mode & 0o7002:", "if info.mode & 0o7000:", f"{BEAM}/test_beam_archive.py"),
    Mutant("beam/archive.py", "if self._headers > MEMBERS_LIMIT:", "if False:", f"{BEAM}/test_beam_archive.py"),
    Mutant("beam/archive.py", "self._compare(entry)\n            self._read",
           "self._read", f"{BEAM}/test_beam_archive.py"),
    Mutant("beam/tarball.py", "if declared is not None and declared != inside:",
           "if False:", f"{BEAM}/test_beam_tarball.py"),
    Mutant("load/taint.py", "        context.tainted = True\n", "", f"{LOAD}/test_load_taint.py"),
    Mutant("load/taint.py", "node.nodes = [self._wrap(part, TEXT) for part in node.nodes]",
           "pass", f"{LOAD}/test_load_taint.py"),
    Mutant("load/taint.py", "operand.expr = self._wrap(operand.expr, REVEAL_ALL)",
           "pass", f"{LOAD}/test_load_taint.py"),
    Mutant("load/taint.py", "return Secret(str(value), name)", "return value", f"{LOAD}/test_load_taint.py"),
    Mutant("load/vault.py", 'if not hmac.compare_digest(mac, hmac.digest(mac_key, ciphertext, "sha256")):',
           "if False:", f"{LOAD}/test_load_vault.py"),
    Mutant("load/yaml.py", "if key in mapping.marks:", "if False:", f"{LOAD}/test_load_yaml.py"),
    Mutant("load/yaml.py", "if len(self.stack) >= MAX_DEPTH:", "if False:", f"{LOAD}/test_load_yaml.py"),
    Mutant("load/yaml.py", "and str(int(text)) == text:", ":", f"{LOAD}/test_load_yaml.py"),
    Mutant("load/roles.py", "serves = once and not (weak or strong)", "serves = once", f"{LOAD}/test_load_roles.py"),
    Mutant("load/naming.py", "return UNNAMED if isinstance(found, Secret) else found", "return found",
           f"{LOAD}/test_load_naming.py"),
    Mutant("sh/text.py", "return shlex.quote(word)", "return word", "tests/unit/test_sh_text.py"),
    Mutant("sh/text.py", 'if "\\0" in word:', "if False:", "tests/unit/test_sh_text.py"),
    Mutant("regular.py", "    _refuse_other(path.stat().st_mode, path)  #", "    #", "tests/unit/test_regular.py"),
    Mutant("transport/known_hosts.py", "            if entry.key == key:\n", "            if False:\n", KNOWN),
    Mutant("transport/known_hosts.py", 'if known := _marked("", self.exact):', "if known := ():", KNOWN),
    Mutant("transport/known_hosts.py", "if mode & stat.S_IWOTH:", "if False:", KNOWN),
    Mutant("transport/host_line.py", "if any(_like(name, pattern[1:])",
           "if False and any(_like(name, pattern[1:])", KNOWN),
    Mutant("saved/plan_file.py", "not isinstance(seal, str) or not hmac.compare_digest(", "False and (", SAVED),
    Mutant("saved/plan_file.py", 'os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:\n',
           'os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as out:\n', CLAIMED),
    Mutant("report/journal.py", 'flags, 0o600), "w"', 'flags, 0o644), "w"', "tests/unit/report/test_report_journal.py"),
    Mutant("report/journal.py", 'whole = hmac.new(key, digestmod="sha256")',
           'whole = hmac.new(b"x", digestmod="sha256")', "tests/unit/report/test_report_journal.py"),
    Mutant("errors.py", "and self.where and not error.where:", "and self.where:", "tests/unit/test_errors.py"),
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

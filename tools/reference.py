"""Write the pages that come from classes and tables: modules, commands, rules of an audit, the ladder, JSON Schemas."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from invoke.collection import Collection

from deployer import modules
from deployer.audit.catalog import RULES
from deployer.cli import overview
from deployer.cli.program import DeployerProgram
from deployer.fleet import FleetSettings
from deployer.report.reference import reference
from deployer.report.rules import others_of, table
from deployer.schema import json_schema

DOCS = Path(__file__).parent.parent / "docs"
TESTS = DOCS.parent / "tests"
_HEAD = """# Modules

`make docs` writes this page from the classes; `deployer modules show NAME` prints the same. General modules have
Ansible's names and argument names. An argument that you leave out is not managed, unless it has a default here.
"""
_RULES = """# The rules of an audit

`make docs` writes this table from the rules; `deployer audit --list` prints it, and `deployer audit --explain ID`
everything about one rule. The last column names similar checks, which may require more or less. [audit.md](audit.md)
says how rules are judged.
"""
_COVERAGE = """# How the rules of an audit are tested

`make docs` writes this page from the rules, their fixtures (`tests/unit/audit/rule_states.py`) and the tests that break
them on real hosts (`tests/lab/broken_rules.py`). Every rule has a good host that passes, one that FAILs, and one that
cannot be read, which never passes.

| rule | fixtures | FAILs on a host of the lab | Lynis, dev-sec, CIS |
|---|---|---|---|
"""


def coverage() -> str:
    """Return the page that says of each rule by which fixtures and on which hosts it is tested."""
    from tests.lab.broken_rules import PLACES
    from tests.unit.audit.rule_states import LIVE_STATES, STATES

    states = {*STATES, *LIVE_STATES, "ED-17"}  # its two nodes are TWO_LIVES
    if lacking := (set(RULES) - states) | (set(RULES) ^ set(PLACES)):
        raise SystemExit(f"these rules have no fixtures, or no place in the lab: {sorted(lacking)}")
    rows = (
        f"| {rule.id} | passes, FAILs, unreadable | {PLACES[rule.id]} | {others_of(rule)} |" for rule in RULES.values()
    )
    return _COVERAGE + "\n".join(rows) + "\n"


def pages() -> dict[Path, str]:
    """Return every generated file → its content."""
    sys.path.insert(0, str(TESTS.parent))
    found = {
        DOCS / "modules.md": "\n".join([_HEAD, *(reference(n, modules.class_of(n)) + "\n" for n in modules.names())])
    }
    found[DOCS / "cli.md"] = overview.command_page(DeployerProgram.standard().namespace or Collection())
    found[DOCS / "audit-rules.md"] = f"{_RULES}\n{table(tuple(RULES.values()))}\n"
    found[DOCS / "audit-coverage.md"] = coverage()
    from tests.lab import ladder_page

    found |= {ladder_page.PAGE: ladder_page.page(), ladder_page.README: ladder_page.readme()}
    schemas = {"fleet": json_schema(FleetSettings)} | {
        name: json_schema(modules.class_of(name)) for name in modules.names()
    }
    for name, schema in schemas.items():
        found[DOCS / "schema" / f"{name}.json"] = json.dumps(schema, indent=2, default=str) + "\n"
    return found


def main() -> int:
    """Write what differs; with ``--check`` only say so and return 1."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path])
        print(path.relative_to(DOCS.parent))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
